import { configuredModules, kernelModule, type ObservedModule } from "../../observe/module-parameters.ts";
import {
  configuredIn,
  effectiveOf,
  modprobePath,
  modprobeText,
  observedParameters,
  pendingOf,
  planParameters,
  requireModule,
  restoreParameters,
  verifyParameters,
} from "../../plan/module-parameters.ts";
import { leftAlone } from "../../plan/restorable.ts";
import { planFile, removeFile } from "../../plan/tmpfiles.ts";
import type { Inputs } from "../../schema/definition.ts";
import { moduleParameters } from "../../schema/module-parameters.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";
import { refusalsOf } from "./kernel-files.ts";

type Parameters = Inputs<typeof moduleParameters>;
type Texts = Readonly<Record<string, string>>;

const probes = { modules: configuredModules };

export const moduleParametersHandler: Handler<typeof moduleParameters> = {
  definition: moduleParameters,
  probes,

  id: ({ host, module }) => `${host.name}/modules/${module}`,
  locate: (rest) => {
    const module = /^modules\/([A-Za-z0-9_-]+)$/.exec(rest)?.[1];
    return module === undefined ? undefined : { module };
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const before = await look(host, inputs.module);
    requireModule(inputs.module, inputs.parameters, before, host.name);
    const now = effectiveOf(inputs.parameters, before);
    const found = await host.remember(journalKey(inputs), now, operation.urn);
    return bring(host, inputs, before, { ...now, ...found });
  },

  read: async (operation, state) => {
    const host = operation.host(state.host);
    const ours = (await host.observe(probes)).modules.get(state.module);
    if (state.parameters === undefined && ours === undefined) return undefined;
    const module = ours ?? (await look(host, state.module));
    // On import the file says which parameters are meant, and what was there before it nobody knows.
    const wanted = state.parameters ?? observedParameters(configuredIn(module.text), module);
    return {
      ...{ found: {}, written: {} },
      ...state,
      parameters: observedParameters(wanted, module),
      ...statesOf(state.module, wanted, module),
    };
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    const before = await look(host, inputs.module);
    requireModule(inputs.module, inputs.parameters, before, host.name);
    const dropped = Object.entries(prior.found).filter(([parameter]) => !(parameter in inputs.parameters));
    await restore(
      operation,
      host,
      { ...prior, module: inputs.module, found: Object.fromEntries(dropped) },
      before,
    );
    return bring(host, inputs, before, { ...effectiveOf(inputs.parameters, before), ...prior.found });
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    await restore(operation, host, state, await look(host, state.module));
    await host.execute([removeFile(modprobePath(state.module))]);
    await host.forget(journalKey(state));
  },
};

async function look(host: Host, module: string): Promise<ObservedModule> {
  return (await host.observeNow({ module: kernelModule(module) })).module;
}

async function bring(
  host: Host,
  { module: name, parameters }: Parameters,
  before: ObservedModule,
  all: Texts,
) {
  const text = modprobeText(name, parameters);
  await host.execute(planFile(modprobePath(name), text, before.text.trimEnd()));
  let refusals = await refusalsOf(host, planParameters(name, parameters, before));
  let after = await look(host, name);
  const found = Object.fromEntries(
    Object.entries({ ...effectiveOf(parameters, after), ...all }).filter(
      ([parameter]) => parameter in parameters,
    ),
  );
  // A module that is loaded just now, as a machine that boots loads KVM, may have been too early for the file.
  const late = refusals.size > 0 ? [] : planParameters(name, parameters, after);
  if (late.length > 0) {
    refusals = await refusalsOf(host, late);
    after = await look(host, name);
  }
  const outputs = { found, written: effectiveOf(parameters, after), ...statesOf(name, parameters, after) };
  try {
    verifyParameters(parameters, after, refusals);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { parameters: observedParameters(parameters, after) });
  }
  return outputs;
}

/** The three states of a knob: what is configured, what is in force, and what waits for the module to be loaded anew. */
function statesOf(name: string, parameters: Parameters["parameters"], module: ObservedModule) {
  return {
    configured: configuredIn(module.text),
    effective: effectiveOf(parameters, module),
    pending: pendingOf(parameters, module),
    persisted: module.text === modprobeText(name, parameters),
  };
}

async function restore(
  operation: Operation,
  host: Host,
  { module: name, found, written }: { module: string; found: Texts; written: Texts },
  module: ObservedModule,
): Promise<void> {
  const { target, changedByOthers } = restoreParameters(found, written, module);
  if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
  await host.execute(planParameters(name, target, module));
}

function journalKey({ module }: Pick<Parameters, "module">): string {
  return `modules/${module}`;
}
