import { pciFunctions, pciProbes } from "../../observe/pci.ts";
import { pciUnits } from "../../observe/pci-units.ts";
import { requireUnused } from "../../plan/function-use.ts";
import { isPersisted, planUnit, removeUnit } from "../../plan/pci-unit.ts";
import { requireUnprotected } from "../../plan/protected-functions.ts";
import { leftAlone, restorable } from "../../plan/restorable.ts";
import type { Step } from "../../plan/step.ts";
import {
  functionMap,
  isRemoving,
  meantBeside,
  type PhysicalFunction,
  physicalFunction,
  planVirtualFunctions,
  requireRoom,
  textsNow,
  textsWanted,
  verifyVirtualFunctions,
  virtualFunctionsUnit,
} from "../../plan/virtual-functions.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { virtualFunctions } from "../../schema/pci.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";
import { type Ground, groundOf, touchProbes } from "../touching.ts";

type Texts = ReadonlyMap<string, string>;

const probes = { ...pciProbes, units: pciUnits };
const PF = /^([0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\/vfs$/;

export const virtualFunctionsHandler: Handler<typeof virtualFunctions> = {
  definition: virtualFunctions,
  probes,

  id: ({ host, pf }) => `${host.name}/${pf}/vfs`,
  locate: (rest) => {
    const pf = PF.exec(rest)?.[1];
    return pf === undefined ? undefined : { pf };
  },

  create: (operation, inputs) => bring(operation, inputs),
  update: (operation, inputs, prior) => bring(operation, inputs, new Map(Object.entries(prior.found))),

  read: async (operation, state) => {
    const { units, ...pci } = await operation.host(state.host).observe(probes);
    const functions = pciFunctions(pci);
    const sriov = functions.get(state.pf)?.sriov;
    if (sriov === undefined || (state.count === undefined && sriov.active === 0)) return undefined;
    const name = virtualFunctionsUnit(state).name;
    const { driversAutoprobe, up } = state.count === undefined ? meantBeside(units.get(name)?.text) : state;
    const wanted = { ...state, count: state.count ?? sriov.active, driversAutoprobe, up };
    return {
      ...{ found: {}, written: {} },
      ...state,
      count: sriov.active,
      ...(driversAutoprobe !== undefined && { driversAutoprobe: sriov.autoprobe }),
      ...(up !== undefined && { up: sriov.link?.up === true }),
      total: sriov.total,
      functions: functionMap(
        { ...(functions.get(state.pf) as PhysicalFunction), sriov },
        functions,
        state.functions,
      ),
      persisted: isPersisted(virtualFunctionsUnit(wanted as never), units.get(name)),
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { ground, units } = await look(host);
    const pf = physicalFunction(state.pf, ground.functions, host.name);
    const written = new Map(Object.entries(state.written));
    const { target, changedByOthers } = restorable(
      new Map(Object.entries(state.found)),
      written,
      new Map(
        [...textsNow({ driversAutoprobe: true, up: true }, pf.sriov)].filter(([file]) => written.has(file)),
      ),
    );
    if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
    await host.execute(stepsTo(target, pf, ground, host.name));
    const { name } = virtualFunctionsUnit(state);
    await host.execute(removeUnit(name, units.get(name)));
    await host.forget(journalKey(state));
  },
};

async function look(host: Host) {
  const { units, ...observed } = await host.observeNow({ ...touchProbes, units: pciUnits });
  return { ground: groundOf(observed), units };
}

async function bring(
  operation: Operation,
  inputs: Inputs<typeof virtualFunctions>,
  had?: Texts,
): Promise<Outputs<typeof virtualFunctions>> {
  const host = operation.host(inputs.host);
  const before = await look(host);
  const pf = physicalFunction(inputs.pf, before.ground.functions, host.name);
  requireRoom(inputs, pf, host.name);
  const now = textsNow(inputs, pf.sriov);
  const steps = stepsTo(textsWanted(inputs), pf, before.ground, host.name);
  const earlier = had ?? new Map(await host.remember(journalKey(inputs), [...now], operation.urn));
  const found = new Map([...now, ...earlier]);
  await host.execute(steps);
  const unit = virtualFunctionsUnit(inputs);
  await host.execute(planUnit(unit, before.units.get(unit.name)));
  const after = await look(host);
  const { functions } = after.ground;
  const made = physicalFunction(inputs.pf, functions, host.name);
  const outputs = {
    total: made.sriov.total,
    functions: functionMap(made, functions),
    found: Object.fromEntries(found),
    written: Object.fromEntries(textsWanted(inputs)),
    persisted: isPersisted(unit, after.units.get(unit.name)),
  };
  try {
    verifyVirtualFunctions(inputs, made.sriov, host.name);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { count: made.sriov.active });
  }
  return outputs;
}

/** What brings the files there, once nothing speaks against touching the functions. */
function stepsTo(target: Texts, pf: PhysicalFunction, { protection, use }: Ground, host: string): Step[] {
  const { address, sriov } = pf;
  const steps = planVirtualFunctions(address, target, sriov);
  if (steps.length === 0) return [];
  const words = { property: "pf", action: `change the virtual functions of ${address}`, host };
  requireUnprotected([address, ...sriov.functions], protection, words);
  if (isRemoving(target, sriov)) requireUnused(sriov.functions, use, words);
  return steps;
}

function journalKey({ pf }: { readonly pf: string }): string {
  return `pci/${pf}/vfs`;
}
