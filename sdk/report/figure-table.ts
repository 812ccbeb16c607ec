import { figure } from "../units/figure.ts";
import { escapeName, escapeText } from "./escape.ts";
import type { ReportedFigure, ReportedRecord } from "./experiment.ts";
import { renderTable } from "./html-table.ts";
import { drawStrip } from "./strip.ts";

/** What other parts of a record show already. */
const SHOWN_ELSEWHERE = /^(throughput|loss)\./;

/** Metrics of which each repetition has one value: the median with its interval, the extremes, and where each repetition lies between them. */
export function renderFigures({ name, losses, figures }: ReportedRecord): string {
  const shown = figures.filter((each) => losses.length === 0 || !SHOWN_ELSEWHERE.test(each.name));
  if (shown.length === 0) return "";
  const isRepeated = shown.some(({ each }) => each.length > 1);
  const head = ["", "median", ...(isRepeated ? ["95 % interval", "least", "most", "repetitions"] : [])];
  const note = isRepeated
    ? `<p class="note">A mark is a repetition, from the least on the left to the most on the right. Below six repetitions the interval is their range.</p>`
    : "";
  return `${renderTable({
    kind: "figures",
    caption: `Figures of ${name}`,
    head,
    rows: shown.map((each) => renderRow(each, isRepeated)),
  })}${note}`;
}

function renderRow(
  { name, unit, median, min, max, interval, each }: ReportedFigure,
  isRepeated: boolean,
): string {
  const text = (value: number) => unbroken(figure(value, unit));
  const range = [text(interval.low), text(interval.high)].join(" to ");
  const others = each.length > 1 ? [range, text(min), text(max)] : ["–", "–", "–"];
  const description = `${each.length} repetitions: ${each.map((value) => text(value)).join(", ")}.`;
  const strip =
    each.length > 1
      ? drawStrip({
          ...{ title: `Repetitions of ${name}`, description, values: each },
          ...{ low: min, high: max, scale: "linear", mark: "dot" },
        })
      : "";
  const cells = [text(median), ...(isRepeated ? others : [])].map((cell) => `<td>${escapeText(cell)}</td>`);
  return `<tr><th scope="row">${escapeName(name)}</th>${cells.join("")}${isRepeated ? `<td>${strip}</td>` : ""}</tr>`;
}

/** A figure that no line break takes apart. */
export function unbroken(text: string): string {
  return text.replaceAll(" ", "\u00A0");
}
