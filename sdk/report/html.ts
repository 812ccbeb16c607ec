import { renderBaseline } from "./baseline.ts";
import { escapeName, escapeText } from "./escape.ts";
import type { Experiment, ReportedInspection, ReportedRecord, Verdict } from "./experiment.ts";
import { renderTable, scrolling } from "./html-table.ts";
import { inForceOf } from "./in-force.ts";
import { renderPaths } from "./packet-paths.ts";
import { renderPublished } from "./published-figures.ts";
import { renderResults } from "./results.ts";
import { standingOf } from "./standing.ts";
import { STYLE } from "./style.ts";
import { drawHost } from "./topology.ts";
import { verdictWord } from "./verdict-word.ts";

const MOODS = { good: "✓", bad: "✗", open: "–" } as const;

/** One file with everything in it: no script, nothing from elsewhere, readable in print, in the dark and on a narrow screen. */
export function renderReport(experiment: Experiment): string {
  const { project, stack, madeAt, hosts, inspections, paths, records, verdicts, baseline } = experiment;
  const { mood, text } = standingOf(experiment);
  const title = `${escapeText(project)}/${escapeText(stack)}`;
  const functional = records.some((record) => record.functional);
  const sections = [
    `<section id="testbed"><h2>Testbed</h2>
${hosts.length === 0 ? `<p class="note">No machine of this stack has told its facts.</p>` : hosts.map((host) => scrolling(`Topology of ${host.name}`, drawHost(host))).join("\n")}
</section>
`,
    renderTuning(inspections),
    renderPaths(paths),
    renderResults(records),
    renderBaseline(baseline, records),
    renderPublished(records),
    renderVerdicts(verdicts),
    renderInForce(records),
  ].filter((section) => section !== "");
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
${renderContents(sections)}
${sections.join("")}</main>
</body>
</html>
`;
}

/** Links to the sections that there are. */
function renderContents(sections: readonly string[]): string {
  const links = sections.flatMap((section) => {
    const [, id, name] = /^<section id="([a-z-]+)"><h2>([^<]+)<\/h2>/.exec(section) ?? [];
    return id === undefined ? [] : [`<li><a href="#${id}">${name}</a></li>`];
  });
  return `<nav aria-label="Contents"><ul>${links.join("")}</ul></nav>`;
}

/** Every setting of each inspected or tuned host with its three states. */
function renderTuning(inspections: readonly ReportedInspection[]): string {
  if (inspections.length === 0) return "";
  const tables = inspections.map(({ host, summary, settings }) => {
    if (settings.length === 0) return `<p class="note">${escapeText(`${host}: ${summary}`)}</p>`;
    const rows = settings.map(({ name, wanted, effective, configured, verdict, note }) => {
      const states = [wanted, effective, configured].map((text) =>
        text === "" ? "<td>–</td>" : `<td><code>${escapeText(text)}</code></td>`,
      );
      const why = note === "" ? "" : ` <span class="note">${escapeText(note)}</span>`;
      return `<tr class="${TUNING_WORDS[verdict] ?? "advice"}"><th scope="row">${escapeName(name)}</th>${states.join("")}<td>${escapeText(verdict)}${why}</td></tr>`;
    });
    return renderTable({
      ...{ kind: "tuning", caption: `${host}: ${summary}`, shown: true, rows },
      head: ["setting", "wanted", "in force", "next boot", "verdict"],
    });
  });
  return `<section id="tuning"><h2>Tuning</h2>
<p class="note">As each host was found when it was looked at, or as the last up or refresh left what the stack tunes.</p>
${tables.join("\n")}
</section>
`;
}

/** Colours of policies' verdicts, for those of settings. */
const TUNING_WORDS: Readonly<Record<string, string>> = { "as wanted": "holds", differs: "violated" };

function renderVerdicts(verdicts: readonly Verdict[]): string {
  const sign = { holds: "✓", violated: "✗", advice: "!" } as const;
  const rows = verdicts.map((verdict) => {
    const word = verdictWord(verdict);
    const finding = verdict.message === "" ? "–" : escapeText(verdict.message);
    return `<tr class="${word}"><th scope="row">${sign[word]} ${word}</th><td><code>${escapeText(verdict.policy)}</code></td><td>${finding}</td></tr>`;
  });
  const table = renderTable({
    ...{ kind: "verdicts", caption: "Verdicts of policies", rows },
    head: ["verdict", "policy", "finding"],
  });
  return `<section id="policies"><h2>Policies</h2>
${verdicts.length === 0 ? `<p class="note">No policy was judged.</p>` : table}
</section>
`;
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
      return `<tr><th scope="row">${escapeName(name)}</th><td>${texts.join("<br>")}</td></tr>`;
    });
    return renderTable({ kind: "in-force", caption: title, shown: true, rows: cells });
  });
  return `<section id="in-force"><h2>In force</h2>
<p class="note">While it was measured. Results are comparable where <code>hash</code> is the same.</p>
${tables.join("\n")}
</section>
`;
}
