import { sysctlFiles, sysctlValues } from "../../observe/sysctls.ts";
import { leftAlone } from "../../plan/restorable.ts";
import {
  assumedWritten,
  checkSysctls,
  meantValues,
  observedValues,
  planValues,
  requireKnown,
  requireSoleSet,
  restoreValues,
  sysctlFile,
  sysctlFilePath,
  verifyValues,
  writtenValues,
} from "../../plan/sysctls.ts";
import { planFile, removeFile } from "../../plan/tmpfiles.ts";
import type { Inputs, State } from "../../schema/definition.ts";
import { sysctls } from "../../schema/sysctls.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

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

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    return host.inTurn("sysctls", async () => {
      const before = await prepare(host, inputs, Object.keys(inputs.values));
      const now = Object.fromEntries(before.values);
      const found = await host.remember(journalKey(inputs), now, operation.urn);
      return bring(host, inputs, before, { ...now, ...found });
    });
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
      written: state.written ?? assumedWritten(state.values),
      persisted: file?.text === sysctlFile(state.values),
    };
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    return host.inTurn("sysctls", async () => {
      const before = await prepare(host, inputs, allKeys(inputs.values, prior.values));
      // A key that is no longer asked for goes back to what it was.
      const dropped = Object.entries(prior.found).filter(([key]) => !(key in inputs.values));
      await restore(operation, host, { ...prior, found: Object.fromEntries(dropped) }, before.values);
      return bring(host, inputs, before, { ...Object.fromEntries(before.values), ...prior.found });
    });
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { values } = await host.observeNow({ values: sysctlValues(Object.keys(state.values)) });
    await restore(operation, host, state, values);
    await host.execute([removeFile(sysctlFilePath(state.name))]);
    await host.forget(journalKey(state));
  },
};

/** On import: the file says which keys are meant, and what was there before it nobody knows. */
function imported(state: State<typeof sysctls>, values: ReadonlyMap<string, string>): State<typeof sysctls> {
  return { ...state, values: meantValues(values), found: {}, written: {}, persisted: true };
}

/** The machine as it is, where it can take the values and no other set has them. */
async function prepare(host: Host, { name, values }: SysctlSet, keys: readonly string[]) {
  const before = await look(host, keys);
  requireKnown(values, before.values, host.name);
  requireSoleSet(name, values, before.files, host.name);
  return before;
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
    ...planFile(sysctlFilePath(name), sysctlFile(values), before.files.get(name)?.text.trimEnd()),
    ...planValues(values, before.values),
  ]);
  const after = await look(host, Object.keys(values));
  const persisted = after.files.get(name)?.text === sysctlFile(values);
  const outputs = { found, written: writtenValues(values, after.values), persisted };
  try {
    verifyValues(values, after.values);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { values: observedValues(values, after.values) });
  }
  return outputs;
}

async function restore(
  operation: Operation,
  host: Host,
  { values, found, written }: State<typeof sysctls>,
  now: ReadonlyMap<string, string>,
): Promise<void> {
  const { target, changedByOthers } = restoreValues(found, written ?? assumedWritten(values), now);
  if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
  await host.execute(planValues(target, now));
}

function allKeys(...sets: readonly object[]): string[] {
  return [...new Set(sets.flatMap((set) => Object.keys(set)))].sort();
}

function journalKey({ name }: Pick<SysctlSet, "name">): string {
  return `sysctls/${name}`;
}
