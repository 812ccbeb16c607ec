import { logErfc } from "./search/log-arithmetic.ts";

/** How two samples differ, without a word on how either is distributed. */
export interface Difference {
  /** Of a difference at least this large where there is none: two-sided, ties counted as they are; exact up to 1600 pairs, by the normal distribution of more. */
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
/** Standard deviations that a normal distribution has half of that beyond. */
const NORMAL_QUANTILE = 1.959963984540054;
/** More pairs than that take too long to count one by one, and the normal distribution is right to three digits by then. */
const MOST_EXACT_PAIRS = 1600;

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
  const isRatio = [...before, ...after].every((value) => value > 0);
  const pairs = before
    .flatMap((one) => after.map((other) => (isRatio ? other / one : other - one)))
    .sort((one, other) => one - other);
  const isExact = n * m <= MOST_EXACT_PAIRS;
  const left = isExact ? leftOut(n, m) : normalLeftOut(n, m);
  const at = (index: number) => pairs[index] ?? Number.NaN;
  return {
    pValue: isExact ? exactChance(ranks, n) : normalChance(ranks, n),
    effect: {
      kind: isRatio ? "ratio" : "shift",
      estimate: (at(Math.floor((pairs.length - 1) / 2)) + at(Math.floor(pairs.length / 2))) / 2,
      low: at(left),
      high: at(pairs.length - 1 - left),
    },
  };
}

/** How often the first sample has a sum of ranks as far from the expected one. */
function exactChance(ranks: readonly number[], n: number): number {
  const counts = sumsOf(ranks, n);
  const observed = sum(ranks.slice(0, n));
  const expected = n * (ranks.length + 1);
  const extreme = counts.filter((_, at) => Math.abs(at - expected) >= Math.abs(observed - expected));
  return Math.min(1, sum(extreme) / sum(counts));
}

/** The same by the normal distribution of that mean and deviation, half a rank nearer since ranks are whole. */
function normalChance(ranks: readonly number[], n: number): number {
  const all = ranks.length;
  const expected = n * (all + 1);
  // Of ranks drawn without putting back; their own squares count ties.
  const squares = sum(ranks.map((rank) => (rank - (all + 1)) ** 2));
  const deviation = Math.sqrt((n * (all - n) * squares) / (all * (all - 1)));
  if (deviation === 0) return 1;
  const distance = Math.max(0, Math.abs(sum(ranks.slice(0, n)) - expected) - 1);
  return Math.exp(logErfc(distance / deviation / Math.SQRT2));
}

/** Pairs left out at each end, of so many that the number of pairs in order is normal. */
function normalLeftOut(n: number, m: number): number {
  return Math.floor((n * m) / 2 - NORMAL_QUANTILE * Math.sqrt((n * m * (n + m + 1)) / 12));
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
