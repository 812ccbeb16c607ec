import { hardwareGaps } from "../../measure/hardware-gaps.ts";
import { parseHwlatdetect } from "../../observe/hwlatdetect.ts";
import { tracing } from "../../observe/tracing.ts";
import { planHwlatdetect, requireTracer } from "../../plan/tracers.ts";
import { hwlatdetect } from "../../schema/latency.ts";
import { benchmarkCpus } from "../cpu-benchmark.ts";
import type { Handler } from "../handler.ts";

export const hwlatdetectHandler: Handler<typeof hwlatdetect> = {
  definition: hwlatdetect,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planHwlatdetect(inputs);
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    requireTracer("hwlat", (await host.observeNow({ tracing })).tracing, host.name);
    const subject = { kind: "host", cpus: inputs.cpus } as const;
    const record = await benchmarkCpus(
      operation,
      { ...inputs, subject },
      {
        kind: "hwlatdetect",
        plan: () => planHwlatdetect(inputs),
        parse: parseHwlatdetect,
        slowestNs: ({ maxNs }) => maxNs ?? 0,
        measured: (runs, { command, expected }) => ({
          metrics: hardwareGaps(runs, expected),
          tool: { command, version: "hwlatdetect (rt-tests)" },
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
