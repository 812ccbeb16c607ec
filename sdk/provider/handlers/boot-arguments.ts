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
import { pendingBoot, wayOf } from "../../plan/boot-loader.ts";
import { type FoundLoader, givenBefore, hashesOf, isLastSet } from "../../plan/boot-sets.ts";
import { bootArguments } from "../../schema/boot-arguments.ts";
import type { Inputs, State } from "../../schema/definition.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import {
  BOOT_LOADER,
  bootPending,
  bootProbes,
  rememberLoader,
  restoreLoader,
  shownBy,
} from "../rebooting.ts";

type Wanted = Inputs<typeof bootArguments>;

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

  create: (operation, inputs) => {
    const host = operation.host(inputs.host);
    return host.inTurn(BOOT_LOADER, async () => {
      const before = await look(host);
      fit(inputs, before, host);
      const found = await rememberLoader(operation, host, before.loader);
      return stage(host, inputs, before, hashesOf(found), () => unstage(operation, host, inputs.name));
    });
  },

  read: async (operation, state) => {
    const now = await operation.host(state.host).observe(bootProbes);
    const line = now.loader.sets.get(state.name);
    if (line === undefined) return undefined;
    const wanted = state.arguments ?? readBootArguments(line);
    return { ...state, arguments: observedSet(wanted, line), ...outputsOf(state, wanted, now) };
  },

  update: (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    return host.inTurn(BOOT_LOADER, async () => {
      const before = await look(host);
      fit(inputs, before, host);
      const goBack = async () => {
        const { loader, evidence } = await look(host);
        const line = renderBootArguments(prior.arguments);
        await host.execute(wayOf(loader).stageSteps(inputs.name, line, loader, evidence.kernelRelease));
      };
      return stage(host, inputs, before, prior.found, goBack);
    });
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    await host.inTurn(BOOT_LOADER, () => unstage(operation, host, state.name));
    const after = await host.observeNow(bootProbes);
    if (pendingBoot(after.loader, after.evidence.entry) === undefined) return;
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
  wayOf(before.loader).requireOneShot(before.loader, host.name);
  const others = new Map([...before.loader.sets].filter(([other]) => other !== name));
  const entry = wayOf(before.loader).ownEntry(before.loader);
  const base = [...(entry?.arguments ?? []), ...givenBefore(before.evidence.commandLine.kernel)];
  requireFitting(set, { shown: shownBy(before), base, baseFile: entry?.file?.path, others });
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
  const way = wayOf(before.loader);
  try {
    await host.execute(way.stageSteps(name, line, before.loader, before.evidence.kernelRelease));
    const after = await look(host);
    way.requireStaged(after.loader, host.name);
    return { ...outputsOf({ name }, set, after), found };
  } catch (error) {
    await goBack();
    throw error;
  }
}

async function unstage(operation: Operation, host: Host, name: string): Promise<void> {
  const { loader } = await host.observeNow({ loader: bootLoader });
  const found = await host.remember<FoundLoader | null>(BOOT_LOADER, null);
  await host.execute(wayOf(loader).unstageSteps(name, loader, found ?? undefined));
  if (isLastSet(name, loader)) await restoreLoader(operation, host);
}

function outputsOf(
  { name }: Pick<State<typeof bootArguments>, "name">,
  wanted: Wanted["arguments"],
  now: Omit<Seen, "loader"> & { readonly loader: ObservedBootLoader },
) {
  const way = wayOf(now.loader);
  const { effective, pending, complaints } = judge(wanted, shownBy(now));
  return {
    entry: way.stagedEntry(now.loader)?.id ?? "",
    configured: way.isConfigured(name, renderBootArguments(wanted), now.loader),
    effective: [...effective],
    pending: [...pending],
    complaints: [...complaints],
  };
}
