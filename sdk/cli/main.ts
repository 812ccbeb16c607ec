import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Verdict } from "../report/experiment.ts";
import { renderReport } from "../report/html.ts";
import { renderSummary } from "../report/terminal.ts";
import { experimentOf, type StateResource } from "./experiment.ts";

const USAGE = "usage: nfvlab summary STACK [--verdicts FILE.json] [--report FILE.html]";

/** What a person asks of a stack's state at a terminal. Secrets in the state stay encrypted: nothing here needs them. */
function summary(args: readonly string[]): void {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { verdicts: { type: "string" }, report: { type: "string" } },
  });
  const [stack] = positionals;
  if (stack === undefined) throw new Error(USAGE);
  const exported = execFileSync("pulumi", ["stack", "export", "--stack", stack], {
    maxBuffer: 2 ** 30,
  }).toString();
  const { deployment } = JSON.parse(exported) as { deployment: { resources?: StateResource[] } };
  const resources = deployment.resources ?? [];
  const project = resources[0]?.urn.split("::")[1] ?? "nfvlab";
  const folder = join(process.cwd(), ".nfvlab", "reports");
  const report = values.report ?? join(folder, `${stack}.html`);
  const verdictsFile = values.verdicts ?? join(folder, `${stack}.verdicts.json`);
  const verdicts = existsSync(verdictsFile)
    ? (JSON.parse(readFileSync(verdictsFile, "utf8")) as Verdict[])
    : [];
  const experiment = experimentOf(project, stack, new Date().toISOString(), resources, verdicts);
  mkdirSync(folder, { recursive: true });
  writeFileSync(report, renderReport(experiment));
  process.stdout.write(renderSummary(experiment, { report }));
}

const [command, ...rest] = process.argv.slice(2);
if (command === "summary") summary(rest);
else {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 2;
}
