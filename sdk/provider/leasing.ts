import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuTopology } from "../observe/cpus.ts";
import { type Ledger, leaseLedger } from "../observe/leases.ts";
import { type Claim, judge, type Overlap, recordOf, requireFree, requireReadable } from "../plan/lease.ts";
import { grantStep, LEDGER_CHANGED } from "../plan/lease-holder.ts";
import { requireOnline } from "../plan/online-cpus.ts";
import { systemdMissing } from "../plan/systemd.ts";
import { LEASE_FOLDER, type LeaseOwner, type LeaseRecord } from "../schema/lease.ts";
import { HostError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";

/** Each round somebody gets what they want, so this many may want something of one machine at once. */
const ROUNDS = 64;

export interface Granted {
  readonly record: LeaseRecord;
  readonly ledger: Ledger;
  readonly takenOver: readonly Overlap[];
}

/**
 * Leases what a claim wants, whole or not at all: looks at the ledger, judges, and writes under the machine's lock where the ledger is still that one; else looks
 * again.
 *
 * @throws HostError `locked` where others have something of it, `systemd-missing`, `ledger-unreadable`, InputError `cpu-unknown`
 */
export async function grant(host: Host, claim: Claim, signal: AbortSignal): Promise<Granted> {
  for (let round = 1; ; round += 1) {
    const { ledger, topology } = await host.observeNow({ ledger: leaseLedger, topology: cpuTopology });
    if (!ledger.systemd)
      throw systemdMissing(
        host.name,
        "keep a lease alive",
        "lease parts of a machine that systemd runs, or go without: lease: false",
      );
    requireOnline({ "parts.cpus": claim.parts.cpus }, topology.online, host.name);
    requireReadable(ledger, host.name);
    const judgement = judge(claim, ledger);
    requireFree(judgement, ledger, host.name);
    const record = recordOf(claim, ledger);
    const takenOver = judgement.stale;
    const step = grantStep(
      claim.id,
      record,
      ledger,
      takenOver.map(({ lease }) => lease),
    );
    const { code, stderr } = await host.transport.execute({ ...step, signal });
    if (code === 0) return { record, ledger, takenOver };
    if (code !== LEDGER_CHANGED || round === ROUNDS) throw notGranted(host, code, stderr);
    await sleep(50 + Math.random() * 100, undefined, { signal });
  }
}

function notGranted(host: Host, code: number, stderr: string): HostError {
  const busy = code === LEDGER_CHANGED;
  return new HostError({
    code: "lease-not-written",
    problem: `could not write a lease on ${host.name}`,
    observed: busy ? `its leases changed ${ROUNDS} times meanwhile` : `exit code ${code}: ${stderr.trim()}`,
    hint: busy
      ? `see who changes them: fuser ${LEASE_FOLDER}`
      : `connect as root, or with become, to a machine with flock whose ${LEASE_FOLDER} can be written`,
  });
}

/** Whose a lease is that an operation takes. */
export function ownerOf({ project, stack, resourceName: resource }: Operation): LeaseOwner {
  return { project, stack, resource, origin: originOfProgram() };
}

/** Where this program runs, for people who look for its owner. */
export function originOfProgram(): string {
  return `${userName()}@${hostname()}:${process.cwd()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `${process.getuid?.() ?? "somebody"}`; // of no name, as in many containers
  }
}
