import { figure, type MetricUnit } from "../units/figure.ts";
import { PUBLICATIONS, type Publication, type PublishedFigure } from "../units/published.ts";
import { escapeName, escapeText } from "./escape.ts";
import type { ReportedRecord } from "./experiment.ts";
import { unbroken } from "./figure-table.ts";
import { latencyText } from "./figures.ts";
import { renderTable } from "./html-table.ts";
import { renderMarks } from "./marks.ts";
import { drawStrip } from "./strip.ts";

interface Row {
  readonly who: string;
  readonly of: string;
  /** One value of what was published; of a record its repetitions. */
  readonly values: readonly number[];
  readonly text: string;
  readonly isOurs: boolean;
}

/** Figures that somebody published of what was measured here too, beside it; empty where nothing was. */
export function renderPublished(records: readonly ReportedRecord[]): string {
  const parts = PUBLICATIONS.flatMap((publication) => {
    const tables = tablesOf(publication, records);
    return tables.length === 0 ? [] : [renderPublication(publication, tables)];
  });
  if (parts.length === 0) return "";
  return `<section id="published"><h2>Published figures</h2>
<p class="note">What others published of the same metric, as a ring; what was measured here as dots, on one logarithmic axis. It was measured on other hardware and with other software: the distance is that of the set-ups too, and decides nothing.</p>
${parts.join("\n")}
</section>
`;
}

function renderPublication({ title, by, on }: Publication, tables: readonly string[]): string {
  return `<h3>${escapeText(`${by}: ${title}`)}</h3>
<p class="note">Measured on other hardware: ${escapeText(on)}.</p>
${tables.join("\n")}`;
}

function tablesOf({ figures }: Publication, records: readonly ReportedRecord[]): string[] {
  return [...new Set(figures.map(({ metric }) => metric))].flatMap((metric) => {
    const ours = records.flatMap((record) => measuredIn(record, metric).map((found) => ({ record, found })));
    const theirs = figures.filter((each) => each.metric === metric && each.unit === ours[0]?.found.unit);
    if (theirs.length === 0) return [];
    const rows = [
      ...theirs.flatMap(publishedRows),
      ...ours.map(({ record, found }) => ourRow(record, found)),
    ];
    const known = rows.flatMap(({ values }) => values).filter((value) => value > 0);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const axis = [low, high].map((value) => unbroken(figure(value, theirs[0]?.unit ?? "ns"))).join(" to ");
    return [
      renderTable({
        ...{ kind: "figures published", caption: metric, shown: true, head: ["", "of", "figure", axis] },
        rows: rows.map((row) => renderRow(metric, row, low, high)),
      }),
    ];
  });
}

function publishedRows({ of, unit, before, after }: PublishedFigure): Row[] {
  const row = (who: string, value: number): Row => ({
    ...{ who, of: escapeText(of), values: [value], text: unbroken(figure(value, unit)), isOurs: false },
  });
  return after === undefined
    ? [row("published", before)]
    : [row("published, as it was", before), row("published, with their changes", after)];
}

/** What a record has of a metric, be it a figure of each repetition or a distribution. */
interface Measured {
  readonly unit: MetricUnit;
  readonly values: readonly number[];
  readonly text: string;
}

function measuredIn({ figures, metrics }: ReportedRecord, name: string): Measured[] {
  return [
    ...figures
      .filter((each) => each.name === name)
      .map(({ unit, median, max, each }) => {
        const text = (value: number) => unbroken(figure(value, unit));
        const most = each.length > 1 ? `, most ${text(max)}` : "";
        return { unit, values: each, text: `${text(median)}${most}` };
      }),
    ...metrics
      .filter((each) => each.name === name)
      .map(({ medianNs, percentiles }) => {
        const tail = percentiles.find(([percentile]) => percentile === "99")?.[1] ?? null;
        const text = `${latencyText(medianNs)}${tail === null ? "" : `, p99 ${latencyText(tail)}`}`;
        return { unit: "ns" as const, values: [medianNs], text };
      }),
  ];
}

function ourRow(record: ReportedRecord, { values, text }: Measured): Row {
  const mark = renderMarks(record);
  const of = `${escapeText(record.subject)}${mark === "" ? "" : ` ${mark}`}`;
  return { who: `here, ${record.name}`, of, values, text, isOurs: true };
}

function renderRow(
  metric: string,
  { who, of, values, text, isOurs }: Row,
  low: number,
  high: number,
): string {
  const strip = drawStrip({
    ...{ title: `${metric}, ${who}`, description: `${text}.`, values: values.filter((value) => value > 0) },
    ...{ low, high, scale: "logarithmic", mark: isOurs ? "dot" : "ring" },
  });
  return `<tr><th scope="row">${escapeName(who)}</th><td class="words">${of}</td><td>${escapeText(text)}</td><td>${strip}</td></tr>`;
}
