import { cpuTopology } from "../../observe/cpus.ts";
import { resctrl } from "../../observe/resctrl.ts";
import {
  foundGroups,
  groupName,
  observedShare,
  planMount,
  planShare,
  planShareRemoval,
  planUnmount,
  requireResctrl,
  requireShare,
  sharedWithDevices,
  shareOf,
  verifyShare,
  writtenGroup,
} from "../../plan/cache-allocation.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { leftAlone } from "../../plan/restorable.ts";
import { cacheAllocation } from "../../schema/cache-allocation.ts";
import type { Inputs } from "../../schema/definition.ts";
import { HostError } from "../../units/errors.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Share = Inputs<typeof cacheAllocation>;
type Texts = Readonly<Record<string, string>>;

const probes = { resctrl };

export const cacheAllocationHandler: Handler<typeof cacheAllocation> = {
  definition: cacheAllocation,
  probes,

  id: ({ host, name }) => `${host.name}/cache-allocation/${name}`,
  locate: (rest) => {
    const name = /^cache-allocation\/([A-Za-z0-9_.-]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },

  create: (operation, inputs) => {
    const host = operation.host(inputs.host);
    return host.inTurn("resctrl", async () => {
      const before = await prepare(host, inputs);
      const isThere = before.groups.has(groupName(inputs.name));
      const now = isThere ? { foreign: "yes" } : foundGroups(inputs.name, inputs, before);
      const found = await host.remember(journalKey(inputs), now, operation.urn);
      if ("foreign" in found) {
        await host.forget(journalKey(inputs));
        throw groupThere(inputs);
      }
      return bring(operation, host, inputs, found);
    });
  },

  read: async (operation, state) => {
    const { resctrl: observed } = await operation.host(state.host).observe(probes);
    const share =
      state.schemata === undefined
        ? shareOf(state.name, observed)
        : observedShare(state.name, state, observed);
    // On import what was there before nobody knows.
    return share && { ...{ found: {}, written: writtenGroup(state.name, observed) }, ...state, ...share };
  },

  update: (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    return host.inTurn("resctrl", async () => {
      const before = await prepare(host, inputs);
      return bring(operation, host, inputs, { ...foundGroups(inputs.name, inputs, before), ...prior.found });
    });
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { resctrl: observed } = await host.observeNow(probes);
    const { steps, changedByOthers } = planShareRemoval(state.name, state, observed);
    if (changedByOthers) operation.warn(leftAlone([`resctrl's group ${groupName(state.name)}`]));
    await host.execute(steps);
    await host.forget(journalKey(state));
  },
};

async function prepare(host: Host, inputs: Share) {
  const { resctrl: before, cpus } = await host.observeNow({ ...probes, cpus: cpuTopology });
  requireOnline({ cpus: inputs.cpus }, cpus.online, host.name);
  requireResctrl(before, host.name);
  return before;
}

async function bring(operation: Operation, host: Host, inputs: Share, found: Texts) {
  const { name } = inputs;
  await host.execute(planMount((await host.observeNow(probes)).resctrl));
  const { resctrl: before } = await host.observeNow(probes);
  try {
    requireShare(name, inputs, before, host.name);
  } catch (error) {
    await host.execute(planUnmount(name, found, before));
    throw error;
  }
  const devices = sharedWithDevices(inputs, before);
  if (devices.length > 0)
    operation.warn(
      `devices of ${host.name} put data into ways of ${groupName(name)} too: ${devices.join(", ")}`,
    );
  await host.execute(planShare(name, inputs, before));
  const { resctrl: after } = await host.observeNow(probes);
  const outputs = { found, written: writtenGroup(name, after) };
  try {
    verifyShare(name, inputs, after);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, observedShare(name, inputs, after));
  }
  return outputs;
}

function groupThere({ host, name }: Share): HostError {
  return new HostError({
    code: "cache-group",
    property: "name",
    problem: `resctrl on ${host.name} has a group ${groupName(name)} already`,
    observed: `/sys/fs/resctrl/${groupName(name)}`,
    hint: `choose another name, or import it: ${host.name}/cache-allocation/${name}`,
  });
}

function journalKey({ name }: Pick<Share, "name">): string {
  return `cache-allocation/${name}`;
}
