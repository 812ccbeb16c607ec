import { type ObservedTuned, ownTuned, tuned } from "../../observe/tuned.ts";
import { leftAlone } from "../../plan/restorable.ts";
import {
  deselectProfile,
  drifted,
  forgetFiles,
  keepFound,
  keepWritten,
  liveDifferences,
  markUnchanged,
  pendingArguments,
  requireTuned,
  restoreFiles,
  selectProfile,
  variablesIn,
  verifySelected,
} from "../../plan/tuned-profile.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { tunedProfile } from "../../schema/tuned-profile.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Profile = Inputs<typeof tunedProfile>;
type Found = Outputs<typeof tunedProfile>["found"];

const JOURNAL = "tuned";
const probes = { own: ownTuned };

export const tunedProfileHandler: Handler<typeof tunedProfile> = {
  definition: tunedProfile,
  probes,

  id: ({ host }) => `${host.name}/tuned`,
  locate: (rest) => (rest === "tuned" ? {} : undefined),

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const before = await look(host, inputs.profile);
    requireTuned(inputs.profile, inputs.definition, inputs.variables ?? {}, before, host.name);
    const { profile, mode, isRunning, isEnabled } = before;
    const found = await host.remember(JOURNAL, { profile, mode, isRunning, isEnabled }, operation.urn);
    await host.execute([keepFound()]);
    return bring(operation, host, inputs, before, found);
  },

  read: async (operation, state) => {
    const host = operation.host(state.host);
    // One that was imported has no journal by which it is asked with all others.
    const own = (await host.observe(probes)).own ?? (await active(host));
    if (!own.isInstalled || own.profile === "") return undefined;
    if (state.profile === undefined) return imported(state, own);
    const differences = liveDifferences(own);
    const asked = Object.keys(state.variables ?? {});
    const now = variablesIn(own.variables.get(state.profile) ?? "");
    return {
      ...state,
      profile: own.profile,
      ...(state.variables !== undefined && {
        variables: Object.fromEntries(
          asked.flatMap((key) => (now[key] === undefined ? [] : [[key, now[key]]])),
        ),
      }),
      ...(state.definition !== undefined &&
        own.profile === state.profile && { definition: own.definitions.get(state.profile) ?? "" }),
      differences,
      ...statesOf(own, differences, state.unapplied),
    };
  },

  update: async (operation, inputs, { found }) => {
    const host = operation.host(inputs.host);
    const before = await look(host, inputs.profile);
    requireTuned(inputs.profile, inputs.definition, inputs.variables ?? {}, before, host.name);
    return bring(operation, host, inputs, before, found);
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const now = await look(host, state.profile);
    const { stdout } = await host.transport.run(markUnchanged());
    const changed = stdout.split("\n").filter((path) => path !== "");
    if (changed.length > 0) operation.warn(leftAlone(changed));
    if (now.profile === state.profile) {
      await host.execute([...deselectProfile(state.found), restoreFiles()]);
    } else {
      operation.warn(`TuneD on ${host.name} has profile ${now.profile || "none"} by now, and keeps it`);
      await host.execute([forgetFiles()]);
    }
    await host.forget(JOURNAL);
  },
};

async function look(host: Host, profile: string): Promise<ObservedTuned> {
  return (await host.observeNow({ tuned: tuned(profile, false) })).tuned;
}

async function active(host: Host): Promise<ObservedTuned> {
  const { profile } = await look(host, "");
  return (await host.observeNow({ tuned: tuned(profile, true) })).tuned;
}

async function bring(
  operation: Operation,
  host: Host,
  { profile, variables = {}, definition }: Profile,
  before: ObservedTuned,
  found: Found,
): Promise<Outputs<typeof tunedProfile>> {
  operation.status(`TuneD selects ${profile}`);
  await host.execute([...selectProfile(profile, definition, variables, before), keepWritten()]);
  const after = (await host.observeNow({ tuned: tuned(profile, true) })).tuned;
  const differences = liveDifferences(after);
  if (differences.length > 0)
    operation.warn(
      `TuneD finds otherwise than ${profile} says, right after applying it: ${differences.join("; ")}`,
    );
  const outputs = {
    found,
    differences,
    unapplied: differences,
    ...statesOf(after, differences, differences),
  };
  try {
    verifySelected(profile, after);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { profile: after.profile });
  }
  return outputs;
}

function statesOf(observed: ObservedTuned, differences: readonly string[], unapplied: readonly string[]) {
  return {
    pendingArguments: pendingArguments(observed),
    verified: drifted(differences, unapplied).length === 0,
    persisted: observed.isRunning && observed.isEnabled,
  };
}

/** The active profile is meant, and what was there before it nobody knows. */
function imported(state: object, observed: ObservedTuned) {
  const { profile, mode, isRunning, isEnabled } = observed;
  const differences = liveDifferences(observed);
  const found = { profile, mode, isRunning, isEnabled };
  const outputs = { found, differences, unapplied: differences };
  return { ...state, profile, ...outputs, ...statesOf(observed, differences, differences) } as never;
}
