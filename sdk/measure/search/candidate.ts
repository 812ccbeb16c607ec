import type { Belief } from "./belief.ts";
import { boundsOf, type TrialsByLoad } from "./bounds.ts";
import { standingOf } from "./classification.ts";
import type { Goal } from "./goal.ts";
import type { Grid } from "./grid.ts";

/** Widths of the goal, on each side of the belief's median, in which bounds are looked for. */
const AROUND = 6;
/** Below this probability of both bounds at once it is better to learn more of where they are. */
const WORTH = 0.25;
/** Times the least cost that a pair nearer to the threshold may have. */
const ABOUT = 1.05;

/**
 * The load to try next for a goal that is open: of the two that are expected to be proven its bounds in the least time, the lower first, and the same
 * again while that is so, since many a device remembers an overload. While the belief is too wide for that, its median.
 */
export function candidateOf(
  goal: Goal,
  grid: Grid,
  trials: TrialsByLoad,
  belief: Belief,
  last: number | undefined,
): number {
  const { lower, upper } = boundsOf(goal, trials);
  const [floor, ceiling] = [lower ?? -1, upper ?? grid.last + 1];
  const view = belief.view();
  const width = grid.steps(goal.width);
  const middle = Math.min(Math.max(view.median, floor), ceiling);
  const undecided = () => undecidedNear(goal, trials, middle, floor, ceiling);
  if (view.mass(middle - width, middle + width) < WORTH) return undecided();
  const from = Math.max(floor, middle - AROUND * width);
  const to = Math.min(ceiling, middle + AROUND * width);
  const sides = Array.from({ length: to - from + 1 }, (_, step) =>
    sideOf(goal, grid, trials, from + step, view.good),
  );
  const pair = cheapest(sides, grid, width);
  if (pair === undefined || pair.low.good * (1 - pair.high.good) < WORTH) return undecided();
  const { low, high } = pair;
  if (low.toLower === 0) return high.index;
  return high.toUpper > 0 && last === high.index ? high.index : low.index;
}

/** One load as either bound: expected milliseconds of trials until it is one. */
interface Side {
  readonly index: number;
  /** Probability of a good trial. */
  readonly good: number;
  readonly toLower: number;
  readonly toUpper: number;
}

function sideOf(
  goal: Goal,
  grid: Grid,
  trials: TrialsByLoad,
  index: number,
  goodAt: (index: number) => number,
): Side {
  if (index < 0) return { index, good: 1, toLower: 0, toUpper: Infinity };
  if (index > grid.last) return { index, good: 0, toLower: Infinity, toUpper: 0 };
  const { kind, toLowerMs, toUpperMs } = standingOf(goal, trials.get(index) ?? []);
  if (kind === "lower") return { index, good: 1, toLower: 0, toUpper: Infinity };
  if (kind === "upper") return { index, good: 0, toLower: Infinity, toUpper: 0 };
  const good = goodAt(index);
  const trial = goal.finalTrialMs;
  return {
    index,
    good,
    toLower: (Math.ceil(toLowerMs / trial) * trial) / good,
    toUpper: ((Math.floor(toUpperMs / trial) + 1) * trial) / (1 - good),
  };
}

/** Of pairs that cost about the least the uppermost, and of those the narrowest: nearer to the threshold for the same time. */
function cheapest(sides: readonly Side[], grid: Grid, width: number): Pair | undefined {
  const pairs = sides.flatMap((low, at) =>
    sides
      .slice(at + 1, at + 1 + width)
      // Beyond the limits of the load there is nothing to prove, but only for the load at the limit itself.
      .filter((high, apart) => apart === 0 || (low.index >= 0 && high.index <= grid.last))
      .map((high) => ({ low, high, cost: low.toLower + high.toUpper })),
  );
  const least = Math.min(...pairs.map(({ cost }) => cost));
  if (!Number.isFinite(least)) return undefined;
  return pairs
    .filter(({ cost }) => cost <= least * ABOUT)
    .reduce((best, pair) => (isAbove(pair, best) ? pair : best));
}

function isAbove(one: Pair, other: Pair): boolean {
  return one.low.index === other.low.index
    ? one.high.index < other.high.index
    : one.low.index > other.low.index;
}

interface Pair {
  readonly low: Side;
  readonly high: Side;
}

/** The undecided load between the bounds that is nearest to this one. There is one, or the goal would not be open. */
function undecidedNear(
  goal: Goal,
  trials: TrialsByLoad,
  wanted: number,
  floor: number,
  ceiling: number,
): number {
  for (let distance = 0; distance <= ceiling - floor; distance++) {
    for (const index of [wanted - distance, wanted + distance]) {
      if (index <= floor || index >= ceiling) continue;
      if (standingOf(goal, trials.get(index) ?? []).kind === "undecided") return index;
    }
  }
  throw new Error(`no load between ${floor} and ${ceiling} is undecided for ${goal.name}`);
}
