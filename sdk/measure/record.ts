import {
  type Fingerprint,
  type Metric,
  type RecordedCoLoad,
  RecordVersion,
  type ResultRecord,
} from "../schema/record.ts";

export interface Measurement {
  readonly kind: string;
  readonly subject: string;
  readonly metrics: readonly Metric[];
  /** What was in force before and after: a change between the two makes the result worthless. */
  readonly before: Fingerprint;
  readonly after: Fingerprint;
  readonly tool: { readonly command: readonly string[]; readonly version: string };
  readonly coLoad?: RecordedCoLoad | undefined;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly functional: boolean;
}

/** Share of the samples that may be missing. */
const MISSING_SHARE = 1e-5;

/** The record of a measurement, with every reason why it would not be valid. */
export function recordOf(measurement: Measurement): ResultRecord {
  const { kind, subject, before, after, coLoad, startedAt, durationMs, functional } = measurement;
  const invalidReasons = [
    ...(before.hash === after.hash && before.bootId === after.bootId
      ? []
      : ["what was in force changed while it ran"]),
    ...measurement.metrics.flatMap(faultsOf),
    ...(coLoad === undefined ? [] : lacksOf(coLoad)),
  ];
  return {
    schema: RecordVersion,
    kind,
    subject,
    metrics: [...measurement.metrics],
    fingerprint: before,
    tool: { command: [...measurement.tool.command], version: measurement.tool.version },
    ...(coLoad !== undefined && { coLoad }),
    startedAt,
    durationMs,
    functional,
    valid: invalidReasons.length === 0,
    invalidReasons,
  };
}

function faultsOf({ name, samples, missing }: Metric): string[] {
  if (samples === 0) return [`${name}: no sample`];
  return missing > MISSING_SHARE * (samples + missing)
    ? [
        `${name}: ${missing} of ${samples + missing} samples never came, so the slowest are not among those measured (coordinated omission)`,
      ]
    : [];
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
