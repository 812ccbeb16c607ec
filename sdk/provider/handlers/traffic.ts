import {
  sendingMs,
  trafficFaults,
  trafficFrames,
  trafficMetrics,
  trafficRemarks,
} from "../../measure/traffic.ts";
import { parseTrafficReport, receivedBySecond, trafficProgress } from "../../observe/traffic.ts";
import { inUnit, stopUnit, unitOf } from "../../plan/benchmarks.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { DEFAULT_PERCENTILE } from "../../plan/samples.ts";
import type { TrafficPlan } from "../../plan/traffic-plan.ts";
import { checkTraffic, planTraffic, withErrors } from "../../plan/traffic-run.ts";
import { traffic } from "../../schema/traffic.ts";
import type { TrafficReport } from "../../schema/traffic-report.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { besideFrames, besideText } from "../loading.ts";
import { measuring } from "../measuring.ts";
import { type RawOutputs, runKept } from "../raw-outputs.ts";
import { watchSwitch } from "../switch-watch.ts";
import { trafficFailed } from "../traffic-failure.ts";

/** How much longer than the program itself its unit may live. */
const SLACK_S = 15;

export const trafficHandler: Handler<typeof traffic> = {
  definition: traffic,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkTraffic,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const {
      name,
      generator,
      from,
      to = from,
      rate,
      frameSize = 64,
      firmware,
      systemUnderTest,
      coLoad,
    } = inputs;
    const forwarding = systemUnderTest === undefined ? host : operation.host(systemUnderTest);
    const plan = planTraffic(inputs);
    const runs: CountedRun[] = [];
    const pace = rate === "unpaced" ? "as fast as they are taken" : `at ${rate} frames/s`;
    const subject = `${host.name}, ${from.kind} to ${to.kind}, ${frameSize} bytes ${pace}${besideText(coLoad)}`;
    const seconds = plan.repetitions * plan.seconds;
    const beside = await besideFrames(operation, forwarding, inputs, {
      ...{ unit: unitOf(operation.tag, name), seconds },
    });
    const others = systemUnderTest === undefined ? {} : { systemUnderTest: forwarding };
    const record = await measuring(
      operation,
      host,
      { ...{ kind: "traffic", name, subject, seconds, firmware }, ...{ asked: inputs, others } },
      (facts) => {
        requireOnline({ "generator.cpus": generator.cpus }, CpuSet.parse(facts.onlineCpus), host.name);
        const measure = async (raw: RawOutputs) => {
          let version = "";
          const watch = await watchSwitch(forwarding);
          for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
            const run = await runOnce(operation, host, { unit: unitOf(operation.tag, name), plan, raw });
            runs.push(run);
            version = run.report.dpdk;
          }
          return {
            metrics: trafficMetrics(
              runs.map(({ report }) => report),
              inputs.percentile ?? DEFAULT_PERCENTILE,
            ),
            tool: { command: plan.argv, version },
            faults: runs.flatMap(({ report }) => trafficFaults(report, rate === "unpaced" ? 0 : rate)),
            remarks: trafficRemarks(runs),
            switch: await watch(sendingMs(runs.map(({ report }) => report))),
          };
        };
        return (raw) => beside(raw, () => measure(raw));
      },
    );
    return { record, frames: trafficFrames(runs.map(({ report }) => report)) };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, { record, frames }) => ({ record, frames }),
  delete: async () => undefined,
};

interface CountedRun {
  readonly report: TrafficReport;
  /** Frames that came in each second. */
  readonly received: readonly number[];
}

async function runOnce(
  { signal, status }: Operation,
  host: Host,
  { unit, plan, raw }: { readonly unit: string; readonly plan: TrafficPlan; readonly raw: RawOutputs },
): Promise<CountedRun> {
  const stop = stopUnit(unit);
  const seconds = plan.seconds + SLACK_S;
  await host.execute([stop, ...plan.prepare]);
  try {
    const { code, stdout, stderr } = await runKept(raw, host, {
      argv: inUnit(unit, seconds, withErrors(plan.argv), plan.properties),
      timeoutMs: (seconds + SLACK_S) * 1000,
      signal,
      onStdout: (chunk) => {
        const line = trafficProgress(Buffer.from(chunk).toString("utf8"));
        if (line !== undefined) status(line);
      },
    });
    if (code === 0) return { report: parseTrafficReport(stdout), received: receivedBySecond(stdout) };
    throw await trafficFailed(host, { code, stdout, stderr });
  } finally {
    // Nothing is left of one that was given up.
    await host.transport.execute(stop).catch(() => undefined);
  }
}
