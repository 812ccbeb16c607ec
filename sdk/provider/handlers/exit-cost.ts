import { exitCostFaults, exitCostMetrics, exitCostRemarks } from "../../measure/exit-costs.ts";
import { parseExitCost } from "../../observe/exit-cost.ts";
import { planExitCost } from "../../plan/exit-cost.ts";
import { exitCost } from "../../schema/latency.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { benchmarkCpus } from "../cpu-benchmark.ts";
import type { Handler } from "../handler.ts";

export const exitCostHandler: Handler<typeof exitCost> = {
  definition: exitCost,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planExitCost(inputs, CpuSet.empty);
  },

  create: async (operation, inputs) => {
    const subject = { kind: "host", cpus: inputs.cpus } as const;
    const record = await benchmarkCpus(
      operation,
      { ...inputs, subject },
      {
        kind: "exit-cost",
        plan: (housekeeping) => planExitCost(inputs, housekeeping),
        parse: parseExitCost,
        slowestNs: ({ guest: { operations, cyclesPerSecond } }) =>
          (Math.max(...operations.map(({ max }) => max)) * 1e9) / Math.max(1, cyclesPerSecond),
        measured: (runs, plan, { versions }) => ({
          metrics: exitCostMetrics(runs),
          tool: { command: plan.command, version: `QEMU ${versions.qemu ?? "unknown"}` },
          faults: exitCostFaults(runs),
          remarks: exitCostRemarks(runs),
        }),
      },
    );
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};
