import { setTimeout as sleep } from "node:timers/promises";
import { askedOf } from "../measure/asked.ts";
import { recordOf } from "../measure/record.ts";
import { bootedEntry, iommus } from "../observe/boot-evidence.ts";
import { bootLoader } from "../observe/boot-loader.ts";
import { disturbanceCounts } from "../observe/disturbances.ts";
import { fingerprintOf, fingerprintProbes } from "../observe/fingerprint.ts";
import { firmwareFiles, firmwareOf, firmwareTables } from "../observe/firmware.ts";
import { hostFactsOf, hostFactsProbes } from "../observe/host-facts.ts";
import { identityFiles } from "../observe/identity.ts";
import { machineCounts } from "../observe/machine-counts.ts";
import type { Observed } from "../observe/probe.ts";
import { pendingBoot } from "../plan/boot-loader.ts";
import { declaredFirmware, inspectFirmware } from "../plan/inspection-firmware.ts";
import { endTurn, holderOf, NO_SYSTEMD, takeTurn } from "../plan/measurement-turn.ts";
import { ownerWords } from "../plan/owner.ts";
import { systemdMissing } from "../plan/systemd.ts";
import type { HostFacts } from "../schema/facts.ts";
import type { FirmwareIntent } from "../schema/inspection.ts";
import type {
  Metric,
  RecordedCoLoad,
  RecordedMigration,
  RecordedTrial,
  ResultRecord,
  SwitchActivity,
} from "../schema/record.ts";
import { HostError } from "../units/errors.ts";
import { askAgain, askGuests, type ToldByGuests } from "./asking-guests.ts";
import type { Host, Operation } from "./handler.ts";
import { keeping } from "./keeping.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { RawOutputs } from "./raw-outputs.ts";

export interface Measured {
  readonly metrics: readonly Metric[];
  readonly tool: { readonly command: readonly string[]; readonly version: string };
  /** What ran beside it. */
  readonly coLoad?: RecordedCoLoad;
  /** What the measurement itself found against its numbers. */
  readonly faults?: readonly string[];
  /** What a reader has to know, and what speaks against no number. */
  readonly remarks?: readonly string[];
  /** What the switch did meanwhile, where one answers. */
  readonly switch?: SwitchActivity | undefined;
  /** Of a search. */
  readonly trials?: readonly RecordedTrial[];
  readonly migrations?: readonly RecordedMigration[];
}

/** How long a measurement waits for its turn, and how much longer than planned one may keep it, s. */
const WAIT_S = 30 * 60;
const SPARE_S = 10 * 60;
const POLL_MS = 2000;

/** Each question whose turn it is disturbs what is measured, so those of one engine wait for each other without one. */
const inThisEngine = new OneAtATime();

export interface Measurement {
  /** Of the run, as its resource has it. */
  readonly name: string;
  readonly kind: string;
  readonly subject: string;
  /** What it is planned to take, all repetitions together. */
  readonly seconds: number;
  /** Inputs of the resource: what was asked for. */
  readonly asked: object;
  /** How the firmware is declared to be set up. */
  readonly firmware?: FirmwareIntent | undefined;
  /** Guests of the machine that are measured themselves: one that boots again meanwhile makes the record invalid. */
  readonly guests?: readonly string[] | undefined;
  /** Other machines that take part, and are nobody else's meanwhile, by what each is to it; what is the same machine by another name is none. */
  readonly others?: Readonly<Record<string, Host>> | undefined;
}

interface Machine {
  readonly host: Host;
  readonly machineId: string;
}

const firmwareProbes = { firmwareFiles, firmwareTables, iommus };

/** Does a measurement, and leaves with `raw` what its tools print. */
export type Measure = (raw: RawOutputs) => Promise<Measured>;

/**
 * Measures between two looks at what is in force, on all machines that take part, and makes the record. On one machine one measurement runs at a time, of whatever stack. Where the stack names a results folder or an object store, the run has a
 * folder there with everything that its tools printed, also where it does not come to its end; the record says where.
 *
 * @param prepare plans the measurement by what the machine is, and refuses what it can't do: before it waits for its turn
 * @throws HostError `measurement-running` where another one does not end, `systemd-missing` where nothing could run it, `results-folder` where nothing can be kept, and those of `RunStore.tryOut`
 */
export async function measuring(
  operation: Operation,
  host: Host,
  { seconds, name, others: named = {}, ...subject }: Measurement,
  prepare: (facts: HostFacts) => Measure,
): Promise<ResultRecord> {
  const facts = hostFactsOf(await host.observeNow(hostFactsProbes));
  const machines = new Map([[facts.identity.machineId, host]]);
  const others: Record<string, Host> = {};
  for (const [role, other] of Object.entries(named)) {
    const { machineId } = (await other.observeNow({ identityFiles })).identityFiles;
    if (machineId !== facts.identity.machineId) others[role] = other;
    if (!machines.has(machineId)) machines.set(machineId, other);
  }
  const turns = [...machines].map(([machineId, of]) => ({ host: of, machineId }));
  const measure = prepare(facts);
  return keeping(operation, { ...subject, name }, (raw) =>
    inTurns(operation, turns, seconds, () =>
      record(operation, host, { ...subject, others }, () => measure(raw)),
    ),
  );
}

/** In the turns of all these machines. They are taken in one order everywhere, or two measurements on the same two machines would wait for each other for ever. */
async function inTurns<T>(
  operation: Operation,
  machines: readonly Machine[],
  seconds: number,
  work: () => Promise<T>,
): Promise<T> {
  const [first, ...others] = machines.toSorted((a, b) => (a.machineId < b.machineId ? -1 : 1));
  if (first === undefined) return work();
  // Its turn lasts while the others' are waited for.
  return inTurn(operation, first, seconds + others.length * WAIT_S, () =>
    inTurns(operation, others, seconds, work),
  );
}

/** In the turn of a machine, which is ended however the work ends. */
async function inTurn<T>(
  operation: Operation,
  { host, machineId }: Machine,
  seconds: number,
  work: () => Promise<T>,
): Promise<T> {
  operation.status("waits for its turn");
  return inThisEngine.run(machineId, async () => {
    await waitForTurn(operation, host, seconds + SPARE_S);
    try {
      return await work();
    } finally {
      await host.transport.execute(endTurn()).catch(() => undefined);
    }
  });
}

async function waitForTurn(operation: Operation, host: Host, seconds: number): Promise<void> {
  const { tag, resourceName: resource, project, stack, signal } = operation;
  const turn = { holder: ownerWords({ resource, project, stack }), tag };
  const begun = performance.now();
  for (;;) {
    const { code, stdout, stderr } = await host.transport.execute({ ...takeTurn(turn, seconds), signal });
    if (code !== 0) throw notTaken(host, code, stderr);
    const other = holderOf(stdout);
    if (other === undefined) return;
    // Ours, of an engine that was lost: a stack has one engine at a time.
    if (other.tag === tag) {
      await host.execute([endTurn()]);
      continue;
    }
    const waited = Math.round((performance.now() - begun) / 1000);
    if (waited >= WAIT_S) {
      throw new HostError({
        code: "measurement-running",
        problem: `${host.name} is taken by another measurement, and two would measure each other`,
        observed: `${other.holder}, still after ${waited} s`,
        hint: "wait for it, or stop it there: systemctl stop nfvlab-measurement",
      });
    }
    operation.status(`waits for ${other.holder} to end its measurement: ${waited} s`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

function notTaken(host: Host, code: number, stderr: string): HostError {
  if (code === NO_SYSTEMD) {
    return systemdMissing(
      host.name,
      "keep measurements apart and end them",
      "measure on a machine that systemd runs",
    );
  }
  return new HostError({
    code: "measurement-turn",
    problem: `${host.name} does not say whose turn it is to measure`,
    observed: `exit code ${code}: ${stderr.trim()}`,
    hint: "look there: systemctl status nfvlab-measurement",
  });
}

async function record(
  operation: Operation,
  host: Host,
  { firmware, asked, guests = [], others = {}, ...subject }: Omit<Measurement, "seconds" | "name">,
  measure: () => Promise<Measured>,
): Promise<ResultRecord> {
  const roles = Object.entries(others);
  const waiting = await waitingBoot(host);
  // One machine after another: two roles may be of one, and an agent does one thing at a time.
  const told = await askGuests(operation, host);
  const toldOthers: ToldByGuests[] = [];
  for (const [, other] of roles) {
    waiting.push(...(await waitingBoot(other)).map((fault) => `on ${other.name}, ${fault}`));
    toldOthers.push(await askGuests(operation, other));
  }
  const lookAtOthers = () => Promise.all(roles.map(([, other]) => look(other)));
  const [before, othersBefore] = [await look(host, firmware), await lookAtOthers()];
  const startedAt = new Date().toISOString();
  const begun = performance.now();
  const { faults, remarks, ...measured } = await measure();
  const durationMs = Math.round(performance.now() - begun);
  const [after, othersAfter] = [await look(host, firmware), await lookAtOthers()];
  const again = await askAgain(operation, host, guests, told);
  return recordOf({
    ...subject,
    ...measured,
    asked: askedOf(asked),
    faults: [...waiting, ...before.contradictions, ...again.faults, ...(faults ?? [])],
    remarks: [
      ...(remarks ?? []),
      ...[...told.remarks, ...again.remarks],
      ...roles.flatMap(([, { name }], index) =>
        (toldOthers[index]?.remarks ?? []).map((remark) => `on ${name}, ${remark}`),
      ),
    ],
    before: before.fingerprint(told),
    after: after.fingerprint(again),
    disturbances: { before: before.disturbances, after: after.disturbances },
    counts: { before: before.counts, after: after.counts },
    others: roles.flatMap(([role, { name }], index) => {
      const [from, to, inside] = [othersBefore[index], othersAfter[index], toldOthers[index]];
      return from === undefined || to === undefined || inside === undefined
        ? []
        : [
            {
              ...{ role, name, before: from.fingerprint(inside), after: to.fingerprint(inside) },
              disturbances: { before: from.disturbances, after: to.disturbances },
            },
          ];
    }),
    startedAt,
    durationMs,
    functional: [before, ...othersBefore].some(({ emulated }) => emulated),
  });
}

/** A machine that waits for its next boot has not what was declared of it. One whose boot loader can't be read has nothing of ours to boot by. */
async function waitingBoot(host: Host): Promise<string[]> {
  const probes = { loader: bootLoader, booted: bootedEntry };
  const seen = await host.observeNow(probes).catch(() => undefined);
  return [seen && pendingBoot(seen.loader, seen.booted)].flatMap((sentence) => sentence ?? []);
}

/** What is in force, beside what its guests say, and what was declared of it. A machine of which nothing is declared is not asked about its firmware. */
async function look(host: Host, firmware: FirmwareIntent = {}) {
  const isDeclared = Object.keys(firmware).length > 0;
  const observed = await host.observeNow({
    ...{ ...fingerprintProbes, disturbances: disturbanceCounts, counts: machineCounts },
    ...(isDeclared && firmwareProbes),
  });
  const { declared, contradictions } = declaredFirmware(isDeclared ? shownOf(firmware, observed) : []);
  return {
    fingerprint: ({ inside }: ToldByGuests) => fingerprintOf(observed, declared, inside),
    disturbances: observed.disturbances,
    counts: observed.counts,
    contradictions,
    emulated: hostFactsOf(observed).identity.emulated,
  };
}

function shownOf(firmware: FirmwareIntent, observed: Partial<Observed<typeof firmwareProbes>>) {
  const { firmwareFiles: files, firmwareTables: tables, iommus: units } = observed;
  if (files === undefined || tables === undefined || units === undefined) return [];
  return inspectFirmware(firmware, firmwareOf(files, tables), units);
}
