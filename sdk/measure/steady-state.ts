import { groupsOf } from "./change-points.ts";

/** Values whose mean is taken as one, so that noise hides no trend (MSER-5). */
const BATCH = 5;

export interface Steadiness {
  /** Index of the first value that counts; undefined where there is none. */
  readonly from: number | undefined;
  /** Why it is not steady; empty where it is. */
  readonly reason: string;
}

/**
 * From where on a series is steady. The beginning is cut where the rest has the least standard error (MSER-5, White 1997: batches of five values); that is
 * a start-up only if it is at most half of the series, and the rest is steady only if its batches are of one kind (`groupsOf`).
 *
 * @param values at least 0, in equal steps of time
 */
export function steadinessOf(values: readonly number[]): Steadiness {
  const batches = Array.from(
    { length: Math.floor(values.length / BATCH) },
    (_, index) =>
      values.slice(index * BATCH, (index + 1) * BATCH).reduce((sum, value) => sum + value, 0) / BATCH,
  );
  if (batches.length < 4) {
    return {
      from: undefined,
      reason: `${values.length} values say nothing of steadiness, at least ${4 * BATCH} are needed`,
    };
  }
  const errors = batches.map((_, cut) => squaredError(batches.slice(cut)));
  const half = Math.floor(batches.length / 2);
  const cut = errors.indexOf(Math.min(...errors.slice(0, -1)));
  if (cut > half)
    return {
      from: undefined,
      reason: `it was still changing after ${half * BATCH} of ${values.length} values`,
    };
  const rest = groupsOf(batches.slice(cut));
  const [, second] = rest;
  return second === undefined
    ? { from: cut * BATCH, reason: "" }
    : {
        from: undefined,
        reason: `it ${second.change === "fall" ? "fell" : "rose"} after value ${(cut + second.from) * BATCH} of ${values.length}`,
      };
}

function squaredError(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length ** 2;
}
