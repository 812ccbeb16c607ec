import {
  type Disturbances,
  type Fingerprint,
  type Metric,
  type RecordedCoLoad,
  type RecordedMigration,
  type RecordedTrial,
  RecordVersion,
  type ResultRecord,
  type SwitchActivity,
} from "../schema/record.ts";
import { formatNanoseconds } from "../units/duration.ts";
import { differencesOf } from "./differences.ts";
import { interruptsOf, type MachineCounted, memoryBandwidthOf } from "./machine-activity.ts";

export interface Measurement {
  readonly kind: string;
  readonly subject: string;
  readonly metrics: readonly Metric[];
  /** What was in force before and after: a change between the two makes the result worthless. */
  readonly before: Fingerprint;
  readonly after: Fingerprint;
  readonly tool: { readonly command: readonly string[]; readonly version: string };
  readonly coLoad?: RecordedCoLoad | undefined;
  /** What was asked for, by path. */
  readonly asked?: Readonly<Record<string, string>> | undefined;
  /** Other machines that took part. */
  readonly others?: readonly OtherMachine[] | undefined;
  /** What the hardware had done, before and after. */
  readonly disturbances?: { readonly before: Disturbances; readonly after: Disturbances } | undefined;
  /** What the machine had counted, before and after, where it says. */
  readonly counts?:
    | { readonly before: MachineCounted | undefined; readonly after: MachineCounted | undefined }
    | undefined;
  /** What its own tool found against its numbers. */
  readonly faults?: readonly string[] | undefined;
  /** What a reader has to know, and what speaks against no number. */
  readonly remarks?: readonly string[] | undefined;
  /** What the switch did meanwhile. */
  readonly switch?: SwitchActivity | undefined;
  readonly trials?: readonly RecordedTrial[] | undefined;
  readonly migrations?: readonly RecordedMigration[] | undefined;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly functional: boolean;
}

/** A machine that took part, at both looks. */
export interface OtherMachine {
  /** What it was to the measurement: `systemUnderTest`. */
  readonly role: string;
  readonly name: string;
  readonly before: Fingerprint;
  readonly after: Fingerprint;
  readonly disturbances: { readonly before: Disturbances; readonly after: Disturbances };
}

/** Share of the samples that may be missing. */
const MISSING_SHARE = 1e-5;
/** Share of the time that a machine's clock has to count, beside what it is read to. */
const CLOCK_KEPT = 0.99;
const CLOCK_GRAIN_MS = 100;
/** How many changes a reason names. */
const NAMED = 3;

/** The record of a measurement, with every reason why it would not be valid. */
export function recordOf(measurement: Measurement): ResultRecord {
  const {
    kind,
    subject,
    before,
    after,
    coLoad,
    faults = [],
    disturbances: counts,
    others = [],
    asked,
    remarks = [],
    trials,
    migrations,
    startedAt,
    durationMs,
    functional,
  } = measurement;
  const disturbances = counts && during(counts.before, counts.after);
  const invalidReasons = [
    ...changesBetween(before, after),
    ...(disturbances === undefined ? [] : harmOf(disturbances)),
    ...clockFaults(measurement),
    ...others.flatMap(otherFaults),
    ...faults,
    ...(measurement.metrics.length === 0 ? ["the run came to no figure"] : []),
    ...measurement.metrics.flatMap(faultsOf),
    ...(coLoad === undefined ? [] : lacksOf(coLoad)),
  ];
  return {
    schema: RecordVersion,
    kind,
    subject,
    metrics: [...measurement.metrics],
    fingerprint: before,
    ...(others.length > 0 && {
      others: Object.fromEntries(others.map((other) => [other.role, other.before])),
    }),
    ...(asked !== undefined && { asked: { ...asked } }),
    tool: { command: [...measurement.tool.command], version: measurement.tool.version },
    ...(coLoad !== undefined && { coLoad }),
    ...(disturbances !== undefined && { disturbances }),
    ...activityOf(measurement),
    ...(measurement.switch !== undefined && { switch: measurement.switch }),
    ...(trials !== undefined && { trials: [...trials] }),
    ...(migrations !== undefined && { migrations: [...migrations] }),
    ...(remarks.length > 0 && { remarks: [...remarks] }),
    startedAt,
    durationMs,
    functional,
    valid: invalidReasons.length === 0,
    invalidReasons,
  };
}

/** What the machine counted meanwhile, as far as it says. */
function activityOf({ counts, before: { isolatedCpus } }: Measurement) {
  const [before, after] = [counts?.before, counts?.after];
  if (before === undefined || after === undefined) return {};
  const interrupts = interruptsOf(isolatedCpus, before, after);
  const memoryBandwidth = memoryBandwidthOf(before, after);
  return {
    ...(Object.keys(interrupts).length > 0 && { interrupts }),
    ...(Object.keys(memoryBandwidth).length > 0 && { memoryBandwidth }),
  };
}

/** What was counted between two looks. */
function during(before: Disturbances, after: Disturbances): Disturbances {
  const between = (kind: keyof Disturbances) => {
    const [from, to] = [before[kind], after[kind]];
    return from === null || to === null ? null : Math.max(0, to - from);
  };
  return {
    machineChecks: between("machineChecks"),
    throttles: between("throttles"),
    managementInterrupts: between("managementInterrupts"),
  };
}

function harmOf({ machineChecks, throttles }: Disturbances): string[] {
  const times = (count: number) => (count === 1 ? "once" : `${count} times`);
  return [
    ...(machineChecks === null || machineChecks === 0
      ? []
      : [`the hardware reported errors while it ran: machine check exceptions ${times(machineChecks)}`]),
    ...(throttles === null || throttles === 0
      ? []
      : [`CPUs were throttled for heat while it ran: ${times(throttles)}`]),
  ];
}

/** Both looks are outside of the measurement, so that less time between them than it took is the clock's doing. */
function clockFaults({ counts, durationMs }: Measurement): string[] {
  const [before, after] = [counts?.before, counts?.after];
  if (before === undefined || after === undefined) return [];
  const counted = after.uptimeMs - before.uptimeMs;
  return counted < durationMs * CLOCK_KEPT - CLOCK_GRAIN_MS
    ? [
        `the machine's clock stood still or went slowly: it counted ${formatNanoseconds(counted * 1e6)} while ${formatNanoseconds(durationMs * 1e6)} passed`,
      ]
    : [];
}

function otherFaults({ name, before, after, disturbances }: OtherMachine): string[] {
  const faults = [
    ...changesBetween(before, after),
    ...harmOf(during(disturbances.before, disturbances.after)),
  ];
  return faults.map((fault) => `on ${name}, ${fault}`);
}

/** A sentence where what was in force is not the same after a measurement as before. */
function changesBetween(before: Fingerprint, after: Fingerprint): string[] {
  return before.hash === after.hash && before.bootId === after.bootId
    ? []
    : [`what was in force changed while it ran: ${firstOf(differencesOf(before, after))}`];
}

/** A reader wants to know what it was, not all of what a careless hand changed. */
function firstOf(differences: readonly string[]): string {
  const [shown, more] = [differences.slice(0, NAMED), differences.length - NAMED];
  return `${shown.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function faultsOf({ name, samples, missing, overflow, needed = 0 }: Metric): string[] {
  if (samples === 0) return [`${name}: no sample`];
  return [
    ...(samples < needed
      ? [`${name}: too few samples, ${samples} of the ${needed} that the percentile asked for needs`]
      : []),
    ...(missing > MISSING_SHARE * (samples + missing)
      ? [
          `${name}: ${missing} of ${samples + missing} samples never came, so the slowest are not among those measured (coordinated omission)`,
        ]
      : []),
    ...(overflow * 2 > samples
      ? [
          `${name}: ${overflow} of ${samples} samples lie beyond the histogram's range, so nobody knows their median`,
        ]
      : []),
  ];
}

/** What of a load was not there, so that the measurement was of something else. */
function lacksOf({ kind, busy, leastBusy, ended }: RecordedCoLoad): string[] {
  const percent = (share: number) => `${Math.floor(share * 1000) / 10} %`;
  return [
    ...(ended === "" ? [] : [`the ${kind} load on CPU ${ended} ended before the measurement did`]),
    ...Object.entries(busy)
      .filter(([, share]) => share < leastBusy)
      .map(
        ([cpu, share]) =>
          `the ${kind} load was not there: CPU ${cpu} was busy for ${percent(share)} of the time, at least ${percent(leastBusy)} is expected`,
      ),
  ];
}
