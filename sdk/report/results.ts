import { drawCurve, drawCurves, drawHistogram } from "./charts.ts";
import { escapeName, escapeText } from "./escape.ts";
import type { ReportedLoad, ReportedLoss, ReportedMetric, ReportedRecord } from "./experiment.ts";
import { renderFigures } from "./figure-table.ts";
import { countText, latencyText, rateText } from "./figures.ts";
import { renderTable } from "./html-table.ts";
import { drawLoad } from "./load-chart.ts";
import { drawLoss } from "./loss-chart.ts";
import { renderMarks } from "./marks.ts";
import { renderMigrations } from "./migrations.ts";
import { SERIES } from "./plot.ts";

/** What was measured: all latencies in one table, those of one metric on the same axes, then record by record. */
export function renderResults(records: readonly ReportedRecord[]): string {
  const content =
    records.length === 0
      ? `<p class="note">Nothing was measured.</p>`
      : `${renderOverview(records)}${renderSideBySide(records)}\n${records.map(renderRecord).join("\n")}`;
  return `<section id="results"><h2>Results</h2>
${content}
</section>
`;
}

/** All records in one table: what is compared stands side by side. */
function renderOverview(records: readonly ReportedRecord[]): string {
  const metrics = records.flatMap((record) => record.metrics.map((metric) => ({ record, metric })));
  if (metrics.length === 0) return "";
  const names = toldOf(metrics.map(({ metric }) => metric));
  const rows = metrics.map(
    ({ record, metric }) =>
      `<tr><th scope="row">${escapeName(record.name)} ${renderMarks(record)}<span class="note">${escapeName(metric.name)}</span></th>${renderLatencies(metric, names)}</tr>`,
  );
  return `${renderTable({
    ...{ kind: "figures", caption: "Latencies of all results", rows },
    head: latencyHead(names),
  })}
<p class="note">A dash: too few samples for that percentile, or it lies beyond the range of the histogram.</p>`;
}

type Latencies = Pick<ReportedMetric, "samples" | "minNs" | "maxNs" | "percentiles">;

/** Percentiles that are known of one of them at least. */
function toldOf(all: readonly Latencies[]): string[] {
  const names = new Set(all.flatMap(({ percentiles }) => percentiles.map(([name]) => name)));
  return [...names].filter((name) => all.some((latencies) => percentileOf(latencies, name) !== null));
}

const latencyHead = (names: readonly string[]) => [
  ...["", "min"],
  ...names.map((name) => `p${name}`),
  ...["max", "samples"],
];

function renderLatencies(latencies: Latencies, names: readonly string[]): string {
  const cells = [
    latencyText(latencies.minNs),
    ...names.map((name) => {
      const ns = percentileOf(latencies, name);
      return ns === null ? "–" : latencyText(ns);
    }),
    latencyText(latencies.maxNs),
    countText(latencies.samples),
  ];
  return cells.map((cell) => `<td>${escapeText(cell)}</td>`).join("");
}

/** Of several CPUs the slowest is lost among the others. */
function renderCpus({ name, cpus = [] }: ReportedMetric): string {
  if (cpus.length === 0) return "";
  const names = toldOf(cpus);
  return `\n${renderTable({
    ...{ kind: "figures", caption: `${name}, CPU by CPU`, shown: true },
    rows: cpus.map(
      (cpu) => `<tr><th scope="row">CPU ${escapeText(cpu.cpu)}</th>${renderLatencies(cpu, names)}</tr>`,
    ),
    head: latencyHead(names),
  })}`;
}

/** Records of the same metric on the same axes, as of an untuned and a tuned machine. */
function renderSideBySide(records: readonly ReportedRecord[]): string {
  const measured = records.flatMap((record) => unloaded(record).map((metric) => ({ record, metric })));
  const names = [...new Set(measured.map(({ metric }) => metric.name))];
  const charts = names.flatMap((name) => {
    const series = measured
      .filter(({ metric }) => metric.name === name)
      .map(({ record, metric }) => ({ label: record.name, metric }));
    const left = series.length > SERIES ? `; the first ${SERIES} of ${series.length}` : "";
    return drawCurves({ name, caption: `${name}, side by side${left}`, series });
  });
  const drawn = charts.join("");
  return drawn === "" ? "" : `\n<div class="charts">${drawn}</div>`;
}

function renderRecord(record: ReportedRecord): string {
  const { name, subject, startedAt, loads, losses, migrations } = record;
  const facts = [subject, startedAt].filter((fact) => fact !== "").map(escapeText);
  const command = record.command === "" ? "" : `<p class="note">${renderCommand(record.command)}</p>\n`;
  const { hash } = record.inForce;
  const setUp = hash === undefined ? [] : [`in force: <code>${escapeText(hash.slice(0, 12))}</code>`];
  return `<article>
<h3>${escapeText(name)} ${renderMarks(record)}</h3>
<p class="note">${[...facts, ...setUp].join(" · ")}</p>
${command}${record.invalidReasons.map((reason) => `<p class="reason">Invalid: ${escapeText(reason)}</p>`).join("\n")}
${record.remarks.map((remark) => `<p class="note">${escapeText(remark)}</p>`).join("\n")}
${renderLosses(name, losses)}
${renderLoads(loads)}
${migrations.length === 0 ? "" : renderMigrations(name, migrations, record.figures)}
${renderFigures(record)}
${unloaded(record).map(renderMetric).join("\n")}
</article>`;
}

/** Those at a load are drawn together; how latency varies stands in the table of all, and its curve is the latency's own. */
function unloaded({ metrics, loads }: ReportedRecord): ReportedMetric[] {
  const loaded = new Set(loads.flatMap(({ points }) => points.map(({ metric }) => metric.name)));
  return metrics.filter(({ name }) => !loaded.has(name) && !/\.i?pdv$/.test(name));
}

function renderLoads(loads: readonly ReportedLoad[]): string {
  return loads
    .map(drawLoad)
    .filter((drawn) => drawn !== "")
    .map((drawn) => `<div class="charts">${drawn}</div>`)
    .join("\n");
}

/** Loss by load of each frame size, and the throughput of every goal with its bounds. */
function renderLosses(name: string, losses: readonly ReportedLoss[]): string {
  if (losses.length === 0) return "";
  const rate = (pps: number | null) => `<td>${pps === null ? "–" : rateText(pps)}</td>`;
  const rows = losses.flatMap(({ frame, found }) =>
    found.map(
      ({ goal, throughputPps, lowerPps, upperPps }) =>
        `<tr><th scope="row">${escapeText(frame)}, ${escapeText(goal)}</th>${[throughputPps, lowerPps, upperPps].map(rate).join("")}</tr>`,
    ),
  );
  const table = `${renderTable({
    ...{ kind: "figures", caption: `Throughput of ${name}`, rows },
    head: ["", "throughput", "lower bound", "upper bound"],
  })}
<p class="note">Frames per second and direction. The lower bound is the highest load that meets the goal, the upper bound the lowest that does not; the throughput is what arrives at the lower.</p>`;
  return `${rows.length === 0 ? "" : `${table}\n`}<div class="charts">${losses.map(drawLoss).join("")}</div>`;
}

/** Lines break between arguments, never at the hyphens within one. */
function renderCommand(command: string): string {
  const words = command.split(" ").map((word) => `<span>${escapeText(word)}</span>`);
  return `<code class="command">${words.join(" ")}</code>`;
}

function renderMetric(metric: ReportedMetric): string {
  const { interval, samples, missing, overflow } = metric;
  const spread =
    interval.method === "range" ? "range of the repetitions' medians" : "95 % interval of the median";
  return `<div class="charts">${drawHistogram(metric)}${drawCurve(metric)}</div>
<p class="note">${escapeText(metric.name)}: ${countText(samples)} samples, ${countText(missing)} missing, ${countText(overflow)} beyond the range. Median ${latencyText(metric.medianNs)}, ${spread} ${latencyText(interval.lowNs)} to ${latencyText(interval.highNs)}.</p>${renderCpus(metric)}`;
}

function percentileOf({ percentiles }: Latencies, wanted: string): number | null {
  return percentiles.find(([name]) => name === wanted)?.[1] ?? null;
}
