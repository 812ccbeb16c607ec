/** Fewer say too little of how much a figure varies. */
export const FEWEST_REPETITIONS = 5;
/** Coefficient of variation above which a throughput is unstable. */
const UNSTABLE = 0.03;

/** One repetition, with what was in force while it ran. */
export interface Run<Conditions, Result> {
  readonly conditions: Conditions;
  readonly result: Result;
}

export interface Kept<Conditions, Result> {
  readonly runs: readonly Run<Conditions, Result>[];
  /** A line for each that was left out, by its place from 1. */
  readonly excluded: readonly string[];
  /** Why what is left is worth nothing; empty where it is enough. */
  readonly faults: readonly string[];
}

/**
 * The repetitions that count. The one ground to leave one out is what was in force while it ran: `violations` is never shown a result, so that no value
 * can be dropped for being inconvenient. What remains has to be enough.
 */
export function keptOf<Conditions, Result>(
  runs: readonly Run<Conditions, Result>[],
  violations: (conditions: Conditions) => readonly string[],
  fewest = FEWEST_REPETITIONS,
): Kept<Conditions, Result> {
  const judged = runs.map((run) => ({ run, against: violations(run.conditions) }));
  const kept = judged.flatMap(({ run, against }) => (against.length === 0 ? [run] : []));
  return {
    runs: kept,
    excluded: judged.flatMap(({ against }, index) =>
      against.length === 0 ? [] : [`repetition ${index + 1}: ${against.join("; ")}`],
    ),
    faults:
      kept.length < fewest
        ? [`${kept.length} of ${runs.length} repetitions count, at least ${fewest} are expected`]
        : [],
  };
}

/** A sentence where a throughput varies more over its repetitions than one that stands may. */
export function instabilityOf(values: readonly number[]): string | undefined {
  const variation = coefficientOfVariation(values);
  return variation > UNSTABLE
    ? `unstable: it varies by ${Number((variation * 100).toPrecision(2))} % from repetition to repetition, at most ${UNSTABLE * 100} % is expected`
    : undefined;
}

/** Standard deviation of a sample over its mean; 0 of fewer than two values. */
export function coefficientOfVariation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return squares === 0 ? 0 : Math.sqrt(squares / (values.length - 1)) / Math.abs(mean);
}
