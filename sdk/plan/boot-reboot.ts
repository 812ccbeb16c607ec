import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import type { ObservedDomain } from "../observe/domains.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Shown } from "./boot-argument-table.ts";
import { type Judgement, judge, readBootArguments } from "./boot-arguments.ts";
import { wayOf } from "./boot-loader.ts";
import { stagedLine } from "./boot-sets.ts";
import { shortOfKernel } from "./realtime-kernel.ts";
import type { Step } from "./step.ts";

/** How a machine is to be booted next. */
export interface BootPlan {
  /** Our entry that the next boot is to be; undefined for the machine's own default. */
  readonly entry: string | undefined;
  /** Whether the machine runs by another entry than that. */
  readonly isDue: boolean;
  /** Whether the entry is not the default yet, and has to prove itself. */
  readonly isTrial: boolean;
}

export function planBoot(loader: ObservedBootLoader, shown: Pick<Shown, "entry">): BootPlan {
  const { defaultEntry, stagedEntry } = wayOf(loader);
  const entry = stagedEntry(loader)?.id;
  return {
    entry,
    isDue: shown.entry !== entry,
    isTrial: entry !== undefined && defaultEntry(loader) !== entry,
  };
}

/** What the running kernel shows of all sets together, and of the kernel that was chosen. */
export function judgeAll(loader: ObservedBootLoader, shown: Shown): Judgement {
  const judged = judge(readBootArguments(stagedLine(loader.sets)), shown);
  return { ...judged, pending: [...shortOfKernel(loader.kernel?.release, shown), ...judged.pending] };
}

/** Starts after the answer is out: the connection ends with the machine. */
export function rebootStep(reason: string): Step {
  const script =
    'logger -t nfvlab -- "reboots: $1"; systemd-run -q --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot';
  return { purpose: "reboot the machine", argv: ["sh", "-c", script, "sh", reason] };
}

/** @throws HostError `foreign-guests` where guests run that are none of this lab's */
export function requireNoForeignGuests(guests: readonly ObservedDomain[], host: string): void {
  const foreign = guests.filter(({ state, owner }) => owner === undefined && state !== "shut off");
  if (foreign.length === 0) return;
  throw new HostError({
    code: "foreign-guests",
    property: "drain",
    problem: `guests of others run on ${host}, which a reboot would end`,
    observed: foreign.map(({ name, state }) => `${name} (${state})`).join(", "),
    hint: "have them moved or shut down by whom they belong to, then run it again",
  });
}

/** @throws HostError `reboot-local` where the machine is the one that the engine runs on */
export function requireRemote(connection: { readonly kind: string }, host: string): void {
  if (connection.kind !== "local") return;
  throw new HostError({
    code: "reboot-local",
    property: "host",
    problem: `${host} is the machine that this runs on, and would take the update down with it`,
    hint: "reboot it by hand and run it again, or run it from another machine over SSH",
  });
}

export function notBack(host: string, seconds: number, loader: ObservedBootLoader): HostError {
  return new HostError({
    code: "boot-timeout",
    property: "bootTimeout",
    problem: `${host} did not come back from its reboot`,
    observed: `no SSH within ${seconds} s`,
    hint:
      `its next power cycle boots entry ${wayOf(loader).defaultEntry(loader)}, by which it ran before: switch it off and on, look at its console, ` +
      "and change the arguments",
  });
}

export function rolledBack(host: string, entry: string): HostError {
  return new HostError({
    code: "boot-rolled-back",
    property: "triggers",
    problem: `${host} did not come up by entry ${entry} and is back on the one before; nothing of the new arguments is in force`,
    observed: "a boot by the default entry",
    expected: `a boot by ${entry}`,
    hint: "change the arguments, or triggers to try the same once more; the machine's console says why it failed",
  });
}

/** @throws HostError `boot-rolled-back` */
export function requireUntried(entry: string, failedEntry: string | undefined, host: string): void {
  if (failedEntry === entry) throw rolledBack(host, entry);
}

/** @throws VerificationError `boot-arguments-pending` where a machine runs by the right entry and shows some arguments not in force */
export function requireEffective({ pending, complaints }: Judgement, host: string): void {
  if (pending.length === 0 && complaints.length === 0) return;
  const observed = [
    ...(pending.length > 0 ? [`not in force: ${pending.join(", ")}`] : []),
    ...complaints.map((line) => `the kernel says: ${line}`),
  ];
  throw new VerificationError({
    code: "boot-arguments-pending",
    property: "triggers",
    problem: `${host} came up, but does not show all of its boot arguments in force; its default entry stays the one before`,
    observed: observed.join("; "),
    hint: "remove what this kernel or machine does not take; its next boot is by the entry before",
  });
}
