import { sysctlFiles, sysctlValues } from "../../observe/sysctls.ts";
import {
  checkSysctls,
  observedValues,
  planFile,
  planValues,
  removeFile,
  requireKnown,
  restoreValues,
  sysctlFile,
  verifyValues,
} from "../../plan/sysctls.ts";
import type { Inputs, State } from "../../schema/definition.ts";
import { sysctls } from "../../schema/sysctls.ts";
import { type Handler, type Host, Incomplete } from "../handler.ts";

type SysctlSet = Inputs<typeof sysctls>;
type Found = Readonly<Record<string, string>>;

const probes = { files: sysctlFiles };

export const sysctlsHandler: Handler<typeof sysctls> = {
  definition: sysctls,
  probes,

  id: ({ host, name }) => `${host.name}/sysctls/${name}`,
  locate: (rest) => {
    const name = /^sysctls\/([A-Za-z0-9_.-]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },
  check: ({ values }) => checkSysctls(values),

  create: async ({ host: open }, inputs) => {
    const host = open(inputs.host);
    const before = await look(host, Object.keys(inputs.values));
    requireKnown(inputs.values, before.values, host.name);
    const found = await host.remember(journalKey(inputs), Object.fromEntries(before.values));
    return bring(host, inputs, before, found);
  },

  read: async (operation, state) => {
    const host = operation.host(state.host);
    const file = (await host.observe(probes)).files.get(state.name);
    if (state.values === undefined) return file && imported(state, file.values);
    const keys = Object.keys(state.values);
    const now =
      file !== undefined && keys.every((key) => file.values.has(key))
        ? file.values
        : (await host.observeNow({ values: sysctlValues(keys) })).values;
    return {
      ...state,
      values: observedValues(state.values, now),
      persisted: file?.text === sysctlFile(state.values),
    };
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    const before = await look(host, allKeys(inputs.values, prior.values));
    requireKnown(inputs.values, before.values, host.name);
    // A key that is no longer asked for goes back to what it was.
    const dropped = Object.fromEntries(
      Object.entries(prior.values).filter(([key]) => !(key in inputs.values)),
    );
    const { target, changedByOthers } = restoreValues(dropped, prior.found, before.values);
    warnOf(operation, changedByOthers);
    await host.execute(planValues(target, before.values));
    return bring(host, inputs, before, { ...Object.fromEntries(before.values), ...prior.found });
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { values } = await host.observeNow({ values: sysctlValues(Object.keys(state.values)) });
    const { target, changedByOthers } = restoreValues(state.values, state.found, values);
    warnOf(operation, changedByOthers);
    await host.execute([...planValues(target, values), removeFile(state.name)]);
    await host.forget(journalKey(state));
  },
};

/** On import: the file says which keys are meant, and what was there before it nobody knows. */
function imported(state: State<typeof sysctls>, values: ReadonlyMap<string, string>): State<typeof sysctls> {
  return { ...state, values: Object.fromEntries(values), found: {}, persisted: true };
}

/** The files of ours, and what the kernel has for these keys. */
function look(host: Host, keys: readonly string[]) {
  return host.observeNow({ files: sysctlFiles, values: sysctlValues(keys) });
}

async function bring(
  host: Host,
  { name, values }: SysctlSet,
  before: Awaited<ReturnType<typeof look>>,
  all: Found,
) {
  const found = Object.fromEntries(Object.entries(all).filter(([key]) => key in values));
  await host.execute([
    ...planFile(name, values, before.files.get(name)),
    ...planValues(values, before.values),
  ]);
  const after = await look(host, Object.keys(values));
  const outputs = { found, persisted: after.files.get(name)?.text === sysctlFile(values) };
  try {
    verifyValues(values, after.values);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { values: observedValues(values, after.values) });
  }
  return outputs;
}

function warnOf(operation: { warn(text: string): void }, changedByOthers: readonly string[]): void {
  if (changedByOthers.length > 0)
    operation.warn(`left alone, since somebody else has changed them: ${changedByOthers.join(", ")}`);
}

function allKeys(...sets: readonly object[]): string[] {
  return [...new Set(sets.flatMap((set) => Object.keys(set)))].sort();
}

function journalKey({ name }: Pick<SysctlSet, "name">): string {
  return `sysctls/${name}`;
}
