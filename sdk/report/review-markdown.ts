import { cpuMapLines } from "./cpu-map.ts";
import type { ReportedHost } from "./experiment.ts";
import { markdownCode as code, markdownTable as table, markdownText as text } from "./markdown.ts";
import type { ProgramPlace, Review, ReviewedCost, ReviewedFinding, ReviewedPolicy } from "./review.ts";
import { COST_WORDS, outcomeOf, shortType } from "./review-words.ts";

const ACTIONS = ["create", "update", "replace", "delete", "other"] as const;
const SIGNS = { violated: "✗", advises: "!", holds: "✓", silent: "–" } as const;
const NOWHERE = "no machine";

/** The review for people, as Markdown that GitHub and GitLab show. `picture` is the path of the drawing of CPUs beside it. */
export function renderReviewMarkdown(review: Review, picture: string): string {
  const { project, stack, errors } = review;
  const lines = [
    `# Review of ${text(project)}/${text(stack)}`,
    "",
    `**${outcomeOf(review)}**`,
    ...(errors.length === 0 ? [] : ["", ...errors.flatMap(errorLines)]),
    ...section("Plan", planLines(review)),
    ...section("What it costs", costLines(review)),
    ...section("Policies", policyLines(review)),
    ...section("Findings", findingLines(review.findings)),
    ...section("Exceptions that hold", exceptionLines(review.findings)),
    ...section("CPUs", cpuLines(review, picture)),
  ];
  return `${lines.join("\n")}\n`;
}

/** A section that has nothing to say is left out. */
function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `## ${title}`, "", ...lines];
}

/** As the engine, the provider or the program said it, in lines of its own. */
function errorLines(error: string): string[] {
  const lines = error.split("\n");
  const runs = (error.match(/`+/g) ?? []).map(({ length }) => length);
  const fence = "`".repeat(Math.max(2, ...runs) + 1);
  return [`${fence}text`, ...lines.map((line) => line.replaceAll(/\p{Cc}/gu, " ").trimEnd()), fence];
}

function planLines({ changes, unchanged }: Review): string[] {
  const stay = `${unchanged} ${unchanged === 1 ? "resource stays" : "resources stay"} as ${unchanged === 1 ? "it is" : "they are"}.`;
  if (changes.length === 0) return [`Nothing changes. ${stay}`];
  const actions = ACTIONS.filter((action) => changes.some((change) => change.action === action));
  const hosts = [...new Set(changes.map(({ host }) => host))];
  const counts = hosts.map((host) => [
    text(host || NOWHERE),
    ...actions.map((action) =>
      String(changes.filter((change) => change.host === host && change.action === action).length),
    ),
  ]);
  const rows = changes.map(({ action, host, resource, type, properties }) => [
    action,
    text(host || NOWHERE),
    `${code(resource)} ${text(shortType(type))}`,
    properties
      .map(
        ({ path, before, after, replaces }) =>
          `${code(path)}: ${text(before)} → ${text(after)}${replaces ? " (replaces)" : ""}`,
      )
      .join("<br>"),
  ]);
  return [
    ...table(["machine", ...actions], counts),
    "",
    stay,
    "",
    ...table(["change", "machine", "resource", "properties"], rows),
  ];
}

function costLines({ costs, notes }: Review): string[] {
  const rows = grouped(costs).map(({ cost, properties }) => [
    COST_WORDS[cost.kind],
    text(cost.host || NOWHERE),
    `${code(cost.resource)} ${text(shortType(cost.type))}`,
    properties.map(code).join(", "),
    text(cost.what),
  ]);
  const said = notes.map(({ resource, text: note }) => `- ${code(resource)}: ${text(note)}`);
  return [
    ...(rows.length === 0
      ? ["Nothing is restarted, rebooted, unbound or installed."]
      : table(["cost", "machine", "resource", "because of", "what happens"], rows)),
    ...(said.length === 0 ? [] : ["", "In the resources' own words:", "", ...said]),
  ];
}

/** One row for what several properties of one resource cause. */
function grouped(costs: readonly ReviewedCost[]): { cost: ReviewedCost; properties: string[] }[] {
  const rows = new Map<string, { cost: ReviewedCost; properties: string[] }>();
  for (const cost of costs) {
    const key = JSON.stringify([cost.kind, cost.host, cost.resource, cost.type, cost.what]);
    const row = rows.get(key) ?? { cost, properties: [] };
    if (cost.property !== "" && !row.properties.includes(cost.property)) row.properties.push(cost.property);
    rows.set(key, row);
  }
  return [...rows.values()];
}

function policyLines({ policies, findings, outcome }: Review): string[] {
  const order = ["violated", "advises", "holds"] as const;
  const spoken = order.flatMap((verdict) => policies.filter((policy) => policy.verdict === verdict));
  const silent = policies.filter(({ verdict }) => verdict === "silent");
  const rows = spoken.map(({ name, verdict, severity, description }: ReviewedPolicy) => [
    `${SIGNS[verdict]} ${verdict}`,
    code(name),
    text(severity),
    String(findings.filter(({ policy }) => policy === name).length),
    text(description),
  ]);
  const why = outcome === "failed" ? "Not judged" : "Does not apply here, or is disabled";
  return [
    ...(rows.length === 0
      ? ["No policy was judged."]
      : table(["verdict", "policy", "severity", "findings", "holds where"], rows)),
    ...(silent.length === 0 ? [] : ["", `${why}: ${silent.map(({ name }) => code(name)).join(", ")}.`]),
  ];
}

/** By machine, then by chain; those somebody answers for have a section of their own. */
function findingLines(findings: readonly ReviewedFinding[]): string[] {
  const open = findings.filter(({ exception }) => exception === undefined);
  const hosts = [...new Set(open.map(({ host }) => host))];
  return hosts.flatMap((host, position) => {
    const here = open.filter((finding) => finding.host === host);
    const chains = [...new Set(here.map(({ chain }) => chain))];
    return [
      ...(position === 0 ? [] : [""]),
      `### ${text(host || NOWHERE)}`,
      ...chains.flatMap((chain) => [
        "",
        `#### ${text(chain || "the stack")}`,
        ...here.filter((finding) => finding.chain === chain).flatMap(oneFinding),
      ]),
    ];
  });
}

function oneFinding(finding: ReviewedFinding): string[] {
  const { policy, level, found, allowed, fix, source, resource, place } = finding;
  return [
    "",
    `${level === "mandatory" ? "✗" : "!"} **${text(policy)}** (${level})`,
    "",
    `- found: ${text(found)}`,
    ...(allowed === "" ? [] : [`- allowed: ${text(allowed)}`]),
    `- where: ${placeText(place)}${resource === "" ? "" : `, resource ${code(resource)}`}`,
    ...(fix === "" ? [] : [`- fix: ${text(fix)}`]),
    ...(source === "" ? [] : [`- source: ${text(source)}`]),
  ];
}

function placeText({ declared, file, line }: ProgramPlace): string {
  const at = line === undefined ? file : `${file}:${line}`;
  return [declared, at]
    .filter((part) => part !== "")
    .map(code)
    .join(" in ");
}

function exceptionLines(findings: readonly ReviewedFinding[]): string[] {
  const rows = findings.flatMap(({ policy, resource, found, exception }) =>
    exception === undefined
      ? []
      : [
          [
            code(policy),
            code(resource),
            text(found),
            text(exception.owner),
            exception.until,
            text(exception.reason),
          ],
        ],
  );
  return rows.length === 0 ? [] : table(["policy", "resource", "found", "who answers", "until", "why"], rows);
}

function cpuLines({ before, after }: Review, picture: string): string[] {
  if (before.length + after.length === 0) return [];
  const names = [...new Set([...before, ...after].map(({ name }) => name))].sort();
  return [
    `![CPUs before and after](${picture})`,
    "",
    "```text",
    ...names.flatMap((name, position) => {
      const map = (hosts: readonly ReportedHost[]) => {
        const host = hosts.find((each) => each.name === name);
        return host === undefined ? undefined : cpuMapLines(host);
      };
      const [was, will] = [map(before), map(after)];
      const isSame = was !== undefined && was.join("\n") === will?.join("\n");
      const gap = position === 0 ? [] : [""];
      const plainName = name.replaceAll(/[\p{Cc}`]/gu, " ");
      if (isSame) return [...gap, `${plainName}, before and after`, ...was];
      return [
        ...gap,
        `${plainName}, before`,
        ...(was ?? ["    not in this stack"]),
        `${plainName}, after`,
        ...(will ?? ["    not in this stack any more"]),
      ];
    }),
    "```",
  ];
}
