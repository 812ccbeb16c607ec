import { formatNanoseconds } from "../units/duration.ts";
import { drawCurve, drawHost, escapeText } from "./drawing.ts";
import type { Experiment, ReportedMetric, ReportedRecord, Verdict } from "./experiment.ts";

/** One file with everything in it: no script, no network, readable in print and in the dark. */
export function renderReport(experiment: Experiment): string {
  const { project, stack, madeAt, hosts, records, verdicts } = experiment;
  const broken = verdicts.filter(({ passed, level }) => !passed && level === "mandatory").length;
  const invalid = records.filter(({ valid }) => !valid).length;
  const functional = records.some((record) => record.functional);
  const verdict =
    broken > 0
      ? `${broken} mandatory ${broken === 1 ? "policy is" : "policies are"} violated`
      : invalid > 0
        ? `${invalid} invalid ${invalid === 1 ? "result" : "results"}`
        : "all policies hold, all results are valid";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(project)}/${escapeText(stack)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeText(project)}/${escapeText(stack)}</h1>
<p class="${broken + invalid > 0 ? "verdict bad" : "verdict"}">${verdict}</p>
<p class="note">${escapeText(madeAt)}</p>
${functional ? `<p class="functional"><strong>Functional results.</strong> Measured on an emulated server: they show that the path works, not how fast it is.</p>` : ""}
</header>
<section><h2>Testbed</h2>
${hosts.map(drawHost).join("\n")}
</section>
<section><h2>Results</h2>
${records.map(renderRecord).join("\n")}
</section>
${verdicts.length === 0 ? "" : `<section><h2>Policies</h2>${renderVerdicts(verdicts)}</section>`}
${records[0] === undefined ? "" : `<section><h2>In force</h2>${renderInForce(records[0])}</section>`}
</main>
</body>
</html>
`;
}

function renderRecord(record: ReportedRecord): string {
  const marks = [record.functional ? "functional" : undefined, record.valid ? undefined : "invalid"].filter(
    (mark) => mark !== undefined,
  );
  return `<article>
<h3>${escapeText(record.name)} ${marks.map((mark) => `<span class="mark ${mark}">${mark}</span>`).join(" ")}</h3>
<p class="note">${escapeText(record.subject)} · ${escapeText(record.startedAt)} · <code>${escapeText(record.command)}</code></p>
${record.invalidReasons.map((reason) => `<p class="bad">${escapeText(reason)}</p>`).join("")}
${record.metrics.map((metric) => `${drawCurve(metric)}${renderMetric(metric)}`).join("\n")}
</article>`;
}

function renderMetric(metric: ReportedMetric): string {
  const { interval } = metric;
  const columns = [
    ["min", formatNanoseconds(metric.minNs)],
    ...metric.percentiles.map(([percentile, ns]) => [
      `p${percentile}`,
      ns === null ? "–" : formatNanoseconds(ns),
    ]),
    ["max", formatNanoseconds(metric.maxNs)],
  ];
  const spread =
    interval.method === "range" ? "range of the repetitions' medians" : "95 % interval of the median";
  return `<table><caption>${escapeText(metric.name)}</caption><thead><tr>${columns.map(([head]) => `<th scope="col">${head}</th>`).join("")}</tr></thead><tbody><tr>${columns.map(([, cell]) => `<td>${cell}</td>`).join("")}</tr></tbody></table>
<p class="note">${metric.samples} samples, ${metric.missing} missing, ${metric.overflow} beyond the range. Median ${formatNanoseconds(metric.medianNs)}, ${spread} ${formatNanoseconds(interval.lowNs)} to ${formatNanoseconds(interval.highNs)}. A dash: too few samples to say.</p>`;
}

function renderVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    ({ policy, level, message, passed }) =>
      `<tr class="${passed ? "" : "bad"}"><td>${passed ? "holds" : "violated"}</td><td><code>${escapeText(policy)}</code></td><td>${level}</td><td>${escapeText(message)}</td></tr>`,
  );
  return `<table class="wide"><thead><tr><th scope="col">verdict</th><th scope="col">policy</th><th scope="col">level</th><th scope="col">finding</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function renderInForce({ inForce }: ReportedRecord): string {
  const rows = Object.entries(inForce).map(
    ([name, value]) =>
      `<tr><th scope="row">${escapeText(name)}</th><td><code>${escapeText(value)}</code></td></tr>`,
  );
  return `<table class="wide"><tbody>${rows.join("")}</tbody></table>`;
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5c6670;--paper:#fff;--line:#d5dae0;--house:#e6e9ed;--free:#f6f7f9;--pmd:#f2b84b;--vcpu:#7fb2e5;--bad:#b3261e;--accent:#1f5fa8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa5b1;--paper:#14171a;--line:#343b43;--house:#2a3036;--free:#1c2126;--pmd:#8a6414;--vcpu:#24507d;--bad:#ff8a80;--accent:#7fb2e5}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:800px;margin:0 auto;padding:32px 20px}
h1{font-size:26px;margin:0}h2{font-size:19px;margin:36px 0 12px;border-bottom:1px solid var(--line);padding-bottom:4px}h3{font-size:16px;margin:24px 0 2px}
.verdict{font-size:17px;margin:4px 0;color:var(--accent)}.bad{color:var(--bad)}.note{color:var(--soft);font-size:13px;margin:2px 0 8px}
.functional{border-left:4px solid var(--pmd);padding:6px 12px;margin:16px 0;background:var(--free)}
.mark{font-size:12px;font-weight:600;border:1px solid currentColor;border-radius:9px;padding:0 7px;color:var(--soft)}.mark.invalid{color:var(--bad)}
svg{display:block;width:100%;height:auto;margin:8px 0}svg text{fill:var(--ink);font:13px system-ui,sans-serif}
.cpu rect,.node,.bridge,.guest{stroke:var(--line);fill:var(--free)}.cpu text{text-anchor:middle}.cpu .small,.small{font-size:11px}.left{text-anchor:start}
.housekeeping rect{fill:var(--house)}.pmd rect{fill:var(--pmd)}.vcpu rect,.guest{fill:var(--vcpu)}.bridge{fill:var(--pmd)}.strong{font-weight:600}
.link{stroke:var(--ink);stroke-width:2}.link.down{stroke:var(--bad);stroke-dasharray:4 4}
.grid{stroke:var(--line)}.tick{font-size:11px;text-anchor:middle;fill:var(--soft)}.end{text-anchor:end}.line{fill:none;stroke:var(--accent);stroke-width:2}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}caption{text-align:left;color:var(--soft);font-size:13px}
th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid var(--line);font-size:13px;vertical-align:top}code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
@media print{body{font-size:11px}main{padding:0;max-width:none}article,svg,table{break-inside:avoid}}
`;
