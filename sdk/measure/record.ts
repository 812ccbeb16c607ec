import { type Fingerprint, type Metric, RecordVersion, type ResultRecord } from "../schema/record.ts";

export interface Measurement {
  readonly kind: string;
  readonly subject: string;
  readonly metrics: readonly Metric[];
  /** What was in force before and after: a change between the two makes the result worthless. */
  readonly before: Fingerprint;
  readonly after: Fingerprint;
  readonly tool: { readonly command: readonly string[]; readonly version: string };
  readonly startedAt: string;
  readonly durationMs: number;
  readonly functional: boolean;
}

/** Share of the samples that may be missing. */
const MISSING_SHARE = 1e-5;

/** A repetition may lose a sample at either end of its schedule without a wake-up having been late. */
const EDGE_SAMPLES = 2;

/** The record of a measurement, with every reason why it would not be valid. */
export function recordOf(measurement: Measurement): ResultRecord {
  const { kind, subject, before, after, startedAt, durationMs, functional } = measurement;
  const invalidReasons = [
    ...(before.hash === after.hash && before.bootId === after.bootId
      ? []
      : ["what was in force changed while it ran"]),
    ...measurement.metrics.flatMap(faultsOf),
  ];
  return {
    schema: RecordVersion,
    kind,
    subject,
    metrics: [...measurement.metrics],
    fingerprint: before,
    tool: { command: [...measurement.tool.command], version: measurement.tool.version },
    startedAt,
    durationMs,
    functional,
    valid: invalidReasons.length === 0,
    invalidReasons,
  };
}

function faultsOf({ name, samples, missing, repetitions }: Metric): string[] {
  if (samples === 0) return [`${name}: no sample`];
  const allowed = Math.max(MISSING_SHARE * (samples + missing), EDGE_SAMPLES * repetitions.length);
  return missing > allowed
    ? [
        `${name}: ${missing} of ${samples + missing} samples never came, so the slowest are not among those measured (coordinated omission)`,
      ]
    : [];
}
