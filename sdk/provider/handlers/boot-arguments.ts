import { bootEvidence, bootLog, iommus } from "../../observe/boot-evidence.ts";
import { bootLoader, bootLoaderProbed, type ObservedBootLoader } from "../../observe/boot-loader.ts";
import {
  checkBootArguments,
  judge,
  observedSet,
  readBootArguments,
  renderBootArguments,
  requireFitting,
} from "../../plan/boot-arguments.ts";
import {
  entryId,
  type FoundLoader,
  foundLoader,
  givenBefore,
  hashesOf,
  isConfigured,
  kernelToKeep,
  ownEntry,
  regeneratedHash,
  requireOneShot,
  requireStaged,
  restoreSteps,
  stagedLine,
  stageSteps,
  unstageSteps,
} from "../../plan/boot-loader.ts";
import { bootArguments } from "../../schema/boot-arguments.ts";
import type { Inputs, State } from "../../schema/definition.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { bootPending, bootProbes, shownBy } from "../rebooting.ts";

type Wanted = Inputs<typeof bootArguments>;

/** One for all sets of a machine: the first finds what was there, the last puts it back. */
const JOURNAL = "boot-loader";
const REBOOT_MS = 600_000;

export const bootArgumentsHandler: Handler<typeof bootArguments> = {
  definition: bootArguments,
  probes: bootProbes,

  id: ({ host, name }) => `${host.name}/boot-arguments/${name}`,
  locate: (rest) => {
    const name = /^boot-arguments\/([A-Za-z0-9_.-]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },
  check: ({ arguments: set }) => checkBootArguments(set),

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const before = await look(host);
    fit(inputs, before, host);
    const { stdout } = await host.transport.run({ ...regeneratedHash, signal: operation.signal });
    const found = await host.remember(JOURNAL, foundLoader(before.loader, stdout.trim()));
    return stage(host, inputs, before, hashesOf(found), () => unstage(operation, host, inputs.name));
  },

  read: async (operation, state) => {
    const now = await operation.host(state.host).observe(bootProbes);
    const line = now.loader.sets.get(state.name);
    if (line === undefined) return undefined;
    const wanted = state.arguments ?? readBootArguments(line);
    return { ...state, arguments: observedSet(wanted, line), ...outputsOf(state, wanted, now) };
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    const before = await look(host);
    fit(inputs, before, host);
    const goBack = async () => {
      const { loader, evidence } = await look(host);
      const line = renderBootArguments(prior.arguments);
      await host.execute(stageSteps(inputs.name, line, loader, kernelToKeep(loader, evidence.kernelRelease)));
    };
    return stage(host, inputs, before, prior.found, goBack);
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    await unstage(operation, host, state.name);
    const after = await host.observeNow(bootProbes);
    const staged = stagedLine(after.loader.sets);
    if (after.evidence.entry === (staged.length === 0 ? undefined : entryId(staged))) return;
    if (state.rebootOnDelete !== "allow") {
      operation.warn(
        `the running kernel of ${host.name} keeps the arguments until its next reboot, which is pending`,
      );
      return;
    }
    const options = { reason: `boot arguments ${state.name} were removed`, timeoutMs: REBOOT_MS };
    const { failed } = await bootPending(operation, state.host, options);
    if (failed !== undefined) throw failed.error;
  },
};

type Seen = Awaited<ReturnType<typeof look>>;

function look(host: Host) {
  return host.observeNow({ evidence: bootEvidence, log: bootLog, iommus, loader: bootLoaderProbed });
}

/** Everything that can be said against a set on this machine, before it is touched. */
function fit({ name, arguments: set }: Wanted, before: Seen, host: Host): void {
  requireOneShot(before.loader, host.name);
  const others = new Map([...before.loader.sets].filter(([other]) => other !== name));
  const base = [
    ...(ownEntry(before.loader)?.arguments ?? []),
    ...givenBefore(before.evidence.commandLine.kernel),
  ];
  requireFitting(set, { shown: shownBy(before), base, others });
}

/** File and menu entry; where the menu does not come out right, everything goes back before anything can boot by it. */
async function stage(
  host: Host,
  { name, arguments: set }: Wanted,
  before: Seen,
  found: Record<string, string | null>,
  goBack: () => Promise<void>,
) {
  const line = renderBootArguments(set);
  const kernel = kernelToKeep(before.loader, before.evidence.kernelRelease);
  try {
    await host.execute(stageSteps(name, line, before.loader, kernel));
    const after = await look(host);
    requireStaged(after.loader, host.name);
    return { ...outputsOf({ name }, set, after), found };
  } catch (error) {
    await goBack();
    throw error;
  }
}

async function unstage(operation: Operation, host: Host, name: string): Promise<void> {
  const { loader } = await host.observeNow({ loader: bootLoader });
  const found = await host.remember<FoundLoader | null>(JOURNAL, null);
  await host.execute(unstageSteps(name, loader, found ?? undefined));
  const isLast = [...loader.sets.keys()].every((other) => other === name);
  if (!isLast) return;
  if (found !== null) {
    const after = await host.observeNow({ loader: bootLoader });
    const { steps, leftAlone } = restoreSteps(after.loader, found);
    await host.execute(steps);
    if (leftAlone.length > 0)
      operation.warn(`left alone, since somebody else has changed it: ${leftAlone.join(", ")}`);
  }
  await host.forget(JOURNAL);
}

function outputsOf(
  { name }: Pick<State<typeof bootArguments>, "name">,
  wanted: Wanted["arguments"],
  now: Omit<Seen, "loader"> & { readonly loader: ObservedBootLoader },
) {
  const { effective, pending, complaints } = judge(wanted, shownBy(now));
  return {
    entry: entryId(stagedLine(now.loader.sets)),
    configured: isConfigured(name, renderBootArguments(wanted), now.loader),
    effective: [...effective],
    pending: [...pending],
    complaints: [...complaints],
  };
}
