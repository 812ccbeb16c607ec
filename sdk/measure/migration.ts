import type { MigrationEvent, MigrationJob, ObservedMigration } from "../schema/migration-report.ts";
import type { Metric, RecordedMigration } from "../schema/record.ts";
import type { TrafficReport } from "../schema/traffic-report.ts";
import { formatNanoseconds } from "../units/duration.ts";
import { type MetricFacts, metricOf } from "./metric.ts";
import { trafficFaults } from "./traffic.ts";

/** One migration, with the traffic that went through the guest meanwhile. */
export interface MigrationRun {
  readonly observed: ObservedMigration;
  /** libvirt's account of one that came to its end. */
  readonly job: MigrationJob | undefined;
  readonly traffic: { readonly report: TrafficReport; readonly rate: number } | undefined;
}

export type Outcome = RecordedMigration["outcome"];

/** What became of a migration, by what QEMU itself said last. */
export function outcomeOf({ late, events, status }: ObservedMigration): Outcome {
  const last = events.findLast((event) => event.status !== undefined)?.status;
  if (last === "completed") return "completed";
  if (late) return "not converged";
  const cancelled = last === "cancelled" || last === "cancelling";
  return cancelled || (last === undefined && status?.status === "cancelling") ? "cancelled" : "failed";
}

/** QEMU's own times of a migration, by the clock of the machine that the guest left; undefined where an event is missing. */
export interface MigrationTimes {
  /** From `setup` to `completed`, ns. */
  readonly totalNs: number | undefined;
  /** From when the guest was to stop until all was sent, ns; of a post-copy from when it had stopped until it went over. */
  readonly downtimeNs: number | undefined;
}

/**
 * Times by events: QEMU tells them no other way once the guest is gone. A guest is told to stop right behind the pass that found few enough pages left, and QEMU counts from there: the event
 * STOP comes when it has, which was seen to take 50 ms.
 */
export function timesOf(events: readonly MigrationEvent[]): MigrationTimes {
  const { begun, stopping, over, ended } = momentsOf(events);
  return { totalNs: span(begun, ended), downtimeNs: span(stopping, over ?? ended) };
}

/** What of the events counts, µs; undefined where it was not seen. `over`: a post-copy's guest went on at its destination. */
function momentsOf(events: readonly MigrationEvent[]) {
  const at = (state: string) => events.find(({ status }) => status === state)?.atUs;
  const begun = at("setup");
  const stopped = events.find(({ event, atUs }) => event === "STOP" && atUs >= (begun ?? atUs))?.atUs;
  const lastPass = events.findLast(
    ({ event, atUs }) => event === "MIGRATION_PASS" && atUs <= (stopped ?? 0),
  )?.atUs;
  const over = at("postcopy-active");
  const stopping = stopped === undefined || over !== undefined ? stopped : (lastPass ?? stopped);
  return { begun, stopping, over, ended: at("completed") };
}

/** A part of a migration, since its first event, ns. */
export interface MigrationPhase {
  /** `stopped`: the guest is, or was told to. `post-copy`: it runs at its destination and fetches what is missing. */
  readonly kind: "setup" | "pass" | "stopped" | "post-copy" | "cancelling";
  /** Of a pass over the guest's memory, from 1. */
  readonly pass?: number;
  readonly fromNs: number;
  readonly toNs: number;
}

/** The parts of a migration in their order, up to its last event that says what became of it; none where not even its beginning was seen. */
export function phasesOf({ events }: RecordedMigration): MigrationPhase[] {
  const timed = events.map(({ afterUs, ...event }) => ({ ...event, atUs: afterUs }));
  const { stopping } = momentsOf(timed);
  let pass = 0;
  const begun = timed.flatMap(({ event, status, atUs }): Omit<MigrationPhase, "toNs">[] => {
    const fromNs = atUs * 1000;
    const isStopped = stopping !== undefined && atUs >= stopping;
    if (event === "MIGRATION_PASS") {
      pass += 1;
      return isStopped ? [] : [{ kind: "pass", pass, fromNs }];
    }
    if (status === "setup") return [{ kind: "setup", fromNs }];
    if (status === "postcopy-active") return [{ kind: "post-copy", fromNs }];
    return status === "cancelling" ? [{ kind: "cancelling", fromNs }] : [];
  });
  const stop = stopping === undefined ? [] : [{ kind: "stopped" as const, fromNs: stopping * 1000 }];
  const ended = timed.findLast(({ status }) => status !== undefined)?.atUs;
  return [...begun, ...stop]
    .sort((one, other) => one.fromNs - other.fromNs)
    .flatMap((phase, index, all) => {
      const toNs = all[index + 1]?.fromNs ?? (ended ?? 0) * 1000;
      return toNs > phase.fromNs ? [{ ...phase, toNs }] : [];
    });
}

/** What a record keeps of each: events since the first. */
export function recordedMigrations(runs: readonly MigrationRun[]): RecordedMigration[] {
  return runs.map(({ observed }) => {
    const first = observed.events[0]?.atUs ?? 0;
    return {
      outcome: outcomeOf(observed),
      events: observed.events
        .filter(({ event }) => KEPT.has(event))
        .map(({ event, status, atUs }) => ({
          ...{ event, ...(status !== undefined && { status }) },
          afterUs: atUs - first,
        })),
    };
  });
}

/** Events of the migration and of the guest's standstill; the rest is not its own. */
const KEPT: ReadonlySet<string> = new Set(["MIGRATION", "MIGRATION_PASS", "STOP", "RESUME"]);

function span(fromUs: number | undefined, toUs: number | undefined): number | undefined {
  return fromUs === undefined || toUs === undefined || toUs < fromUs ? undefined : (toUs - fromUs) * 1000;
}

/**
 * Metrics of a series: total and downtime by QEMU; by libvirt setup, iterations, bytes, and the standstill until the guest
 * ran at its destination; outage by the traffic. Of migrations that did not come to their end there is the time that was spent.
 */
export function migrationMetrics(runs: readonly MigrationRun[]): Metric[] {
  const completed = runs.filter(({ observed }) => outcomeOf(observed) === "completed");
  const ns = (name: string): MetricFacts => ({
    name: `guest.migration.${name}`,
    unit: "ns",
    direction: "lower",
  });
  const counted = (name: string, unit: "count" | "bytes" | "bps"): MetricFacts => ({ ...ns(name), unit });
  const times = completed.map(({ observed }) => timesOf(observed.events));
  const jobs = completed.flatMap(({ job }) => job ?? []);
  const traffic = completed.flatMap((run) => run.traffic ?? []);
  return [
    metric(
      ns("total"),
      times.map(({ totalNs }) => totalNs),
    ),
    metric(
      ns("downtime"),
      times.map(({ downtimeNs }) => downtimeNs),
    ),
    metric(ns("outage"), traffic.map(outageNs)),
    metric(
      counted("lost", "count"),
      traffic.map(({ report }) => report.streams.reduce((sum, { lost }) => sum + lost, 0)),
    ),
    metric(
      ns("standstill"),
      jobs.map(({ downtimeMs }) => downtimeMs && downtimeMs * 1e6),
    ),
    metric(
      ns("setup"),
      jobs.map(({ setupMs }) => setupMs * 1e6),
    ),
    metric(
      counted("iterations", "count"),
      jobs.map(({ iterations }) => iterations),
    ),
    metric(
      counted("transferred", "bytes"),
      jobs.map(({ transferredBytes }) => transferredBytes),
    ),
    metric(
      counted("dirtyRate", "bps"),
      runs.map(({ observed }) => dirtyBits(observed.seen)),
    ),
    metric(ns("elapsed"), runs.map(elapsedNs)),
  ].flatMap((each) => each ?? []);
}

/** One value a repetition; undefined where no repetition has one. */
function metric(facts: MetricFacts, values: readonly (number | undefined)[]): Metric | undefined {
  const known = values.flatMap((value) => (value === undefined ? [] : Math.round(value)));
  if (known.length === 0) return undefined;
  return metricOf(
    facts,
    known.map((value) => ({ buckets: [[value, 1]] as const, overflow: 0, max: value, expected: 1 })),
  );
}

/**
 * How much longer than usual a receiver waited for a frame at most, in any direction: frames that are kept for the guest until it goes on are late, not lost. Where none came any more, the time
 * that those which were lost had to be sent in.
 */
function outageNs({ report, rate }: NonNullable<MigrationRun["traffic"]>): number {
  const usual = 1e9 / rate;
  return Math.max(
    0,
    ...report.streams.flatMap(({ silenceMaxNs, longestGap }) => [silenceMaxNs - usual, longestGap * usual]),
  );
}

/** The most that the guest was seen to write. */
function dirtyBits(seen: readonly MigrationJob[]): number | undefined {
  if (seen.length === 0) return undefined;
  return Math.max(...seen.map(({ dirtyPagesPerSecond, pageSize }) => dirtyPagesPerSecond * pageSize * 8));
}

function elapsedNs({ job, observed }: MigrationRun): number {
  return ((job ?? observed.seen.at(-1))?.elapsedMs ?? 0) * 1e6;
}

/** A sentence for each thing that makes a series worth nothing, whatever its numbers are. */
export function migrationFaults(runs: readonly MigrationRun[], limitSeconds: number): string[] {
  return runs.flatMap((run, index) => {
    const faults = [...faultsOf(run, limitSeconds)];
    return faults.map((fault) => `migration ${index + 1}, ${index % 2 === 0 ? "there" : "back"}: ${fault}`);
  });
}

function* faultsOf({ observed, traffic }: MigrationRun, limitSeconds: number): Generator<string> {
  const outcome = outcomeOf(observed);
  const said = observed.said === "" ? (observed.status?.problem ?? "no word of why") : observed.said;
  switch (outcome) {
    case "completed":
      yield* unseen(observed);
      break;
    case "not converged":
      yield `it did not ${aimOf(observed)} within ${limitSeconds} s and was cancelled${stillToGo(observed)}${observed.stuck ? "; when the script gave up, libvirt had not done that yet" : ""}`;
      break;
    default:
      yield `it ${outcome === "cancelled" ? "was cancelled" : "failed"}: ${said}`;
  }
  if (traffic === undefined) return;
  for (const fault of trafficFaults(traffic.report, traffic.rate)) yield `traffic: ${fault}`;
  const late = Math.max(...traffic.report.streams.map(({ lagMaxNs }) => lagMaxNs));
  if (late > 0 && late >= outageNs(traffic))
    yield `traffic: the generator itself was ${formatNanoseconds(late)} late, no less than the outage`;
}

function* unseen({ events, code, said }: ObservedMigration): Generator<string> {
  const { totalNs, downtimeNs } = timesOf(events);
  if (totalNs === undefined || downtimeNs === undefined)
    yield `not all of QEMU's events were seen, and its times follow from them: ${events.map(({ event, status }) => status ?? event).join(", ")}`;
  if (code !== 0) yield `QEMU completed it, but libvirt did not: ${said}`;
}

/** QEMU has sent something of the guest's memory. */
function hasBegun({ events, seen }: ObservedMigration): boolean {
  return (seen.at(-1)?.totalBytes ?? 0) > 0 || events.some(({ status }) => status === "active");
}

/** What it was to do first: one that never began says nothing of its settings, nor of how fast the guest writes. */
function aimOf(observed: ObservedMigration): string {
  return hasBegun(observed) || observed.seen.length === 0 ? "converge" : "begin";
}

function stillToGo(observed: ObservedMigration): string {
  const last = observed.seen.at(-1);
  if (last === undefined) return "";
  if (!hasBegun(observed))
    return observed.events.some(({ status }) => status === "setup")
      ? ": QEMU was still opening its connections to the destination"
      : ": libvirt was still making the guest ready at its destination, and QEMU had not been told to send";
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  const dirtied = last.dirtyPagesPerSecond * last.pageSize;
  return `: iteration ${last.iterations}, ${mib(last.transferredBytes)} sent of ${mib(last.totalBytes)}, ${mib(dirtied)} written a second`;
}
