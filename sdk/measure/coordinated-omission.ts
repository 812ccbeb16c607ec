import type { Repetition } from "./metric.ts";

/** A repetition to which samples were added that were never taken. Whoever shows its figures has to say so. */
export interface Corrected {
  readonly repetition: Repetition;
  /** Samples that were added. */
  readonly added: number;
  /** For the reader; empty where nothing was added. */
  readonly remark: string;
}

/** Samples that a schedule asks for: one at each whole interval of the time. */
export function expectedSamples(durationNs: number, intervalNs: number): number {
  return Math.floor(durationNs / intervalNs);
}

/**
 * Adds what a probe that waits for its answers leaves out. While one answer took several intervals no other question was asked; those would have waited too,
 * each an interval less than the one before. What is beyond the range of the record stays uncounted.
 *
 * Only of closed loops, whose samples are times from the question to its answer: a timer that is late counts from its own schedule, and is not corrected
 * but missing.
 */
export function correctedFor(repetition: Repetition, intervalNs: number): Corrected {
  if (!(intervalNs > 0)) return { repetition, added: 0, remark: "" };
  const extra = repetition.buckets.flatMap(([value, count]) => {
    const omitted = Math.max(0, Math.ceil(value / intervalNs) - 1);
    return Array.from({ length: omitted }, (_, index) => [value - (index + 1) * intervalNs, count] as const);
  });
  // The shortest wait that a schedule knows of is a whole interval.
  const buckets = extra.filter(([value]) => value >= intervalNs);
  const added = buckets.reduce((sum, [, count]) => sum + count, 0);
  return {
    repetition: { ...repetition, buckets: [...repetition.buckets, ...buckets] },
    added,
    remark:
      added === 0
        ? ""
        : `corrected for coordinated omission: ${added} samples were added for questions that were never asked`,
  };
}
