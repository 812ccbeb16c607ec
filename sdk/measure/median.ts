import type { Metric } from "../schema/record.ts";

/** Below this an interval by order statistics can't reach 95 %. */
const FEWEST = 6;

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/**
 * The 95 % interval of a median that assumes nothing of the distribution: the k-th smallest and k-th largest value, k as large as the binomial
 * distribution allows. Below six values it is their range, and says so.
 */
export function medianInterval(values: readonly number[]): Metric["interval95"] {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  let k = 0;
  if (n >= FEWEST) {
    let tail = 0.5 ** n;
    let term = tail;
    while (tail <= 0.025) {
      k += 1;
      term *= (n - k + 1) / k;
      tail += term;
    }
  }
  const from = Math.max(0, k - 1);
  return {
    low: sorted[from] ?? 0,
    high: sorted[n - 1 - from] ?? 0,
    method: n >= FEWEST ? "order-statistics" : "range",
  };
}
