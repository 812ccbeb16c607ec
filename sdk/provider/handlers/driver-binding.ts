import { pciFunctions, pciProbes } from "../../observe/pci.ts";
import { pciUnits } from "../../observe/pci-units.ts";
import { unsafeVfio } from "../../observe/vfio.ts";
import {
  bindingNow,
  bindingUnconfirmed,
  bindingUnit,
  bindingWanted,
  checkBinding,
  confirmBinding,
  planBinding,
  planRollback,
  requireBindable,
  verifyBinding,
} from "../../plan/driver-binding.ts";
import { requireUnused } from "../../plan/function-use.ts";
import { isPersisted, planUnit, removeUnit } from "../../plan/pci-unit.ts";
import { requireUnprotected } from "../../plan/protected-functions.ts";
import { leftAlone, restorable } from "../../plan/restorable.ts";
import type { Step } from "../../plan/step.ts";
import { requireFunction } from "../../plan/virtual-functions.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { driverBinding } from "../../schema/pci.ts";
import { nanoseconds } from "../../units/duration.ts";
import { runAnew } from "../confirming.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";
import { type Ground, groundOf, touchProbes } from "../touching.ts";

type Wanted = Inputs<typeof driverBinding>;
type Texts = ReadonlyMap<string, string>;

const probes = { ...pciProbes, units: pciUnits };
const FUNCTION = /^([0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\/driver$/;

export const driverBindingHandler: Handler<typeof driverBinding> = {
  definition: driverBinding,
  probes,

  id: ({ host, address }) => `${host.name}/${address}/driver`,
  locate: (rest) => {
    const address = FUNCTION.exec(rest)?.[1];
    return address === undefined ? undefined : { address };
  },
  check: checkBinding,

  create: (operation, inputs) => bring(operation, inputs),
  update: (operation, inputs, prior) => bring(operation, inputs, new Map(Object.entries(prior.found))),

  read: async (operation, state) => {
    const { units, ...pci } = await operation.host(state.host).observe(probes);
    const observed = pciFunctions(pci).get(state.address);
    if (observed === undefined || (state.driver === undefined && observed.driver === undefined))
      return undefined;
    const unit = bindingUnit(
      { ...state, driver: state.driver ?? observed.driver },
      observed.physicalFunction,
    );
    return {
      ...{ found: {}, written: {} },
      ...state,
      driver: observed.driver ?? "none",
      iommuGroup: observed.iommuGroup ?? null,
      persisted: isPersisted(unit, units.get(unit.name)),
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { ground, units } = await look(host);
    const observed = ground.functions.get(state.address);
    const [found, written] = [new Map(Object.entries(state.found)), new Map(Object.entries(state.written))];
    // A function that is gone took its driver with it.
    if (observed !== undefined) {
      const now = bindingNow(observed);
      const { target, changedByOthers } = restorable(found, written, now);
      if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
      await host.execute(stepsTo(new Map([...now, ...target]), state.address, now, ground, host.name));
    }
    const { name } = bindingUnit(state, undefined);
    await host.execute(removeUnit(name, units.get(name)));
    await host.forget(journalKey(state));
  },
};

async function look(host: Host) {
  const { units, unsafe, ...observed } = await host.observeNow({
    ...touchProbes,
    units: pciUnits,
    unsafe: unsafeVfio,
  });
  return { ground: groundOf(observed), units, unsafe };
}

async function bring(
  operation: Operation,
  inputs: Wanted,
  had?: Texts,
): Promise<Outputs<typeof driverBinding>> {
  const host = operation.host(inputs.host);
  const { ground, units, unsafe } = await look(host);
  const { functions } = ground;
  const observed = requireFunction(inputs.address, "address", functions, host.name);
  requireBindable(inputs, { functions, unsafe }, host.name);
  const now = bindingNow(observed);
  const steps = stepsTo(bindingWanted(inputs), inputs.address, now, ground, host.name);
  const found = had ?? new Map(await host.remember(journalKey(inputs), [...now], operation.urn));
  if (steps.length > 0) {
    await host.execute([...planRollback(inputs, now), ...steps]);
    operation.status("waits for a new connection");
    await confirm(operation, inputs, host.name);
  }
  const unit = bindingUnit(inputs, observed.physicalFunction);
  await host.execute(planUnit(unit, units.get(unit.name)));
  const after = await look(host);
  const bound = after.ground.functions.get(inputs.address);
  const outputs = {
    iommuGroup: bound?.iommuGroup ?? null,
    found: Object.fromEntries(found),
    written: Object.fromEntries(bindingWanted(inputs)),
    persisted: isPersisted(unit, after.units.get(unit.name)),
  };
  try {
    verifyBinding(inputs, bound, host.name);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { driver: bound?.driver ?? "none" });
  }
  return outputs;
}

/** What brings the function there, once nothing speaks against touching it. */
function stepsTo(
  target: Texts,
  address: string,
  now: Texts,
  { protection, use }: Ground,
  host: string,
): Step[] {
  const steps = planBinding(address, target, now);
  if (steps.length === 0) return [];
  const words = {
    property: "address",
    action: `bind ${target.get("driver") || "no driver"} to ${address}`,
    host,
  };
  requireUnprotected([address], protection, words);
  requireUnused([address], use, words);
  return steps;
}

async function confirm(operation: Operation, inputs: Wanted, host: string): Promise<void> {
  const { connection } = inputs.host;
  const withinMs = nanoseconds(inputs.confirmWithin ?? "120s") / 1e6;
  try {
    await runAnew(connection, confirmBinding(inputs.address), { withinMs, signal: operation.signal });
  } catch (error) {
    throw bindingUnconfirmed(inputs, error as Error, host);
  }
}

function journalKey({ address }: Pick<Wanted, "address">): string {
  return `pci/${address}/driver`;
}
