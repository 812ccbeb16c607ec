import { logPlus } from "./log-arithmetic.ts";
import type { LogLoss, LossFit } from "./loss-fits.ts";
import type { TrialResult } from "./search.ts";

/** What is known of the critical load by one curve, in natural logarithms of frames per second. */
export interface LogEstimate {
  readonly mean: number;
  readonly variance: number;
}

export interface Question {
  readonly minLoadPps: number;
  readonly maxLoadPps: number;
  /** The loss ratio that the critical load has on average. */
  readonly lossRatio: number;
}

/** Spreads that are looked at side by side, and how many of them have to count. */
const ROWS = 16;
const ROWS_THAT_COUNT = 8;
/** Points of a row on each side of its highest. */
const POINTS = 16;
/** Logarithm of the weight, below the highest, that counts for nothing. */
const NEGLIGIBLE = 18;
/** How near to the highest point, in the same measure, is near enough. */
const LEVEL = 0.05;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The critical load by all trials so far, where loss follows one curve: its mean and variance over all parameters of the curve, each weighted by how likely it makes the trials (Bayes).
 *
 * Before any trial `mrr` is as likely in any part of 1 / (1 + mrr / (maxLoad / 2)), and the logarithm of the spread is as likely in any part of what it can be, from 0 to that of `mrr`. A trial that loses k
 * frames where the curve has λ of them is as likely as k is in a geometric distribution of mean λ: so bursts of loss are taken for what they are, and a trial with much loss tells no more than one with little.
 *
 * The integral is computed and not sampled, so that it is the same every time: for one spread along `mrr` about its highest point, in steps that grow with the distance from it, and then over the spreads,
 * narrower until enough of them count.
 *
 * @see https://datatracker.ietf.org/doc/draft-vpolak-bmwg-plrsearch/
 */
export function criticalLoadBy(
  shape: LossFit,
  results: readonly TrialResult[],
  question: Question,
): LogEstimate {
  const trials = results.map(({ loadPps, intended, received }) => ({
    ...{ loadPps, lost: Math.max(0, intended - received), logSeconds: Math.log(intended / loadPps) },
  }));
  let [from, to] = [0, 1];
  for (;;) {
    const step = (to - from) / ROWS;
    const shares = Array.from({ length: ROWS }, (_, index) => from + (index + 0.5) * step);
    const rows = shares.map((share) => rowOf(shape, trials, question, share));
    const best = Math.max(...rows.map(({ logWeight }) => logWeight));
    const counting = shares.filter((_, index) => (rows[index]?.logWeight ?? 0) > best - NEGLIGIBLE);
    if (counting.length >= ROWS_THAT_COUNT || step < NARROWEST) return summed(rows);
    [from, to] = [Math.max(0, (counting[0] ?? from) - step), Math.min(1, (counting.at(-1) ?? to) + step)];
  }
}

/** Spreads nearer to each other than that, as shares, are one. */
const NARROWEST = 1e-6;

interface Counted {
  readonly loadPps: number;
  readonly lost: number;
  /** Logarithm of the seconds that its frames take at its load. */
  readonly logSeconds: number;
}

/** All of one spread, which is `mrr` to the power of its share. */
interface Row {
  readonly logWeight: number;
  /** Of the logarithm of the critical load. */
  readonly mean: number;
  readonly variance: number;
}

function summed(rows: readonly Row[]): LogEstimate {
  const total = rows.reduce((sum, { logWeight }) => logPlus(sum, logWeight), -Infinity);
  const weighted = (of: (row: Row) => number) =>
    rows.reduce((sum, row) => sum + Math.exp(row.logWeight - total) * of(row), 0);
  const mean = weighted((row) => row.mean);
  return { mean, variance: weighted((row) => row.variance + (row.mean - mean) ** 2) };
}

function rowOf(shape: LossFit, trials: readonly Counted[], question: Question, share: number): Row {
  const { maxLoadPps } = question;
  const curveAt = (logMrr: number) => shape(Math.exp(logMrr), Math.exp(share * logMrr));
  const logWeight = (logMrr: number) =>
    logMrr - 2 * Math.log(Math.exp(logMrr) - 1 + maxLoadPps / 2) + logLikelihood(curveAt(logMrr), trials);
  const [low, high] = [Math.log(2), Math.log(maxLoadPps) + BEYOND];
  const peak = highest(logWeight, low, high);
  const points = [...side(logWeight, peak, low - peak.at), ...side(logWeight, peak, high - peak.at)].filter(
    ({ log }) => log > peak.log - NEGLIGIBLE,
  );
  const weights = points.map(({ log, width }) => Math.exp(log - peak.log) * width);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const critical = points.map(({ at }) => Math.log(criticalLoad(curveAt(at), question)));
  const weighted = (of: (value: number) => number) =>
    weights.reduce((sum, weight, index) => sum + weight * of(critical[index] ?? 0), 0) / total;
  const mean = weighted((value) => value);
  return { logWeight: peak.log + Math.log(total), mean, variance: weighted((value) => (value - mean) ** 2) };
}

/** Logarithm of how far above the highest load `mrr` may be: beyond, hardly anything is left of what was likely before. */
const BEYOND = 14;

interface Point {
  readonly at: number;
  readonly log: number;
}

interface Peak extends Point {
  /** To within how far it is known. */
  readonly within: number;
}

/** The highest point of what rises to it and then falls: first among equal steps, then by golden section until all between is level. */
function highest(of: (at: number) => number, low: number, high: number): Peak {
  const step = (high - low) / ROWS;
  const known = Array.from({ length: ROWS + 1 }, (_, index): Point => {
    const at = low + index * step;
    return { at, log: of(at) };
  });
  const best = known.reduce((index, { log }, other) => (log > (known[index]?.log ?? 0) ? other : index), 0);
  const point = (at: number): Point => ({ at, log: of(at) });
  let from = known[Math.max(0, best - 1)] as Point;
  let to = known[Math.min(ROWS, best + 1)] as Point;
  let left = point(to.at - GOLDEN * (to.at - from.at));
  let right = point(from.at + GOLDEN * (to.at - from.at));
  for (;;) {
    const top = left.log >= right.log ? left : right;
    const width = to.at - from.at;
    // Narrower, there is nothing between two numbers of this size.
    if (top.log - Math.min(from.log, to.log) < LEVEL || width < 1e-13 * high)
      return { ...top, within: width / 2 };
    if (top === left) {
      [to, right] = [right, left];
      left = point(to.at - GOLDEN * (to.at - from.at));
    } else {
      [from, left] = [left, right];
      right = point(from.at + GOLDEN * (to.at - from.at));
    }
  }
}

/** Points from the highest one away: near to each other where the weight falls fast, and farther apart the farther out, to where it counts for nothing. */
function side(of: (at: number) => number, peak: Peak, reach: number): (Point & { readonly width: number })[] {
  const most = Math.abs(reach);
  if (most === 0) return [];
  const fallen = (distance: number) => peak.log - of(peak.at + Math.sign(reach) * distance);
  const until = (by: number, first: number) => {
    let distance = first;
    while (distance < most && fallen(distance) < by) distance *= 2;
    return Math.min(distance, most);
  };
  const scale = until(1, peak.within);
  const step = Math.asinh(until(NEGLIGIBLE, scale) / scale) / POINTS;
  return Array.from({ length: POINTS }, (_, index) => {
    const t = (index + 0.5) * step;
    const at = peak.at + Math.sign(reach) * scale * Math.sinh(t);
    return { at, log: of(at), width: scale * Math.cosh(t) * step };
  });
}

function logLikelihood(curve: LogLoss, trials: readonly Counted[]): number {
  let sum = 0;
  for (const { loadPps, lost, logSeconds } of trials) {
    const logMean = curve(loadPps) + logSeconds;
    // k of a geometric distribution: (λ / (1 + λ))^k / (1 + λ).
    sum -= (lost === 0 ? 0 : lost * logPlus(0, -logMean)) + logPlus(0, logMean);
  }
  return sum;
}

/** The load whose loss ratio on average is the wanted one; the limit where it lies beyond. Loads are halved until the curve is nearly straight between them, then taken by its slope. */
function criticalLoad(curve: LogLoss, { minLoadPps, maxLoadPps, lossRatio }: Question): number {
  const wanted = Math.log(lossRatio);
  const beyond = (load: number) => curve(load) - Math.log(load) - wanted;
  let [low, high] = [minLoadPps, maxLoadPps];
  let [atLow, atHigh] = [beyond(low), beyond(high)];
  if (atLow >= 0) return low;
  if (atHigh <= 0) return high;
  for (let isHalved = false; high - low > CLOSE * high; isHalved = !isHalved) {
    const isStraight = atHigh - atLow < 1 && !isHalved;
    const load = isStraight ? (low * atHigh - high * atLow) / (atHigh - atLow) : (low + high) / 2;
    const at = beyond(load);
    if (Math.abs(at) < CLOSE) return load;
    if (at > 0) [high, atHigh] = [load, at];
    else [low, atLow] = [load, at];
  }
  return (low + high) / 2;
}

/** How near is near enough: as a share of a load, and of a loss ratio. */
const CLOSE = 1e-8;
