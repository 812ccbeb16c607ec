import { setTimeout as sleep } from "node:timers/promises";
import { deadTimers } from "../emulate/cpu-timers.ts";
import { bootEvidence, bootLog, iommus } from "../observe/boot-evidence.ts";
import { bootLoader, bootLoaderProbed, type ObservedBootLoader } from "../observe/boot-loader.ts";
import { domains } from "../observe/domains.ts";
import { identityFiles, isEmulated, virtualization } from "../observe/identity.ts";
import { leaseLedger } from "../observe/leases.ts";
import type { Observed } from "../observe/probe.ts";
import type { Shown } from "../plan/boot-argument-table.ts";
import type { Judgement } from "../plan/boot-arguments.ts";
import { wayOf } from "../plan/boot-loader.ts";
import {
  judgeAll,
  notBack,
  planBoot,
  rebootStep,
  requireNoForeignGuests,
  requireRemote,
  requireUntried,
  rolledBack,
} from "../plan/boot-reboot.ts";
import { type FoundLoader, isUntouched } from "../plan/boot-sets.ts";
import { requireNobodyElse } from "../plan/lease.ts";
import type { Step } from "../plan/step.ts";
import type { HostReference } from "../schema/connection.ts";
import { HostError, TransportError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";
import { ownerOf } from "./leasing.ts";

export const bootProbes = { evidence: bootEvidence, log: bootLog, iommus, loader: bootLoader };

export function shownBy({
  evidence,
  log,
  iommus: units,
}: Omit<Observed<typeof bootProbes>, "loader">): Shown {
  return { ...evidence, log, iommus: units };
}

/** One undo journal for all that puts entries into a machine's menu, and their turn: the first finds what was there, the last puts it back. */
export const BOOT_LOADER = "boot-loader";

/** What the loader's files were before anything of ours came; kept on the machine until the last of ours goes. */
export async function rememberLoader(
  operation: Operation,
  host: Host,
  loader: ObservedBootLoader,
): Promise<FoundLoader> {
  const { foundLoader, foundStep } = wayOf(loader);
  if (!isUntouched(loader) || foundStep === undefined)
    return host.remember(BOOT_LOADER, foundLoader(loader, ""));
  const { stdout } = await host.transport.run({ ...foundStep, signal: operation.signal });
  return host.remember(BOOT_LOADER, foundLoader(loader, stdout.trim()));
}

/** Puts the loader's files back as the first found them, once nothing of ours is left in what they are made from. */
export async function restoreLoader(operation: Operation, host: Host): Promise<void> {
  const found = await host.remember<FoundLoader | null>(BOOT_LOADER, null);
  if (found !== null) {
    const { loader } = await host.observeNow({ loader: bootLoader });
    const { steps, leftAlone } = wayOf(loader).restoreSteps(loader, found);
    await host.execute(steps);
    if (leftAlone.length > 0)
      operation.warn(`left alone, since somebody else has changed it: ${leftAlone.join(", ")}`);
  }
  await host.forget(BOOT_LOADER);
}

export interface RebootOptions {
  readonly reason: string;
  readonly timeoutMs: number;
  /** An entry that did not come up before, and is not tried again. */
  readonly failedEntry?: string | undefined;
}

export interface Booted {
  readonly bootId: string;
  /** When the boot began that this brought about; undefined where none was due. */
  readonly rebootedAt?: string;
  /** The entry that did not come up, and what is to be said about it. */
  readonly failed?: { readonly entry: string | undefined; readonly error: HostError };
  /** How the arguments of the entry fare. */
  readonly judgement: Judgement;
}

/**
 * Brings a machine to boot by the entry that waits for it, where one does: once, and for good only after it came up with everything in force.
 * Changes nothing where the machine runs by it already, but for making it the default where an earlier look came too early.
 *
 * @throws HostError `foreign-guests`, `locked`, `reboot-local`, `boot-loader`, `boot-rolled-back`, `server-timer`, VerificationError `boot-entry`
 */
export async function bootPending(
  operation: Operation,
  reference: HostReference,
  { reason, timeoutMs, failedEntry }: RebootOptions,
): Promise<Booted> {
  const host = operation.host(reference);
  const before = await host.observeNow({
    ...bootProbes,
    ...{ loader: bootLoaderProbed, guests: domains, leases: leaseLedger },
  });
  const way = wayOf(before.loader);
  const { entry, isDue, isTrial } = planBoot(before.loader, before.evidence);
  if (!isDue) return settle(host, before.loader, shownBy(before));

  requireRemote(reference.connection, host.name);
  requireNoForeignGuests(before.guests, host.name);
  requireNobodyElse(ownerOf(operation), before.leases, host.name);
  if (entry !== undefined) {
    requireUntried(entry, failedEntry, host.name);
    way.requireOneShot(before.loader, host.name);
    way.requireStaged(before.loader, host.name);
  }
  const steps = [
    ...(entry !== undefined && isTrial ? [way.bootOnce(before.loader, entry)] : []),
    rebootStep(reason),
  ];
  const after = await bootUsably(operation, host, { ...before.evidence, entry }, steps, timeoutMs);
  if (after === undefined) {
    const error = notBack(host.name, Math.round(timeoutMs / 1000), before.loader);
    return {
      bootId: before.evidence.bootId,
      failed: { entry, error },
      judgement: judgeAll(before.loader, shownBy(before)),
    };
  }
  const { rebootedAt, shown } = { rebootedAt: after.log.bootedAt, shown: shownBy(after) };
  if (entry !== undefined && shown.entry !== entry) {
    const failed = { entry, error: rolledBack(host.name, entry) };
    return { bootId: shown.bootId, rebootedAt, failed, judgement: judgeAll(after.loader, shown) };
  }
  return { ...(await settle(host, after.loader, shown)), rebootedAt };
}

/** How often one reboot is repeated where emulation lost a timer in it: a boot in twenty on a busy machine, and another try is all that helps. */
const FAULTS_BORNE = 2;

/** Boots by the steps, on an emulated server again where nobody wakes up on one of its CPUs; undefined where it does not come back in time. */
async function bootUsably(
  operation: Operation,
  host: Host,
  before: { readonly bootId: string; readonly entry: string | undefined },
  steps: readonly Step[],
  timeoutMs: number,
) {
  let { bootId } = before;
  for (let faults = 0; ; faults += 1) {
    await host.execute(steps);
    const after = await waitForBoot(operation, host, bootId, timeoutMs);
    // By another entry it is on its way back, and stays so.
    if (after === undefined || after.evidence.entry !== before.entry) return after;
    const { identity, kind } = await host.observeNow({ identity: identityFiles, kind: virtualization });
    const lost = isEmulated(identity, kind) ? await lostTimer(host, operation.signal) : undefined;
    if (lost === undefined) return after;
    if (faults === FAULTS_BORNE) throw lostTimers(host.name, lost);
    operation.warn(
      `${host.name} came up with a CPU whose timer had stopped (${lost}), as emulation does now and then: it boots again`,
    );
    bootId = after.evidence.bootId;
  }
}

/** Where nobody wakes up; undefined where everybody does. */
async function lostTimer(host: Host, signal: AbortSignal): Promise<string | undefined> {
  try {
    const dead = await deadTimers(host.transport, signal);
    return dead.length === 0 ? undefined : `nobody wakes up on CPU ${dead.join(", ")}`;
  } catch (error) {
    // Who asks sleeps as well, and may do so on that CPU.
    if ((error as { code?: string }).code !== "command-timeout") throw error;
    return "who asks for it does not wake up either";
  }
}

function lostTimers(host: string, observed: string): HostError {
  return new HostError({
    code: "server-timer",
    problem: `the emulated server ${host} came up with a CPU whose timer had stopped, ${FAULTS_BORNE + 1} times in a row`,
    observed,
    hint: "QEMU's emulation loses one now and then, sooner on a busy machine: run it again",
  });
}

/** What came up with everything in force becomes the default. */
async function settle(host: Host, loader: ObservedBootLoader, shown: Shown): Promise<Booted> {
  const judgement = judgeAll(loader, shown);
  const way = wayOf(loader);
  const staged = way.stagedEntry(loader);
  if (staged !== undefined && judgement.pending.length === 0 && judgement.complaints.length === 0)
    await host.execute(way.promoteSteps(staged, loader));
  return { bootId: shown.bootId, judgement };
}

/** The machine as it is after another boot than this one; undefined where it does not come back in time. */
async function waitForBoot(operation: Operation, host: Host, bootId: string, timeoutMs: number) {
  const begun = performance.now();
  const leftMs = () => begun + timeoutMs - performance.now();
  while (leftMs() > 0) {
    operation.status(`${host.name} reboots: ${Math.round((performance.now() - begun) / 1000)} s`);
    const late = new AbortController();
    try {
      const facts = await Promise.race([
        host.observeNow(bootProbes),
        sleep(Math.max(leftMs(), 1), undefined, { signal: late.signal }),
      ]);
      if (facts !== undefined && facts.evidence.bootId !== bootId) return facts;
    } catch (error) {
      if (operation.signal.aborted || !isAway(error)) throw error;
    } finally {
      late.abort();
    }
    await sleep(1000, undefined, { signal: operation.signal });
  }
  return undefined;
}

/** A machine on its way down or up loses connections and ends commands; another host key is another matter. */
function isAway(error: unknown): boolean {
  return error instanceof TransportError
    ? !["host-key", "authentication"].includes(error.code)
    : (error as { code?: string }).code?.startsWith("command-") === true;
}
