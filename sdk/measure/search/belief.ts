import type { Grid } from "./grid.ts";

/**
 * Where the threshold of a goal may be, by everything seen so far. It decides which loads are tried, and never what is found: bounds are of
 * trials alone. So nothing here has to be true of a device; where it is, the search is short.
 */
export interface Belief {
  /** A good or a bad trial at a load, by its index. `impliedAt`: where a bad one's received rate says that the threshold is. */
  told(index: number, isGood: boolean, impliedAt: number | undefined): Belief;
  /** The part of the grid that holds nearly all of it. */
  view(): View;
}

export interface View {
  /** Index of the load below which half of it lies. */
  readonly median: number;
  /** How probable it is that the threshold lies between these loads. */
  mass(from: number, to: number): number;
  /** How probable it is that a trial at this load is good. */
  good(index: number): number;
}

/** Steps of the grid over which a device goes from good to bad. */
const SPREADS = [0.5, 3];
/** How often a device is bad far below its threshold, or good far above. */
const STRAY = 0.05;
/** Steps that the threshold is from where an overload's received rate says, as often as not. */
const IMPLIED_WITHIN = 2;
/** Logarithm of what is left out beside the likeliest. */
const NEGLIGIBLE = Math.log(1e-6);

/** Of each of `SPREADS`: the logarithm of the probability of each threshold, which lies just below the load of its index. */
type Logarithms = readonly Float64Array[];

export function beliefOf(grid: Grid): Belief {
  const thresholds = grid.last + 2;
  const tables = tablesOf(thresholds);
  const of = (logarithms: Logarithms, implied: readonly number[], hints: Float64Array): Belief => ({
    told(index, isGood, impliedAt) {
      const next = logarithms.map((old, device) => {
        const { good, bad } = tables[device] as Table;
        const table = isGood ? good : bad;
        const told = new Float64Array(thresholds);
        for (let at = 0; at < thresholds; at++)
          told[at] = (old[at] ?? 0) + (table[index - at + thresholds] ?? 0);
        return told;
      });
      if (impliedAt === undefined) return of(next, implied, hints);
      const all = [...implied, impliedAt];
      return of(next, all, hintsOf(all, thresholds));
    },
    view: () => viewOf(logarithms, hints, tables, thresholds),
  });
  // Beyond either limit there is as much to say for as for all loads between them.
  const prior = new Float64Array(thresholds);
  prior[0] = prior[thresholds - 1] = Math.log(thresholds);
  return of(
    SPREADS.map(() => prior),
    [],
    new Float64Array(thresholds),
  );
}

let latest: { readonly thresholds: number; readonly tables: readonly Table[] } | undefined;

/** The same for every goal and search on one grid. */
function tablesOf(thresholds: number): readonly Table[] {
  if (latest?.thresholds !== thresholds)
    latest = { thresholds, tables: SPREADS.map((spread) => tableOf(thresholds, spread)) };
  return latest.tables;
}

interface Table {
  readonly good: Float64Array;
  readonly bad: Float64Array;
  /** Of a good trial, not its logarithm. */
  readonly probability: Float64Array;
}

/** Logarithms of the probability of a good and a bad trial, by how many steps the load lies above the threshold. */
function tableOf(thresholds: number, spread: number): Table {
  const size = 2 * thresholds + 1;
  const probability = Float64Array.from(
    { length: size },
    (_, at) => 1 - STRAY - (1 - 2 * STRAY) / (1 + Math.exp(-(at - thresholds + 0.5) / spread)),
  );
  return { probability, good: probability.map(Math.log), bad: probability.map((good) => Math.log(1 - good)) };
}

function viewOf(
  logarithms: Logarithms,
  hints: Float64Array,
  tables: readonly Table[],
  thresholds: number,
): View {
  let best = -Infinity;
  for (const row of logarithms)
    for (let at = 0; at < thresholds; at++) best = Math.max(best, (row[at] ?? 0) + (hints[at] ?? 0));
  const kept: Kept[] = [];
  const marginal = new Float64Array(thresholds);
  let total = 0;
  for (const [device, row] of logarithms.entries()) {
    for (let at = 0; at < thresholds; at++) {
      const logarithm = (row[at] ?? 0) + (hints[at] ?? 0) - best;
      if (logarithm < NEGLIGIBLE) continue;
      const probability = Math.exp(logarithm);
      kept.push({ good: (tables[device] as Table).probability, at, probability });
      marginal[at] = (marginal[at] ?? 0) + probability;
      total += probability;
    }
  }
  let [median, below] = [0, 0];
  while (median < thresholds - 1 && below + (marginal[median] ?? 0) < total / 2) {
    below += marginal[median] ?? 0;
    median += 1;
  }
  return {
    median,
    mass: (from, to) =>
      marginal.slice(Math.max(0, from + 1), to + 1).reduce((sum, one) => sum + one, 0) / total,
    good(index) {
      let sum = 0;
      for (const { good, at, probability } of kept) sum += probability * (good[index - at + thresholds] ?? 0);
      return sum / total;
    },
  };
}

interface Kept {
  readonly good: Float64Array;
  readonly at: number;
  readonly probability: number;
}

/** By the middle one of all overloads: with heavy tails, since a device may well forward less or more than it does without loss. */
function hintsOf(implied: readonly number[], thresholds: number): Float64Array {
  const hints = new Float64Array(thresholds);
  const middle = [...implied].sort((one, other) => one - other)[Math.floor(implied.length / 2)];
  if (middle === undefined) return hints;
  for (let at = 0; at < thresholds; at++)
    hints[at] = -Math.log1p(((at - 0.5 - middle) / IMPLIED_WITHIN) ** 2);
  return hints;
}
