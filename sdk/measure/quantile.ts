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
  const tail = (1 - confidence) / 2;
  const below = heldBelow(sorted.length, share, tail);
  const above = heldBelow(sorted.length, 1 - share, tail);
  const [from, to] = [Math.max(0, below - 1), sorted.length - Math.max(1, above)];
  return {
    low: sorted[from] ?? Number.NaN,
    high: sorted[to] ?? Number.NaN,
    isHeld: below > 0 && above > 0,
  };
}

/** How many values are below the quantile at least, but for a probability of `tail`: the largest k with P(X < k) <= tail. */
function heldBelow(n: number, share: number, tail: number): number {
  let sum = 0;
  for (let k = 0; k <= n; k++) {
    sum += Math.exp(logChoose(n, k) + log(share, k) + log(1 - share, n - k));
    if (sum > tail) return k;
  }
  return n;
}

function log(probability: number, times: number): number {
  return times === 0 ? 0 : times * Math.log(probability);
}

function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - i + 1) / i);
  return sum;
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
