import { type ObservedSwap, swapAreas } from "../../observe/swap.ts";
import { leftAlone } from "../../plan/restorable.ts";
import {
  type FoundSwap,
  foundSwap,
  isKeptOff,
  missingAreas,
  notBack,
  planKeepingOff,
  planLetting,
  planOff,
  planOn,
  planPriorities,
  requireOff,
  requireRoom,
  swapDropIns,
  swapStates,
} from "../../plan/swap.ts";
import type { Inputs, Outputs, State } from "../../schema/definition.ts";
import { swap } from "../../schema/swap.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

const JOURNAL = "swap";
const probes = { swap: swapAreas };

export const swapHandler: Handler<typeof swap> = {
  definition: swap,
  probes,

  id: ({ host }) => `${host.name}/swap`,
  locate: (rest) => (rest === "swap" ? {} : undefined),

  create: (operation, inputs) => bring(operation, inputs),

  read: async (operation, state) => {
    const { swap: now } = await operation.host(state.host).observe(probes);
    // On import the drop-in says that it is meant, and what was on before it nobody knows.
    if (state.found === undefined && !isKeptOff(now)) return undefined;
    const written = [...now.dropIns.keys()];
    return { ...{ found: [], services: [], written }, ...state, ...swapStates(now) };
  },

  update: (operation, inputs, prior) => bring(operation, inputs, prior),

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const before = await look(host);
    const { steps, changedByOthers } = planLetting(state, before);
    if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
    await host.execute(steps);
    await host.execute(planOn(state, await look(host)));
    const after = await look(host);
    await host.execute(planPriorities(state, before, after));
    const missing = missingAreas(state.found, after.areas);
    if (missing.length > 0) operation.warn(notBack(missing, host.name));
    await host.forget(JOURNAL);
  },
};

async function look(host: Host): Promise<ObservedSwap> {
  return (await host.observeNow(probes)).swap;
}

async function bring(
  operation: Operation,
  inputs: Inputs<typeof swap>,
  prior?: State<typeof swap>,
): Promise<Outputs<typeof swap>> {
  const host = operation.host(inputs.host);
  const before = await look(host);
  requireRoom(before, host.name);
  // What came since was not on before, and does not come back.
  const found = prior ?? (await host.remember<FoundSwap>(JOURNAL, foundSwap(before), operation.urn));
  const written = [...new Set([...(prior?.written ?? []), ...swapDropIns(before)])];
  const outputs = (now: ObservedSwap) => ({
    ...{ found: [...found.found], services: [...found.services], written },
    ...swapStates(now),
  });
  let now = before;
  try {
    await host.execute(planKeepingOff(before));
    now = await look(host);
    await host.execute(planOff(now));
    now = await look(host);
    requireOff(swapStates(now), host.name);
  } catch (error) {
    // Some of it may be off by now: state has to hold what delete turns on.
    throw new Incomplete(error as Error, outputs(now));
  }
  return outputs(now);
}
