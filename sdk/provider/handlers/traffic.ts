import { type TrafficRun, trafficFaults, trafficFrames, trafficMetrics } from "../../measure/traffic.ts";
import { ovsDatabase } from "../../observe/ovs.ts";
import { forwarders, lastWords, parseTrafficReport, trafficProgress } from "../../observe/traffic.ts";
import { inUnit, stopUnit, unitOf } from "../../plan/benchmarks.ts";
import { deadPath, NO_PATH } from "../../plan/dead-path.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { checkTraffic, planTraffic, type TrafficPlan, withErrors } from "../../plan/traffic-run.ts";
import { traffic } from "../../schema/traffic.ts";
import type { TrafficReport } from "../../schema/traffic-report.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { HostError } from "../../units/errors.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { measuring } from "../measuring.ts";

/** How much longer than the program itself its unit may live. */
const SLACK_S = 15;

export const trafficHandler: Handler<typeof traffic> = {
  definition: traffic,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkTraffic,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { name, generator, from, to = from, rate, frameSize = 64, firmware } = inputs;
    const plan = planTraffic(inputs);
    const runs: TrafficRun[] = [];
    const subject = `${host.name}, ${from.kind} to ${to.kind}, ${frameSize} bytes at ${rate} frames/s`;
    const seconds = plan.repetitions * plan.seconds;
    const record = await measuring(
      operation,
      host,
      { kind: "traffic", subject, seconds, firmware },
      (facts) => {
        requireOnline({ "generator.cpus": generator.cpus }, CpuSet.parse(facts.onlineCpus), host.name);
        return async () => {
          let version = "";
          for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
            const report = await runOnce(operation, host, unitOf(operation.tag, name), plan);
            runs.push(report);
            version = report.dpdk;
          }
          return {
            metrics: trafficMetrics(runs),
            tool: { command: plan.argv, version },
            faults: runs.flatMap((run) => trafficFaults(run, rate)),
          };
        };
      },
    );
    return { record, frames: trafficFrames(runs) };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, { record, frames }) => ({ record, frames }),
  delete: async () => undefined,
};

/** Nothing where it can't be read: the failure itself is what has to be told. */
async function whatWasCounted(host: Host): Promise<string[]> {
  const seen = await host.observeNow({ forwarders, database: ovsDatabase }).catch(() => undefined);
  if (seen === undefined) return [];
  return deadPath(seen.forwarders, seen.database.state === "answering" ? seen.database.interfaces : []);
}

async function runOnce(
  { signal, status }: Operation,
  host: Host,
  unit: string,
  plan: TrafficPlan,
): Promise<TrafficReport> {
  const stop = stopUnit(unit);
  const seconds = plan.seconds + SLACK_S;
  await host.execute([stop, ...plan.prepare]);
  try {
    const { code, stdout, stderr } = await host.transport.execute({
      argv: inUnit(unit, seconds, withErrors(plan.argv), plan.properties),
      timeoutMs: (seconds + SLACK_S) * 1000,
      signal,
      onStdout: (chunk) => {
        const line = trafficProgress(Buffer.from(chunk).toString("utf8"));
        if (line !== undefined) status(line);
      },
    });
    if (code === 0) return parseTrafficReport(stdout);
    throw new HostError({
      code: "traffic-failed",
      problem: `the traffic program failed on ${host.name}`,
      observed: [
        `exit code ${code}: ${lastWords(stdout) || stderr.trim() || "no word of why"}`,
        ...(code === NO_PATH ? await whatWasCounted(host) : []),
      ].join("; "),
      hint: "a port without a link has no peer; a path that passes no first frame lacks flows or a forwarder",
    });
  } finally {
    // Nothing is left of one that was given up.
    await host.transport.execute(stop).catch(() => undefined);
  }
}
