import { pciFunctions, pciProbes } from "../../observe/pci.ts";
import { pciUnits } from "../../observe/pci-units.ts";
import { type AdminState, virtualFunctionStates } from "../../observe/virtual-function-states.ts";
import { isPersisted, planUnit, removeUnit } from "../../plan/pci-unit.ts";
import { requireUnprotected } from "../../plan/protected-functions.ts";
import { leftAlone, restorable } from "../../plan/restorable.ts";
import type { Step } from "../../plan/step.ts";
import {
  adminStateRefused,
  adminStateUnit,
  observedProperties,
  type Place,
  placeOf,
  planAdminState,
  propertiesMeant,
  verifyAdminState,
  wantedTexts,
} from "../../plan/virtual-function.ts";
import { physicalFunction } from "../../plan/virtual-functions.ts";
import { CommandError } from "../../remote/command-error.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { virtualFunction } from "../../schema/pci.ts";
import { HostError } from "../../units/errors.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";
import { groundOf, touchProbes } from "../touching.ts";

type Wanted = Inputs<typeof virtualFunction>;
type Texts = ReadonlyMap<string, string>;

const probes = { ...pciProbes, states: virtualFunctionStates, units: pciUnits };
const VF = /^([0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\/vf(\d+)$/;

export const virtualFunctionHandler: Handler<typeof virtualFunction> = {
  definition: virtualFunction,
  probes,

  id: ({ host, pf, vf }) => `${host.name}/${pf}/vf${vf}`,
  locate: (rest) => {
    const [, pf, vf] = VF.exec(rest) ?? [];
    return pf === undefined ? undefined : { pf, vf: Number(vf) };
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const seen = await look(host, inputs);
    const now = only(seen.now, wantedTexts(inputs));
    const earlier = await host.remember(journalKey(inputs), [...now], operation.urn);
    try {
      return await bring(host, inputs, seen, new Map([...now, ...earlier]));
    } catch (error) {
      // Nothing of it stayed, so nothing is to be undone.
      if (error instanceof HostError && error.code === "admin-state-refused")
        await host.forget(journalKey(inputs));
      throw error;
    }
  },

  read: async (operation, state) => {
    const { states, units, ...pci } = await operation.host(state.host).observe(probes);
    const physical = pciFunctions(pci).get(state.pf);
    const now = states.get(physical?.interfaces[0] ?? "")?.get(state.vf);
    const address = physical?.sriov?.functions[state.vf];
    if (now === undefined || address === undefined) return undefined;
    const unit = units.get(adminStateUnit({ ...state, host: state.host }).name);
    const meant = state.written === undefined ? propertiesMeant(unit?.text, now) : {};
    const observed = observedProperties(state, now);
    return {
      ...{ found: {}, written: {} },
      ...state,
      ...meant,
      ...observed,
      address,
      persisted: isPersisted(adminStateUnit({ ...state, ...meant }), unit),
    };
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    const seen = await look(host, inputs);
    const wanted = wantedTexts(inputs);
    const found = new Map(Object.entries(prior.found));
    // What is no longer asked for goes back to what it was.
    const dropped = new Map([...found].filter(([word]) => !wanted.has(word)));
    const isChanged = await restore(operation, host, seen, dropped, new Map(Object.entries(prior.written)));
    const before = isChanged ? await look(host, inputs) : seen;
    const kept = new Map([...only(before.now, wanted), ...only(found, wanted)]);
    return bring(host, inputs, before, kept);
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { name } = adminStateUnit(state);
    const { states, units, ...pci } = await host.observeNow(probes);
    const physical = pciFunctions(pci).get(state.pf);
    // Functions that are gone took their state with them.
    if (states.get(physical?.interfaces[0] ?? "")?.has(state.vf) === true) {
      const [found, written] = [new Map(Object.entries(state.found)), new Map(Object.entries(state.written))];
      await restore(operation, host, await look(host, state), found, written);
    }
    await host.execute(removeUnit(name, units.get(name)));
    await host.forget(journalKey(state));
  },
};

interface Seen {
  readonly place: Place;
  readonly now: AdminState;
  readonly driver: string | undefined;
  readonly units: ReturnType<typeof pciUnits.parse>;
}

async function look(host: Host, { pf, vf }: Pick<Wanted, "pf" | "vf">): Promise<Seen> {
  const { states, units, ...observed } = await host.observeNow({ ...touchProbes, ...probes });
  const { functions, protection } = groundOf(observed);
  const physical = physicalFunction(pf, functions, host.name);
  const place = placeOf({ pf, vf }, physical, host.name);
  const action = `set virtual function ${vf} of ${pf}`;
  requireUnprotected([place.address], protection, { property: "vf", action, host: host.name });
  const now = states.get(place.interface)?.get(vf) ?? new Map<string, string>();
  return { place, now, driver: physical.driver, units };
}

async function bring(
  host: Host,
  inputs: Wanted,
  { place, now, driver, units }: Seen,
  found: Texts,
): Promise<Outputs<typeof virtualFunction>> {
  const wanted = wantedTexts(inputs);
  const done: Step[] = [];
  for (const step of planAdminState(place, wanted, now)) {
    try {
      await host.execute([step]);
      done.push(step);
    } catch (error) {
      if (!(error instanceof CommandError) || error.code !== "command-failed") throw error;
      // Half of a change is none: what was set goes back before the driver's refusal is told.
      await host.execute(planAdminState(place, only(now, wanted), (await look(host, inputs)).now));
      throw adminStateRefused(step, error.result.stderr, driver, host.name);
    }
  }
  const unit = adminStateUnit(inputs);
  await host.execute(planUnit(unit, units.get(unit.name)));
  const after = await look(host, inputs);
  const outputs = {
    address: place.address,
    found: Object.fromEntries(found),
    written: Object.fromEntries(wanted),
    persisted: isPersisted(unit, after.units.get(unit.name)),
  };
  try {
    verifyAdminState(wanted, after.now, place, host.name);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, observedProperties(inputs, after.now));
  }
  return outputs;
}

async function restore(
  operation: Operation,
  host: Host,
  { place, now }: Seen,
  found: Texts,
  written: Texts,
): Promise<boolean> {
  const { target, changedByOthers } = restorable(found, written, now);
  if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
  const steps = planAdminState(place, target, now);
  await host.execute(steps);
  return steps.length > 0;
}

function only(texts: Texts, words: Texts): Map<string, string> {
  return new Map([...texts].filter(([word]) => words.has(word)));
}

function journalKey({ pf, vf }: Pick<Wanted, "pf" | "vf">): string {
  return `pci/${pf}/vf${vf}`;
}
