import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../sdk/units/errors.ts";
import { type Check, checks } from "./checks.ts";
import { type Docstring, docstringOf } from "./docstring.ts";
import type { CataloguedPolicy } from "./lab-policy.ts";
import { evidence, intent } from "./packs.ts";

/** A policy with what its file says of it. */
export interface Entry {
  readonly policy: CataloguedPolicy;
  /** `intent/exclusive-cpus.ts`. */
  readonly file: string;
  readonly said: Docstring;
}

/** All policies, those of the plan first. */
export function catalogue(): Entry[] {
  const of = (folder: "intent" | "evidence") => (policy: CataloguedPolicy) => {
    const file = `${folder}/${policy.name}.ts`;
    return { policy, file, said: docstringOf(file, readFileSync(join(import.meta.dirname, file), "utf8")) };
  };
  return [...intent.map(of("intent")), ...evidence.map(of("evidence"))];
}

/**
 * The catalogue for the terminal: a line for each policy, or all of one.
 *
 * @throws InputError `policy-unknown`
 */
export function catalogueText(name?: string): string {
  const entries = catalogue();
  if (name === undefined) {
    const width = Math.max(...entries.map(({ policy }) => policy.name.length));
    return [
      ...entries.map(
        ({ policy: { name, enforcementLevel, severity, description } }) =>
          `${name.padEnd(width)}  ${String(enforcementLevel).padEnd(9)}  ${String(severity).padEnd(8)}  ${description}`,
      ),
      "",
      "nfvlab policies NAME says why, and what to change. Checks and their policies: docs/policies.md",
      "",
    ].join("\n");
  }
  const entry = entries.find(({ policy }) => policy.name === name);
  if (entry === undefined) {
    throw new InputError({
      ...{ code: "policy-unknown", problem: "there is no such policy", observed: name },
      ...{ expected: entries.map(({ policy }) => policy.name).join(", ") },
    });
  }
  return `${name}\n\n${paragraphs(entry).join("\n\n")}\n`;
}

/** docs/policies.md. */
export function cataloguePage(): string {
  const entries = catalogue();
  return [
    "<!-- Made from the policies' own data and docstrings by test/policies/catalogue.test.ts: vitest run FILE --update -->",
    "# Policies",
    `${intent.length} policies judge the plan, ${evidence.length} what is in force and what was measured. A value that isn't known yet is said as advice, and the rest is judged. ` +
      "How to run, configure and write them: policies/README.md. `nfvlab policies` lists them, `nfvlab policies NAME` says why.",
    table(
      ["policy", "level", "severity", "checks", "holds where it passes"],
      entries.map(({ policy, file }) => [
        `[\`${policy.name}\`](../policies/${file})`,
        String(policy.enforcementLevel),
        String(policy.severity),
        policy.checks.join(" "),
        policy.description,
      ]),
    ),
    "## Checks",
    "Every check that a low-latency testbed wants, P of the plan and of what is in force, M of what is measured; with the policy that judges it, and with the resource or job that is missing for it, or " +
      "for a part of it. M checks of `latency-budget` are budgets of its configuration.",
    table(
      ["check", "what", "policy", "judged elsewhere, or open for want of"],
      checks.map((check) => [check.id, check.what, judgedBy(check, entries), check.open ?? ""]),
    ),
    "## Why, and what to change",
    ...entries.flatMap((entry) => [`### ${entry.policy.name}`, ...paragraphs(entry)]),
    "",
  ].join("\n\n");
}

/** Links to the policies that are a check. */
function judgedBy({ id }: Check, entries: readonly Entry[]): string {
  return entries
    .filter(({ policy }) => policy.checks.includes(id))
    .map(({ policy, file }) => `[\`${policy.name}\`](../policies/${file})`)
    .join(", ");
}

function paragraphs({ policy, said }: Entry): string[] {
  const { enforcementLevel, severity, configSchema, excepting } = policy;
  const settings = Object.entries(configSchema?.properties ?? {}).filter(([name]) => name !== "exceptions");
  return [
    said.holds,
    ...said.why,
    said.change,
    ...(settings.length === 0
      ? []
      : [
          `Configuration: ${settings.map(([name, { description = "" }]) => `\`${name}\` (${withoutStop(description)})`).join("; ")}.`,
        ]),
    ...(policy.mending === undefined ? [] : [mends(policy.mending.name)]),
    `${enforcementLevel}, severity ${severity}${excepting ? "" : ", takes no exceptions"}. Source: ${said.source}`,
  ];
}

function mends(name: string): string {
  return `Configured at level \`remediate\`, \`${name}\` mends what one resource alone tells, and the preview shows each change; the rest is still refused.`;
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
