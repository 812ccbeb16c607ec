import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Verdict } from "../report/experiment.ts";
import { renderReport } from "../report/html.ts";
import { renderSummary } from "../report/terminal.ts";
import { InputError } from "../units/errors.ts";
import { baselineOf } from "./baseline.ts";
import { experimentOf } from "./experiment.ts";
import { whyRefused } from "./file-failure.ts";
import { exportedState, firstLine } from "./stack-state.ts";
import type { StateResource } from "./state-resource.ts";

const USAGE =
  "usage: nfvlab summary STACK [--file STATE.json] [--verdicts VERDICTS.json] [--baseline RECORDS] [--report REPORT.html]";

export const SUMMARY_HELP = `${USAGE}

Sums up what a stack of the project in this folder has measured, and writes its report.

  --file       a state as "pulumi stack export" wrote it, in place of the stack's own
  --verdicts   what policies said; else .nfvlab/reports/STACK.verdicts.json, which "npm run up" writes
  --baseline   what the results are held against, a PATH as of "nfvlab results"; else .nfvlab/reports/STACK.baseline.json
  --report     where the report goes; else .nfvlab/reports/STACK.html

More: docs/results.md
`;

/**
 * Sums a stack's state up: writes the report, returns the text for the terminal. Secrets in the state stay encrypted: nothing here needs them.
 *
 * `--file` takes a state as `pulumi stack export` wrote it, in place of the stack's own. Verdicts and report are in `.nfvlab/reports` of
 * `folder` unless said otherwise. `--baseline` names what the results are held against: a state, records, or a folder of them; unless said otherwise
 * `STACK.baseline.json` beside the verdicts, where it is there.
 *
 * @throws InputError `usage`, `engine-missing`, `stack-unknown`, `stack-empty`, `state-unreadable`, `verdicts-unreadable`, `report-unwritable`, those of `baselineOf`
 */
export async function summary(args: readonly string[], folder: string): Promise<string> {
  const { stack, ...options } = argumentsOf(args);
  // With a backend of several projects a stack is named organization/project/stack.
  const name = stack.split("/").at(-1) ?? stack;
  const reports = join(folder, ".nfvlab", "reports");
  const resources = resourcesOf(stack, options.file, folder);
  const project = resources[0]?.urn.split("::")[1] ?? "";
  const verdicts = verdictsOf(options.verdicts, join(reports, `${name}.verdicts.json`));
  const kept = join(reports, `${name}.baseline.json`);
  const from = options.baseline ?? (existsSync(kept) ? kept : undefined);
  const experiment = {
    ...experimentOf(project, name, new Date().toISOString(), resources, verdicts),
    ...(from !== undefined && { baseline: await baselineOf(from, resources, folder) }),
  };
  const report = options.report ?? join(reports, `${name}.html`);
  const page = renderReport(experiment);
  try {
    if (options.report === undefined) mkdirSync(reports, { recursive: true });
    writeFileSync(report, page);
  } catch (cause) {
    throw new InputError({
      code: "report-unwritable",
      problem: `the report can't be written to ${report}`,
      observed: whyRefused(cause),
      expected: "a file in a folder that is there",
      cause,
    });
  }
  return renderSummary(experiment, { report });
}

interface State {
  readonly deployment: { readonly resources?: readonly StateResource[] };
}

function argumentsOf(args: readonly string[]) {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        file: { type: "string" },
        verdicts: { type: "string" },
        report: { type: "string" },
        baseline: { type: "string" },
      },
    });
    const [stack, ...others] = positionals;
    if (stack !== undefined && others.length === 0) return { stack, ...values };
    throw new TypeError(stack === undefined ? "no stack is named" : "more than one stack is named");
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new InputError({ code: "usage", problem: firstLine(cause.message), hint: USAGE, cause });
  }
}

function resourcesOf(stack: string, file: string | undefined, folder: string): readonly StateResource[] {
  const text = file === undefined ? exportedState(stack, folder) : textIn(file, "state-unreadable");
  let resources: readonly StateResource[];
  try {
    const state = JSON.parse(text) as State;
    resources = state.deployment.resources ?? [];
  } catch (cause) {
    throw new InputError({
      code: "state-unreadable",
      problem: `${file ?? `the state of ${stack}`} is no state of a stack`,
      expected: "what `pulumi stack export` writes",
      cause,
    });
  }
  if (resources.length > 0) return resources;
  throw new InputError({
    code: "stack-empty",
    problem: `stack ${stack} has no resources`,
    hint: `bring it up: npm run up -- --stack ${stack}`,
  });
}

/** Those of a file that is named; else those that were kept, none where nobody has judged yet. */
function verdictsOf(named: string | undefined, kept: string): Verdict[] {
  if (named === undefined && !existsSync(kept)) return [];
  const file = named ?? kept;
  const text = textIn(file, "verdicts-unreadable");
  let verdicts: unknown;
  try {
    verdicts = JSON.parse(text);
  } catch (cause) {
    throw noVerdicts(file, cause);
  }
  if (!Array.isArray(verdicts) || !verdicts.every(isVerdict)) throw noVerdicts(file);
  return verdicts;
}

function isVerdict(item: unknown): item is Verdict {
  const { policy, level, message, passed } = (item ?? {}) as Readonly<Record<keyof Verdict, unknown>>;
  const texts = [policy, level, message];
  return texts.every((each) => typeof each === "string") && typeof passed === "boolean";
}

function noVerdicts(file: string, cause?: unknown): InputError {
  return new InputError({
    code: "verdicts-unreadable",
    problem: `${file} holds no verdicts`,
    hint: "delete it: npm run up writes it anew",
    cause,
  });
}

function textIn(file: string, code: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new InputError({ code, problem: `${file} can't be read`, observed: whyRefused(cause), cause });
  }
}
