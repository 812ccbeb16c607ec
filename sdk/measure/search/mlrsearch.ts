import { InputError } from "../../units/errors.ts";
import { type Belief, beliefOf } from "./belief.ts";
import { boundsOf } from "./bounds.ts";
import { candidateOf } from "./candidate.ts";
import { conditionalThroughput, isGood } from "./classification.ts";
import { checkGoal, type Goal } from "./goal.ts";
import { type Grid, gridOf } from "./grid.ts";
import { lossRatio, type Search, searchBy, type Trial, type TrialResult } from "./search.ts";

export interface MlrSearch {
  readonly goals: readonly Goal[];
  readonly minLoadPps: number;
  readonly maxLoadPps: number;
  /** First trial at the highest load, whose result is ignored; 0 for none. Default: 1000. */
  readonly warmUpMs?: number;
  /** Length of the first trial at each load, to find a bad one out in less than the final time. Default: 1000, or the final time where that is less. */
  readonly initialTrialMs?: number;
  /** The search ends without the goals still open when its trials come to this. Default: an hour. */
  readonly atMostMs?: number;
}

/** What was found for one goal. */
export interface GoalResult {
  readonly goal: Goal;
  /**
   * `regular`: both bounds, no further apart than the goal's width. `at-maximum`: the highest load is a lower bound. `below-minimum`: the lowest load is an
   * upper bound. `open`: the time was over.
   */
  readonly kind: "regular" | "at-maximum" | "below-minimum" | "open";
  readonly lowerPps: number | null;
  readonly upperPps: number | null;
  /** Received at the lower bound, without the loss that the goal allows for. */
  readonly conditionalThroughputPps: number | null;
}

interface State {
  readonly warm: boolean;
  readonly elapsedMs: number;
  /** Valid trials by the index of their load. */
  readonly trials: ReadonlyMap<number, readonly TrialResult[]>;
  readonly beliefs: readonly Belief[];
  /** Index of the load of the last trial. */
  readonly last?: number;
}

/**
 * Several goals at once by MLRsearch (draft-ietf-bmwg-mlrsearch): the largest load that is a lower bound of a goal below the smallest that is an upper
 * one, as close together as the goal wants them. Bounds are of trials as the draft defines them; which load is tried next is ours: the pair of bounds that
 * is expected to be proven in the least time, given all trials so far.
 *
 * @throws InputError `goal`, `loads`
 * @example
 * let search = mlrSearch({ goals: [NDR, PDR], minLoadPps: 9_001, maxLoadPps: 14_880_952 });
 * while (search.step.kind === "trial") search = search.tell(await measure(search.step.trial));
 */
export function mlrSearch(config: MlrSearch): Search<readonly GoalResult[]> {
  const { goals, minLoadPps, maxLoadPps, warmUpMs = 1000, atMostMs = 3_600_000 } = config;
  check(config);
  const grid = gridOf(minLoadPps, maxLoadPps, Math.min(...goals.map(({ width }) => width)));
  const begin: State = {
    warm: warmUpMs === 0,
    elapsedMs: 0,
    trials: new Map(),
    beliefs: goals.map(() => beliefOf(grid)),
  };
  return searchBy(
    {
      next(state): Trial | { verdict: readonly GoalResult[] } {
        if (!state.warm) return { loadPps: maxLoadPps, durationMs: warmUpMs };
        const results = goals.map((goal) => resultOf(goal, grid, state.trials));
        const open = results.findIndex(({ kind }) => kind === "open");
        const goal = goals[open];
        const belief = state.beliefs[open];
        if (goal === undefined || belief === undefined || state.elapsedMs >= atMostMs)
          return { verdict: results };
        const index =
          state.trials.size === 0 ? grid.last : candidateOf(goal, grid, state.trials, belief, state.last);
        const isFirst = !state.trials.has(index);
        const { initialTrialMs = 1000 } = config;
        return {
          loadPps: grid.load(index),
          durationMs: isFirst ? Math.min(initialTrialMs, goal.finalTrialMs) : goal.finalTrialMs,
        };
      },
      take(state, result): State {
        const elapsedMs = state.elapsedMs + result.durationMs;
        if (!state.warm) return { ...state, warm: true, elapsedMs };
        const index = Math.round(grid.at(result.loadPps));
        return {
          warm: true,
          elapsedMs,
          last: index,
          trials: new Map(state.trials).set(index, [...(state.trials.get(index) ?? []), result]),
          beliefs: state.beliefs.map((belief, at) => {
            const goal = goals[at] as Goal;
            const good = isGood(goal, result);
            const through = (result.loadPps * (1 - lossRatio(result))) / (1 - goal.lossRatio);
            return belief.told(index, good, good || through === 0 ? undefined : grid.at(through));
          }),
        };
      },
    },
    begin,
  );
}

function resultOf(goal: Goal, grid: Grid, trials: State["trials"]): GoalResult {
  const { lower, upper } = boundsOf(goal, trials);
  const isNarrow = lower !== undefined && upper !== undefined && upper - lower <= grid.steps(goal.width);
  return {
    goal,
    kind: isNarrow ? "regular" : lower === grid.last ? "at-maximum" : upper === 0 ? "below-minimum" : "open",
    lowerPps: lower === undefined ? null : grid.load(lower),
    upperPps: upper === undefined ? null : grid.load(upper),
    conditionalThroughputPps:
      lower === undefined ? null : conditionalThroughput(goal, grid.load(lower), trials.get(lower) ?? []),
  };
}

function check({ goals, minLoadPps, maxLoadPps }: MlrSearch): void {
  if (goals.length === 0) {
    throw new InputError({
      code: "goal",
      property: "goals",
      problem: "nothing to look for",
      expected: "at least one goal",
    });
  }
  goals.forEach(checkGoal);
  if (!(minLoadPps > 0 && maxLoadPps > minLoadPps && Number.isFinite(maxLoadPps))) {
    throw new InputError({
      code: "loads",
      problem: "no range of loads",
      observed: `${minLoadPps} to ${maxLoadPps} frames/s`,
      expected: "0 < minLoadPps < maxLoadPps",
    });
  }
}
