import { drawCurve, drawHistogram } from "./charts.ts";
import { escapeText } from "./escape.ts";
import type {
  Experiment,
  ReportedInspection,
  ReportedLoss,
  ReportedMetric,
  ReportedRecord,
  Verdict,
} from "./experiment.ts";
import { countText, latencyText, rateText } from "./figures.ts";
import { inForceOf } from "./in-force.ts";
import { drawLoss } from "./loss-chart.ts";
import { renderPaths } from "./packet-paths.ts";
import { standingOf } from "./standing.ts";
import { STYLE } from "./style.ts";
import { drawHost } from "./topology.ts";
import { verdictWord } from "./verdict-word.ts";

const MOODS = { good: "✓", bad: "✗", open: "–" } as const;

/** One file with everything in it: no script, nothing from elsewhere, readable in print and in the dark. */
export function renderReport(experiment: Experiment): string {
  const { project, stack, madeAt, hosts, inspections, paths, records, verdicts } = experiment;
  const { mood, text } = standingOf(experiment);
  const title = `${escapeText(project)}/${escapeText(stack)}`;
  const functional = records.some((record) => record.functional);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="standing ${mood}">${MOODS[mood]} ${escapeText(text)}</p>
<p class="note">${escapeText(madeAt)}</p>
${functional ? `<p class="functional"><strong>Functional results.</strong> Measured on an emulated server: they show that the path works, not how fast it is.</p>` : ""}
</header>
<section><h2>Testbed</h2>
${hosts.length === 0 ? `<p class="note">No machine of this stack has told its facts.</p>` : hosts.map(drawHost).join("\n")}
</section>
${renderTuning(inspections)}${renderPaths(paths)}<section><h2>Results</h2>
${records.length === 0 ? `<p class="note">Nothing was measured.</p>` : `${renderOverview(records)}\n${records.map(renderRecord).join("\n")}`}
</section>
<section><h2>Policies</h2>
${verdicts.length === 0 ? `<p class="note">No policy was judged.</p>` : renderVerdicts(verdicts)}
</section>
${renderInForce(records)}
</main>
</body>
</html>
`;
}

/** Every setting of each inspected host with its three states. */
function renderTuning(inspections: readonly ReportedInspection[]): string {
  if (inspections.length === 0) return "";
  const head = ["setting", "wanted", "in force", "next boot", "verdict"];
  const tables = inspections.map(({ host, summary, settings }) => {
    const rows = settings.map(({ name, wanted, effective, configured, verdict, note }) => {
      const states = [wanted, effective, configured].map((text) =>
        text === "" ? "<td>–</td>" : `<td><code>${escapeText(text)}</code></td>`,
      );
      const why = note === "" ? "" : ` <span class="note">${escapeText(note)}</span>`;
      return `<tr class="${TUNING_WORDS[verdict] ?? "advice"}"><th scope="row">${escapeText(name)}</th>${states.join("")}<td>${escapeText(verdict)}${why}</td></tr>`;
    });
    return `<table class="tuning"><caption>${escapeText(host)}: ${escapeText(summary)}</caption><thead><tr>${head.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
  });
  return `<section><h2>Tuning</h2>
<p class="note">As each host was found when it was looked at.</p>
${tables.join("\n")}
</section>
`;
}

/** Colours of policies' verdicts, for those of settings. */
const TUNING_WORDS: Readonly<Record<string, string>> = { "as wanted": "holds", differs: "violated" };

/** All records in one table: what is compared stands side by side. */
function renderOverview(records: readonly ReportedRecord[]): string {
  const metrics = records.flatMap((record) => record.metrics.map((metric) => ({ record, metric })));
  if (metrics.length === 0) return "";
  const names = [
    ...new Set(metrics.flatMap(({ metric }) => metric.percentiles.map(([name]) => name))),
  ].filter((name) => metrics.some(({ metric }) => percentileOf(metric, name) !== null));
  const head = ["", "min", ...names.map((name) => `p${name}`), "max", "samples"];
  const rows = metrics.map(({ record, metric }) => {
    const cells = [
      latencyText(metric.minNs),
      ...names.map((name) => {
        const ns = percentileOf(metric, name);
        return ns === null ? "–" : latencyText(ns);
      }),
      latencyText(metric.maxNs),
      countText(metric.samples),
    ];
    return `<tr><th scope="row">${escapeText(record.name)} ${renderMarks(record)}<span class="note">${escapeText(metric.name)}</span></th>${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join("")}</tr>`;
  });
  return `<table class="figures"><thead><tr>${head.map((name) => `<th scope="col">${escapeText(name)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>
<p class="note">A dash: too few samples for that percentile, or it lies beyond the range of the histogram.</p>`;
}

function renderMarks({ functional, valid }: ReportedRecord): string {
  const marks = [...(functional ? ["functional"] : []), ...(valid ? [] : ["invalid"])];
  return marks.map((mark) => `<span class="mark ${mark}">${mark}</span>`).join(" ");
}

function renderRecord(record: ReportedRecord): string {
  const facts = [record.subject, record.startedAt].filter((fact) => fact !== "").map(escapeText);
  const command = record.command === "" ? [] : [renderCommand(record.command)];
  const { hash } = record.inForce;
  const setUp = hash === undefined ? [] : [`in force: <code>${escapeText(hash.slice(0, 12))}</code>`];
  return `<article>
<h3>${escapeText(record.name)} ${renderMarks(record)}</h3>
<p class="note">${[...facts, ...setUp].join(" · ")}</p>
<p class="note">${command.join("")}</p>
${record.invalidReasons.map((reason) => `<p class="reason">Invalid: ${escapeText(reason)}</p>`).join("\n")}
${record.remarks.map((remark) => `<p class="note">${escapeText(remark)}</p>`).join("\n")}
${renderLosses(record.losses)}
${record.metrics.map(renderMetric).join("\n")}
</article>`;
}

/** Loss by load of each frame size, and the throughput of every goal with its bounds. */
function renderLosses(losses: readonly ReportedLoss[]): string {
  if (losses.length === 0) return "";
  const rate = (pps: number | null) => `<td>${pps === null ? "–" : rateText(pps)}</td>`;
  const rows = losses.flatMap(({ frame, found }) =>
    found.map(
      ({ goal, throughputPps, lowerPps, upperPps }) =>
        `<tr><th scope="row">${escapeText(frame)}, ${escapeText(goal)}</th>${[throughputPps, lowerPps, upperPps].map(rate).join("")}</tr>`,
    ),
  );
  const head = ["", "throughput", "lower bound", "upper bound"];
  const table = `<table class="figures"><thead><tr>${head.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>
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
<p class="note">${escapeText(metric.name)}: ${countText(samples)} samples, ${countText(missing)} missing, ${countText(overflow)} beyond the range. Median ${latencyText(metric.medianNs)}, ${spread} ${latencyText(interval.lowNs)} to ${latencyText(interval.highNs)}.</p>`;
}

function percentileOf({ percentiles }: ReportedMetric, wanted: string): number | null {
  return percentiles.find(([name]) => name === wanted)?.[1] ?? null;
}

function renderVerdicts(verdicts: readonly Verdict[]): string {
  const sign = { holds: "✓", violated: "✗", advice: "!" } as const;
  const rows = verdicts.map((verdict) => {
    const word = verdictWord(verdict);
    return `<tr class="${word}"><th scope="row">${sign[word]} ${word}</th><td><code>${escapeText(verdict.policy)}</code></td><td>${escapeText(verdict.message)}</td></tr>`;
  });
  return `<table class="verdicts"><thead><tr><th scope="col">verdict</th><th scope="col">policy</th><th scope="col">finding</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function renderInForce(records: readonly ReportedRecord[]): string {
  const groups = inForceOf(records);
  if (groups.length === 0) return "";
  const tables = groups.map(({ title, rows }) => {
    const cells = rows.map(({ name, values }) => {
      const texts = values.map(
        ({ value, records: those }) =>
          `<code>${escapeText(value)}</code>${those.length === 0 ? "" : ` <span class="note">${escapeText(those.join(", "))}</span>`}`,
      );
      return `<tr><th scope="row">${escapeText(name)}</th><td>${texts.join("<br>")}</td></tr>`;
    });
    return `<table class="in-force"><caption>${escapeText(title)}</caption><tbody>${cells.join("")}</tbody></table>`;
  });
  return `<section><h2>In force</h2>
<p class="note">While it was measured. Results are comparable where <code>hash</code> is the same.</p>
${tables.join("\n")}
</section>`;
}
