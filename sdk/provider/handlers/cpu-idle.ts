import { latencyHolders } from "../../observe/latency-holders.ts";
import { idleLatencyLimit } from "../../observe/settings.ts";
import { checkKnobs } from "../../plan/kernel-files.ts";
import { knobs } from "../../plan/knobs.ts";
import {
  checkLatency,
  heldLatency,
  isHeld,
  planHolder,
  planRelease,
  requireLatencyDevice,
  verifyLatency,
} from "../../plan/latency-holder.ts";
import { cpuIdle } from "../../schema/cpu-idle.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";
import { kernelFilesHandler } from "./kernel-files.ts";

type Idle = Inputs<typeof cpuIdle>;

const START_MS = 10_000;

const files = kernelFilesHandler({
  definition: cpuIdle,
  kind: "cpu-idle",
  knobs: knobs.cpuIdle,
  rivals: ["tuned"],
});

/** Files as every knob, and a service that holds the latency of the whole host. */
export const cpuIdleHandler: Handler<typeof cpuIdle> = {
  ...files,
  probes: { ...files.probes, holders: latencyHolders },

  check: ({ dmaLatency, ...others }) => {
    if (dmaLatency !== undefined) checkLatency(dmaLatency);
    checkKnobs(knobs.cpuIdle, others, { dmaLatency });
  },

  create: async (operation, inputs) => {
    await requireDevice(operation, inputs);
    return hold(operation, inputs, await files.create(operation, inputs));
  },

  read: async (operation, prior) => {
    // Together, so that they are asked in one round trip.
    const [state, { holders }] = await Promise.all([
      files.read(operation, prior),
      operation.host(prior.host).observe({ holders: latencyHolders }),
    ]);
    if (state === undefined) return undefined;
    const { dmaLatency: wanted, ...others } = state;
    const imported = prior.found === undefined;
    const held = wanted === undefined && !imported ? undefined : heldLatency(wanted, holders.get(state.name));
    return { ...others, ...(held !== undefined && { dmaLatency: held as Idle["dmaLatency"] }) };
  },

  update: async (operation, inputs, prior) => {
    await requireDevice(operation, inputs);
    return hold(operation, inputs, await files.update(operation, inputs, prior));
  },

  delete: async (operation, state) => {
    await release(operation, state);
    await files.delete(operation, state);
  },
};

async function requireDevice(operation: Operation, { host: reference, dmaLatency }: Idle): Promise<void> {
  if (dmaLatency === undefined) return;
  const host = operation.host(reference);
  requireLatencyDevice((await host.observeNow({ limit: idleLatencyLimit })).limit, host.name);
}

async function hold(
  operation: Operation,
  inputs: Idle,
  outputs: Outputs<typeof cpuIdle>,
): Promise<Outputs<typeof cpuIdle>> {
  const { host: reference, name, dmaLatency } = inputs;
  if (dmaLatency === undefined) {
    await release(operation, inputs);
    return outputs;
  }
  const host = operation.host(reference);
  const { holders } = await host.observeNow({ holders: latencyHolders });
  await host.execute(planHolder(name, dmaLatency, holders.get(name)));
  const probes = { limit: idleLatencyLimit };
  const { limit } = await host.waitFor(probes, (facts) => isHeld(dmaLatency, facts.limit), {
    timeoutMs: START_MS,
    everyMs: 200,
  });
  try {
    verifyLatency(dmaLatency, limit, name);
  } catch (error) {
    throw new Incomplete(error as Error, outputs);
  }
  return outputs;
}

async function release(
  operation: Operation,
  { host: reference, name }: Pick<Idle, "host" | "name">,
): Promise<void> {
  const host = operation.host(reference);
  const { holders } = await host.observeNow({ holders: latencyHolders });
  await host.execute(planRelease(name, holders.get(name)));
}
