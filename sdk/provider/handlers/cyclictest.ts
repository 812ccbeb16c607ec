import { metricOf, ofThreads } from "../../measure/metric.ts";
import { type CyclictestThread, parseCyclictest } from "../../observe/cyclictest.ts";
import { checkCyclictest, planCyclictest } from "../../plan/benchmarks.ts";
import { DEFAULT_PERCENTILE } from "../../plan/samples.ts";
import { cyclictest } from "../../schema/benchmarks.ts";
import { benchmarkCpus } from "../cpu-benchmark.ts";
import type { Handler } from "../handler.ts";

export const cyclictestHandler: Handler<typeof cyclictest> = {
  definition: cyclictest,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkCyclictest,

  create: async (operation, inputs) => ({
    record: await benchmarkCpus(operation, inputs, {
      kind: "cyclictest",
      plan: (housekeeping) => planCyclictest(inputs, housekeeping),
      parse: parseCyclictest,
      slowestNs: ({ threads }) => Math.max(...threads.map(({ maxNs }) => maxNs)),
      measured: (runs, { command, expected }) => ({
        metrics: [
          metricOf(
            {
              ...{ name: `${inputs.subject.kind}.timer.latency`, unit: "ns", direction: "lower" },
              percentile: inputs.percentile ?? DEFAULT_PERCENTILE,
            },
            runs.map(({ threads }) => ({
              ...ofThreads(threads),
              mean: meanOf(threads),
              expected: expected * threads.length,
            })),
          ),
        ],
        tool: { command, version: `cyclictest ${runs[0]?.version}` },
      }),
    }),
  }),

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};

/** Of all wake-ups: each thread tells its own. */
function meanOf(threads: readonly CyclictestThread[]): number | undefined {
  const cycles = threads.reduce((sum, thread) => sum + thread.cycles, 0);
  const total = threads.reduce((sum, thread) => sum + (thread.meanNs ?? 0) * thread.cycles, 0);
  return cycles === 0 ? undefined : total / cycles;
}
