import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clone, labFolder } from "./clone.mjs";
import { deadServers, serversFolder } from "./dead-servers.mjs";
import { environment } from "./environment.mjs";
import { findingLines, judgement, verdicts } from "./evidence.mjs";
import { Progress } from "./progress.mjs";
import { hasPendingCreates, policyArguments, prepareStack, pulumi, stackOf } from "./pulumi.mjs";
import { setup } from "./setup.mjs";
import { runTool } from "./tool-error.mjs";
import { resourceTimes, timeTable, wasUpdated } from "./where-time-went.mjs";

const engineStep = "pulumi up";

const usage = `usage: npm run up -- [--stack STACK] [OPTION OF pulumi up]...

Sets the machine up, brings the stack up under its policies, judges what was measured, and writes the report into
.nfvlab/reports. STACK is $NFVLAB_STACK, or dev, where none is named; the other stacks are in stacks/README.md.`;

/**
 * Sets the machine up, brings the stack up under its policies, judges the evidence in its state, and says where the time went. Arguments
 * other than --stack go to `pulumi up`, whose exit code is the result; with the stack up, the verdict on the evidence is. What was measured is
 * summed up whenever something was changed or measured, evidence good or bad.
 */
await runTool(
  async (args) => {
    const { stack, rest } = stackOf(args);
    const progress = new Progress();
    await setup(progress);
    await progress.step(`stack ${stack}`, () => prepareStack(stack));
    const lost = deadServers(serversFolder(stack));

    const policies = policyArguments(stack, "plan");
    const timed = async (name, work) => {
      console.log(`\n${name}`);
      const start = performance.now();
      const result = await work();
      progress.record(name, start);
      return result;
    };

    let mended = [];
    if (lost.length > 0) {
      const code = await timed("what was cut off", () => mend(stack, lost));
      if (code !== 0) return code;
      mended = ["--refresh"];
    } else if (hasPendingCreates(stack)) {
      console.log("\nAn engine was killed while it created something: that is looked for, and gone on with.");
      const code = await timed("what was cut off", () => forgetCutOff(stack));
      if (code !== 0) return code;
    }

    let events = "";
    let code = await timed(engineStep, () =>
      withEventLog(
        (file) =>
          pulumi(["up", "--yes", "--stack", stack, "--event-log", file, ...mended, ...policies, ...rest], {
            PULUMI_DEBUG_COMMANDS: "true",
          }),
        (text) => {
          events = text;
        },
      ),
    );
    let analysis;
    if (code === 0) {
      ({ code, analysis } = await timed("evidence", () => analyze(stack)));
    }
    if (wasUpdated(events)) {
      keepVerdicts(stack, verdicts(judgement(events), analysis));
      await timed("summary", () => summary(stack));
    }
    console.log(`\n${timeTable(progress.times, resourceTimes(events), engineStep)}`);
    return code;
  },
  { usage },
);

/** Starts servers that have no process, since nothing on them can be looked at before. */
async function mend(stack, lost) {
  const servers = ["--target", "**nfvlab:emulate:Server**"];
  console.log(`${lost.join(", ")} has no process any more: it is started again, with its disk and identity.`);
  const code = await forgetCutOff(stack, servers);
  return code === 0 ? pulumi(["up", "--yes", "--skip-preview", "--stack", stack, ...servers]) : code;
}

/** Looks at what there is, and forgets creates that were cut off: a create adopts what is there already. */
function forgetCutOff(stack, only = []) {
  return pulumi(["refresh", "--clear-pending-creates", "--yes", "--skip-preview", "--stack", stack, ...only]);
}

/** The engine's own log of events, for their times. It names every property, so nobody else may read it and it is not kept. */
async function withEventLog(work, read) {
  mkdirSync(labFolder, { recursive: true });
  const folder = mkdtempSync(join(labFolder, "events-"));
  const file = join(folder, "events.json");
  try {
    const code = await work(file);
    if (existsSync(file)) read(readFileSync(file, "utf8"));
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The engine's judgement of the state as it is kept now, read from its events and said in sentences. */
function analyze(stack) {
  const { stdout, status } = spawnSync(
    "pulumi",
    ["policy", "analyze", "--json", "--stack", stack, ...policyArguments(stack, "evidence")],
    {
      cwd: clone,
      env: environment(),
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const analysis = judgement(stdout ?? "");
  if (analysis !== undefined) console.log(findingLines(analysis).join("\n"));
  return { analysis, code: status ?? 1 };
}

/** For the summary, and for whoever sums up later. Older ones would speak of a stack that is no more. */
function keepVerdicts(stack, kept) {
  const folder = join(labFolder, "reports");
  const file = join(folder, `${stack.split("/").at(-1)}.verdicts.json`);
  if (kept === undefined) return rmSync(file, { force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(kept, undefined, 2)}\n`);
}

function summary(stack) {
  spawnSync(process.execPath, [join(clone, "tools/nfvlab.mjs"), "summary", stack], {
    cwd: clone,
    env: environment(),
    stdio: "inherit",
  });
}
