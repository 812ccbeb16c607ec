import type { MetricChange } from "../measure/comparison.ts";
import { figure } from "../units/figure.ts";
import { drawCurves } from "./charts.ts";
import { effectText } from "./effect.ts";
import { escapeName, escapeText } from "./escape.ts";
import type { ReportedBaseline, ReportedPair, ReportedRecord } from "./experiment.ts";
import { unbroken } from "./figure-table.ts";
import { renderTable } from "./html-table.ts";

const SIGNS = { better: "✓", worse: "✗", equal: "=", unclear: "?" } as const;
/** Items of a list that are shown; a machine of another make differs in hundreds. */
const LISTED = 12;

/** Each result beside the one that it is held against: first what else is different, then the figures. */
export function renderBaseline(
  baseline: ReportedBaseline | undefined,
  records: readonly ReportedRecord[],
): string {
  if (baseline === undefined) return "";
  const { from, pairs, onlyBefore, onlyNow } = baseline;
  const alone = [
    ...(onlyBefore.length === 0 ? [] : [`Measured before, not now: ${onlyBefore.join(", ")}.`]),
    ...(onlyNow.length === 0 ? [] : [`Measured now, not before: ${onlyNow.join(", ")}.`]),
  ];
  return `<section id="baseline"><h2>Against the baseline</h2>
<p class="note">The baseline is <code>${escapeText(from)}</code>. Medians of repetitions are compared by Mann and Whitney's test; the change is Hodges and Lehmann's estimate with its 95 % interval.</p>
${pairs.map((pair) => renderPair(pair, records)).join("\n")}
${alone.map((line) => `<p class="note">${escapeText(line)}</p>`).join("\n")}
</section>
`;
}

function renderPair(pair: ReportedPair, records: readonly ReportedRecord[]): string {
  const { name, startedAt, comparison } = pair;
  const { environment, conditions, metrics, unmatched, caveats } = comparison;
  const table = renderTable({
    kind: "figures changes",
    caption: `${name} against the baseline`,
    head: ["", "baseline", "now", "change", "verdict"],
    rows: metrics.map(renderChange),
  });
  return `<article>
<h3>${escapeText(name)}</h3>
<p class="note">Baseline measured ${escapeText(startedAt)}.</p>
${caveats.map((caveat) => `<p class="reason">Nothing can be told: ${escapeText(caveat)}</p>`).join("\n")}
${list("What was in force is the same.", "What was in force changed:", environment)}
${list("It was measured in the same way.", "How it was measured changed:", conditions)}
${metrics.length === 0 ? "" : table}
${unmatched.map((line) => `<p class="note">${escapeText(line)}</p>`).join("\n")}
${drawPair(pair, records)}
</article>`;
}

function list(none: string, some: string, lines: readonly string[]): string {
  if (lines.length === 0) return `<p class="note">${none}</p>`;
  const more = lines.length - LISTED;
  const items = [...lines.slice(0, LISTED), ...(more > 0 ? [`and ${more} more`] : [])];
  return `<p class="list">${some}</p><ul class="changed">${items.map((item) => `<li>${escapeText(item)}</li>`).join("")}</ul>`;
}

function renderChange(change: MetricChange): string {
  const { name, unit, before, after, verdict, reason } = change;
  const figures = [figure(before, unit), figure(after, unit), effectText(change)];
  const said = verdict === "unclear" ? "can't tell" : verdict;
  return `<tr class="${verdict}"><th scope="row">${escapeName(name)}</th>${figures.map((cell) => `<td>${escapeText(unbroken(cell === "" ? "–" : cell))}</td>`).join("")}<td class="words"><strong>${SIGNS[verdict]} ${said}</strong> <span class="note">${escapeText(reason)}</span></td></tr>`;
}

function drawPair({ name, metrics }: ReportedPair, records: readonly ReportedRecord[]): string {
  const now = records.find((record) => record.name === name)?.metrics ?? [];
  const charts = metrics.flatMap((before) => {
    const after = now.find((metric) => metric.name === before.name);
    if (after === undefined) return [];
    return drawCurves({
      name: before.name,
      caption: `${before.name}: latency by percentile`,
      series: [
        { label: "now", metric: after },
        { label: "baseline", metric: before },
      ],
    });
  });
  return charts.join("") === "" ? "" : `<div class="charts">${charts.join("")}</div>`;
}
