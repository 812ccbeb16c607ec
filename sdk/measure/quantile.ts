import { gammaln } from "simple-statistics";

/** Standard deviations. */
const NEGLIGIBLE = 12;

/**
 * The smallest value that at least this share of all values does not exceed: one that was measured, never one between two. `share` is above 0, at most 1.
 * Of no values NaN.
 */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = ascending(values);
  // Half a billionth of tolerance: 0.9 of 10 values are 9, whatever the product rounds to.
  const rank = Math.ceil(share * sorted.length - 5e-10);
  return sorted[Math.max(1, rank) - 1] ?? Number.NaN;
}

/** An interval between two of the values; a side that too few values support is their least or greatest, and not held. */
export interface OrderInterval {
  readonly low: number;
  readonly high: number;
  /** Whether each side is beyond the quantile with at most half of the rest of the confidence. */
  readonly isHeld: boolean;
}

/**
 * The interval of a quantile that assumes nothing of the distribution: how many of n independent values lie below it is binomial, so the k-th smallest is
 * above it with a known probability.
 *
 * @example quantileInterval([1, 2, 3, 4, 5, 6], 0.5); // { low: 1, high: 6, isHeld: true }
 */
export function quantileInterval(values: readonly number[], share: number, confidence = 0.95): OrderInterval {
  const sorted = ascending(values);
  const { low, high } = quantileRanks(sorted.length, share, confidence);
  return {
    low: sorted[(low ?? 1) - 1] ?? Number.NaN,
    high: sorted[(high ?? sorted.length) - 1] ?? Number.NaN,
    isHeld: low !== undefined && high !== undefined,
  };
}

/** Ranks, from 1 of the least value; undefined on a side that too few values support. */
export interface OrderRanks {
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/**
 * The ranks of the two values that the interval of a quantile lies between, of so many values in ascending order.
 *
 * @example quantileRanks(6, 0.5); // { low: 1, high: 6 }
 */
export function quantileRanks(n: number, share: number, confidence = 0.95): OrderRanks {
  const tail = (1 - confidence) / 2;
  const below = heldBelow(n, share, tail);
  const above = heldBelow(n, 1 - share, tail);
  return { low: below > 0 ? below : undefined, high: above > 0 ? n - above + 1 : undefined };
}

/** How many values are below the quantile at least, but for a probability of `tail`: the largest k with P(X < k) <= tail. */
function heldBelow(n: number, share: number, tail: number): number {
  if (share <= 0 || share >= 1) return share <= 0 ? 0 : n;
  const [mean, deviation] = [n * share, Math.sqrt(n * share * (1 - share))];
  // What lies further below the mean than this is less than any tail that is asked for.
  const from = Math.max(0, Math.floor(mean - NEGLIGIBLE * deviation));
  const step = Math.log(share) - Math.log1p(-share);
  let logarithm = logChoose(n, from) + from * Math.log(share) + (n - from) * Math.log1p(-share);
  let sum = 0;
  for (let k = from; k < n; k++) {
    sum += Math.exp(logarithm);
    if (sum > tail) return k;
    logarithm += Math.log((n - k) / (k + 1)) + step;
  }
  return n;
}

function logChoose(n: number, k: number): number {
  return k === 0 ? 0 : gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1);
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
