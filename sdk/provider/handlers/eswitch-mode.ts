import { eswitches, switchPorts } from "../../observe/devlink.ts";
import { pciFunctions, pciProbes } from "../../observe/pci.ts";
import { planEswitch, representorsOf, requireEswitch, verifyEswitch } from "../../plan/eswitch.ts";
import { requireUnused } from "../../plan/function-use.ts";
import { requireUnprotected } from "../../plan/protected-functions.ts";
import { leftAlone, restorable } from "../../plan/restorable.ts";
import type { Step } from "../../plan/step.ts";
import { physicalFunction } from "../../plan/virtual-functions.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { eswitchMode } from "../../schema/pci.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";
import { groundOf, touchProbes } from "../touching.ts";

type Wanted = Inputs<typeof eswitchMode>;

const probes = { ...pciProbes, eswitches, ports: switchPorts };
const PF = /^([0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])\/eswitch$/;

export const eswitchModeHandler: Handler<typeof eswitchMode> = {
  definition: eswitchMode,
  probes,

  id: ({ host, pf }) => `${host.name}/${pf}/eswitch`,
  locate: (rest) => {
    const pf = PF.exec(rest)?.[1];
    return pf === undefined ? undefined : { pf };
  },

  create: (operation, inputs) => bring(operation, inputs),
  update: (operation, inputs, prior) => bring(operation, inputs, prior.found["mode"]),

  read: async (operation, state) => {
    const observed = await operation.host(state.host).observe(probes);
    const mode = observed.eswitches.get(state.pf)?.mode;
    if (mode === undefined) return undefined;
    const { interfaces = [] } = pciFunctions(observed).get(state.pf) ?? {};
    return {
      ...{ found: {}, written: {} },
      ...state,
      mode: mode as Wanted["mode"],
      representors: representorsOf(interfaces, observed.ports),
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { eswitches: now } = await host.observeNow({ eswitches });
    const mode = now.get(state.pf)?.mode;
    const texts = (record: Readonly<Record<string, string>>) => new Map(Object.entries(record));
    const { target, changedByOthers } = restorable(
      texts(state.found),
      texts(state.written),
      mode === undefined ? new Map() : new Map([["mode", mode]]),
    );
    if (changedByOthers.length > 0) operation.warn(leftAlone([`the switch of ${state.pf}`]));
    const found = target.get("mode");
    if (found !== undefined) await host.execute(await stepsTo(host, state.pf, found));
    await host.forget(journalKey(state));
  },
};

async function bring(
  operation: Operation,
  inputs: Wanted,
  had?: string,
): Promise<Outputs<typeof eswitchMode>> {
  const host = operation.host(inputs.host);
  const { pf, mode } = inputs;
  const before = (await host.observeNow({ eswitches })).eswitches.get(pf);
  const now = requireEswitch(pf, before, host.name);
  const steps = await stepsTo(host, pf, mode);
  const found = had ?? (await host.remember(journalKey(inputs), now, operation.urn));
  await host.execute(steps);
  const after = await host.observeNow(probes);
  const reached = requireEswitch(pf, after.eswitches.get(pf), host.name);
  const { interfaces = [] } = pciFunctions(after).get(pf) ?? {};
  const outputs = {
    representors: representorsOf(interfaces, after.ports),
    found: { mode: found },
    written: { mode },
  };
  try {
    verifyEswitch(pf, mode, reached, host.name);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { mode: reached as Wanted["mode"] });
  }
  return outputs;
}

/** What brings the switch there, once nothing speaks against it: the card's interfaces, and on some cards its virtual functions, are made anew. */
async function stepsTo(host: Host, pf: string, mode: string): Promise<Step[]> {
  const { eswitches: all, ...observed } = await host.observeNow({ ...touchProbes, eswitches });
  const steps = planEswitch(pf, mode, requireEswitch(pf, all.get(pf), host.name));
  if (steps.length === 0) return [];
  const { functions, protection, use } = groundOf(observed);
  const { sriov } = physicalFunction(pf, functions, host.name);
  const words = { property: "pf", action: `set the switch of ${pf} to ${mode}`, host: host.name };
  requireUnprotected([pf, ...sriov.functions], protection, words);
  requireUnused(sriov.functions, use, words);
  return steps;
}

function journalKey({ pf }: Pick<Wanted, "pf">): string {
  return `pci/${pf}/eswitch`;
}
