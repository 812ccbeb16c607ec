import { traced } from "../../measure/traced.ts";
import { parseRtla } from "../../observe/rtla.ts";
import { LOOK_IN_GUEST, parseTracing, type Tracing, tracing } from "../../observe/tracing.ts";
import { DEFAULT_PERCENTILE } from "../../plan/samples.ts";
import { checkRtla, planRtla, requireTracer } from "../../plan/tracers.ts";
import type { Inputs } from "../../schema/definition.ts";
import { rtla } from "../../schema/latency.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { benchmarkCpus, placeOf } from "../cpu-benchmark.ts";
import { runInGuest } from "../guest-agent.ts";
import type { Handler, Operation } from "../handler.ts";

const ANSWER_MS = 60_000;

export const rtlaHandler: Handler<typeof rtla> = {
  definition: rtla,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkRtla,

  create: async (operation, inputs) => {
    const { subject, tracer } = inputs;
    const seen = await tracingOf(operation, inputs);
    requireTracer(tracer.kind, seen, placeOf(inputs));
    const cpus = CpuSet.parse(subject.cpus).size;
    const record = await benchmarkCpus(operation, inputs, {
      kind: `rtla-${tracer.kind}`,
      plan: (housekeeping) => planRtla(inputs, housekeeping, seen),
      parse: parseRtla,
      slowestNs: (columns) => Math.max(0, ...columns.map(({ maxNs }) => maxNs)),
      measured: (runs, { command, expected }) => ({
        metrics: traced(runs, {
          ...{ place: subject.kind, ...tracer, expected: expected * cpus },
          percentile: inputs.percentile ?? DEFAULT_PERCENTILE,
        }),
        tool: { command, version: `rtla ${seen.rtla}` },
      }),
    });
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};

async function tracingOf(operation: Operation, inputs: Inputs<typeof rtla>): Promise<Tracing> {
  const { subject } = inputs;
  const host = operation.host(inputs.host);
  if (subject.kind === "host") return (await host.observeNow({ tracing })).tracing;
  const { stdout } = await runInGuest(host, subject.domain, [...LOOK_IN_GUEST], {
    ...{ timeoutMs: ANSWER_MS, signal: operation.signal },
  });
  return parseTracing(stdout);
}
