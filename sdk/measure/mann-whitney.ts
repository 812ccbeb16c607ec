/** How two samples differ, without a word on how either is distributed. */
export interface Difference {
  /** Of a difference at least this large where there is none: two-sided, exact, ties counted as they are. */
  readonly pValue: number;
  /** Of the second sample to the first: their ratio where all values are above 0, else what is added. Hodges and Lehmann's estimate with its interval of 95 %. */
  readonly effect: {
    readonly kind: "ratio" | "shift";
    readonly estimate: number;
    readonly low: number;
    readonly high: number;
  };
}

/** The smallest samples that can differ at 5 %: two of four have a probability of 2 in 70 at most. */
export const FEWEST_TO_COMPARE = 4;

const ALPHA = 0.05;

/**
 * Mann and Whitney's test of two samples, with the interval that the same distribution gives for their difference: every ratio of one of these to one of
 * those, without as many at both ends as chance allows for. Undefined below four values each, where no difference could be told from chance.
 *
 * @example mannWhitney([1, 2, 3, 4], [5, 6, 7, 8])?.pValue; // 0.02857142857142857
 */
export function mannWhitney(before: readonly number[], after: readonly number[]): Difference | undefined {
  const [n, m] = [before.length, after.length];
  if (Math.min(n, m) < FEWEST_TO_COMPARE) return undefined;
  const ranks = doubledRanks([...before, ...after]);
  const counts = sumsOf(ranks, n);
  const total = sum(counts);
  const observed = sum(ranks.slice(0, n));
  const expected = n * (n + m + 1);
  const extreme = counts.filter((_, at) => Math.abs(at - expected) >= Math.abs(observed - expected));
  const isRatio = [...before, ...after].every((value) => value > 0);
  const pairs = before
    .flatMap((one) => after.map((other) => (isRatio ? other / one : other - one)))
    .sort((one, other) => one - other);
  const left = leftOut(n, m);
  const at = (index: number) => pairs[index] ?? Number.NaN;
  return {
    pValue: Math.min(1, sum(extreme) / total),
    effect: {
      kind: isRatio ? "ratio" : "shift",
      estimate: (at(Math.floor((pairs.length - 1) / 2)) + at(Math.floor(pairs.length / 2))) / 2,
      low: at(left),
      high: at(pairs.length - 1 - left),
    },
  };
}

/** Pairs left out at each end so that at most 2.5 % is beyond it, where no values are equal. */
function leftOut(n: number, m: number): number {
  const counts = sumsOf(doubledRanks(Array.from({ length: n + m }, (_, index) => index)), n);
  const total = sum(counts);
  const least = n * (n + 1);
  let [below, left] = [0, 0];
  while ((below + (counts[least + 2 * left] ?? 0)) / total <= ALPHA / 2) {
    below += counts[least + 2 * left] ?? 0;
    left += 1;
  }
  return Math.max(0, left - 1);
}

/** Ranks from 1, times two, so that the middle ranks of equal values are whole. */
function doubledRanks(values: readonly number[]): number[] {
  const sorted = [...values].sort((one, other) => one - other);
  return values.map((value) => sorted.indexOf(value) + sorted.lastIndexOf(value) + 2);
}

/** In how many ways `n` of the ranks have each sum. */
function sumsOf(ranks: readonly number[], n: number): number[] {
  const most = sum(ranks);
  const ways = Array.from({ length: n + 1 }, () => new Float64Array(most + 1));
  const none = ways[0] as Float64Array;
  none[0] = 1;
  for (const rank of ranks) {
    for (let taken = n; taken > 0; taken--) {
      const [to, from] = [ways[taken] as Float64Array, ways[taken - 1] as Float64Array];
      for (let at = most; at >= rank; at--) to[at] = (to[at] ?? 0) + (from[at - rank] ?? 0);
    }
  }
  return [...(ways[n] as Float64Array)];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
