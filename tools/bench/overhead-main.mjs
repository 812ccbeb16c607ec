import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";
import { runTool, ToolError } from "../tool-error.mjs";
import { sshArguments } from "./dials.mjs";
import { createsIn, partsOf } from "./engine-log.mjs";
import { mustFail } from "./must-fail.mjs";
import { PulumiProject } from "./pulumi.mjs";
import { lifeOf, occupancyOf, SchedulerTrace } from "./scheduler-trace.mjs";
import { bootServer, inServerFolder, ServerShell, sshdOf } from "./server.mjs";

const tool = "cyclictest";
/** The first is left to the scheduler, the second is isolated. */
const measured = [2, 3];
const isolated = 3;
const interval = "10ms";
// A range of a second, the default, takes an emulated processor seconds to write, which would make the job's share look smaller.
const histogramMax = "100ms";
const durations = { short: 5, long: 30 };

const program = `
import { readFileSync } from "node:fs";
import { Config, secret } from "@pulumi/pulumi";
import { bench } from "nfvlab";

const { connection, duration, round } = JSON.parse(readFileSync(new Config().require("settingsFile"), "utf8"));
new bench.Cyclictest("job", {
  host: { name: "dut", connection: secret(connection) },
  name: "job",
  percentile: "50",
  subject: { kind: "host", cpus: "${measured.join(",")}" },
  interval: "${interval}",
  histogramMax: "${histogramMax}",
  duration,
  repetitions: 1,
  triggers: [round],
});
`;

async function main([text]) {
  const { runs, engine } = JSON.parse(text);
  return inServerFolder("overhead", (folders) => measureServer({ ...folders, runs, engine }));
}

async function measureServer({ runs, engine, folder, server }) {
  say("booting an emulated server");
  const connection = await bootServer(server, {
    bootArguments: [
      `isolcpus=managed_irq,domain,${isolated}`,
      ...[`nohz_full=${isolated}`, `rcu_nocbs=${isolated}`, "irqaffinity=0-1"],
    ],
  });
  const shell = new ServerShell(connection);
  const trace = new SchedulerTrace(shell, measured);
  await trace.open();
  const settingsFile = join(folder, "settings.json");
  const log = join(folder, "calls.jsonl");
  const project = new PulumiProject(join(folder, "pulumi"), {
    ...{ engine, program, config: { settingsFile } },
    environment: { PULUMI_DEBUG_GRPC: log },
  });
  await project.prepare();
  const ssh = sshArguments(folder, sshdOf(connection, folder));

  const job = async (length, round) => {
    const settings = { connection, duration: `${durations[length]}s`, round };
    writeFileSync(settingsFile, JSON.stringify(settings), { mode: 0o600 });
    writeFileSync(log, "", { mode: 0o600 });
    const seen = await traced(trace, () => project.create());
    const creates = createsIn(readFileSync(log, "utf8")).filter(({ urn }) => urn.endsWith("::job"));
    if (creates.length !== 1) throw new ToolError(`the job was made ${creates.length} times in one up`);
    const { record } = creates[0].properties;
    return {
      parts: partsOf(creates[0], seen.life),
      ...{ occupancy: seen.occupancy, invalidReasons: record.invalidReasons, command: record.tool.command },
    };
  };
  const byHand = async (command, beside = "") => {
    const { seconds, occupancy, life } = await traced(trace, () =>
      run(["ssh", ...ssh, `${beside}${command.join(" ")} > /dev/null`]),
    );
    return { occupancy, parts: { whole: seconds, tool: life } };
  };

  const results = { short: [], long: [], byHand: [] };
  for (let round = 1; round <= runs; round += 1) {
    for (const length of ["short", "long"]) {
      say(`round ${round} of ${runs}: a job of ${durations[length]} s`);
      results[length].push(await job(length, `${round}`));
    }
    say(`round ${round} of ${runs}: by hand`);
    results.byHand.push(await byHand(results.long.at(-1).command));
  }
  say("a task that the trace must notice");
  const stranger = `taskset -c ${isolated} sh -c 'for each in 1 2 3 4 5 6 7 8; do sleep 0.5; done' & `;
  await mustFail("the trace", `what runs on CPU ${isolated}`, "sleep", async () => {
    const { occupancy } = await byHand(results.short[0].command, stranger);
    refuseStrangers(occupancy.find(({ cpu }) => cpu === isolated));
  });
  const kernel = (await shell.run("uname -r")).trim();
  await shell.close();
  console.log(JSON.stringify({ tool, interval, durations, measured, isolated, kernel, ...results }));
  return 0;
}

/** Does something while the kernel tells who runs. */
async function traced(trace, work) {
  await trace.start();
  const begun = performance.now();
  await work();
  const seconds = (performance.now() - begun) / 1000;
  const { cpus, lives, kernelThreads } = await trace.stop();
  const occupancy = occupancyOf(cpus, tool, kernelThreads);
  if (occupancy.length !== measured.length)
    throw new ToolError(`${tool} was seen on ${occupancy.length} of ${measured.length} CPUs`);
  return { seconds, occupancy, life: lifeOf(lives, tool, occupancy[0]) };
}

function refuseStrangers({ cpu, others }) {
  const strangers = others.filter(({ isKernel }) => !isKernel).map(({ name }) => name);
  if (strangers.length > 0) throw new ToolError(`on CPU ${cpu}: ${strangers.join(", ")}`);
}

function say(text) {
  console.log(text);
}

await runTool(main);
process.exit();
