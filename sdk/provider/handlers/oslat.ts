import { metricOf, ofThreads } from "../../measure/metric.ts";
import { parseOslat } from "../../observe/oslat.ts";
import {
  parseRealtimeRuntime,
  READ_REALTIME_RUNTIME,
  realtimeRuntime,
} from "../../observe/realtime-throttling.ts";
import { oslatFaults, planOslat, requireUnthrottled } from "../../plan/oslat.ts";
import type { Inputs } from "../../schema/definition.ts";
import { oslat } from "../../schema/latency.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { benchmarkCpus, placeOf } from "../cpu-benchmark.ts";
import { runInGuest } from "../guest-agent.ts";
import type { Handler, Operation } from "../handler.ts";

const ANSWER_MS = 60_000;

export const oslatHandler: Handler<typeof oslat> = {
  definition: oslat,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planOslat(inputs, CpuSet.empty);
  },

  create: async (operation, inputs) => {
    if (inputs.priority !== undefined)
      requireUnthrottled(inputs, await throttlingOf(operation, inputs), placeOf(inputs));
    const record = await benchmarkCpus(operation, inputs, {
      kind: "oslat",
      plan: (housekeeping) => planOslat(inputs, housekeeping),
      parse: parseOslat,
      slowestNs: ({ threads }) => Math.max(...threads.map(({ maxNs }) => maxNs)),
      measured: (runs, plan) => ({
        metrics: [
          metricOf(
            { name: `${inputs.subject.kind}.polling.gap`, unit: "ns", direction: "lower" },
            runs.map(({ threads }) => ({
              ...ofThreads(threads),
              expected: 0,
            })),
          ),
        ],
        tool: { command: plan.command, version: `oslat ${runs[0]?.version}` },
        faults: runs.flatMap(({ threads }) => oslatFaults(threads, plan)),
      }),
    });
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};

async function throttlingOf(
  operation: Operation,
  { host: reference, subject }: Inputs<typeof oslat>,
): Promise<number | undefined> {
  const host = operation.host(reference);
  if (subject.kind === "host") return (await host.observeNow({ realtimeRuntime })).realtimeRuntime;
  const { stdout } = await runInGuest(host, subject.domain, [...READ_REALTIME_RUNTIME], {
    ...{ timeoutMs: ANSWER_MS, signal: operation.signal },
  });
  return parseRealtimeRuntime(stdout);
}
