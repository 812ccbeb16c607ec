import type { Goal } from "./goal.ts";
import { lossRatio, type TrialResult } from "./search.ts";

/** What trials at one load come to for one goal. Durations in milliseconds. */
interface Tally {
  /** Of good trials in full length. */
  readonly good: number;
  /** Of bad trials in full length, and of short ones as far as good short ones don't make up for them. */
  readonly bad: number;
}

export type LoadClass = "lower" | "upper" | "undecided";

/** How far a load is from either class: milliseconds of nothing but good, or nothing but bad trials in full length. */
export interface Standing {
  readonly kind: LoadClass;
  /** 0 of a lower bound; Infinity where it can't become one. */
  readonly toLowerMs: number;
  /** Strictly more than this is needed; below 0 of an upper bound. */
  readonly toUpperMs: number;
}

/**
 * The class of a load by all valid trials at it, as MLRsearch defines it (draft-ietf-bmwg-mlrsearch, "Load Classification"): a lower bound where
 * even a remainder of bad trials could not exceed the goal's ratio, an upper bound where even a remainder of good ones could not help.
 */
export function standingOf(goal: Goal, trials: readonly TrialResult[]): Standing {
  const { durationSumMs, exceedRatio } = goal;
  const { good, bad } = tallyOf(goal, trials);
  const whole = Math.max(durationSumMs, good + bad);
  const allowed = whole * exceedRatio;
  // Where there is more than the sum, every bad millisecond wants its share of good ones.
  const perBad = exceedRatio === 0 ? (bad > 0 ? Infinity : 0) : (bad * (1 - exceedRatio)) / exceedRatio;
  const perGood = (good * exceedRatio) / (1 - exceedRatio);
  return {
    kind: whole - good <= allowed ? "lower" : bad > allowed ? "upper" : "undecided",
    toLowerMs: Math.max(0, durationSumMs * (1 - exceedRatio) - good, perBad - good),
    toUpperMs: Math.max(durationSumMs * exceedRatio, perGood) - bad,
  };
}

/**
 * The rate that arrives at a lower bound: its load without the loss ratio that the goal's share of trial time keeps to, in frames per second.
 * Trials that the sum lacks count as of full loss.
 */
export function conditionalThroughput(goal: Goal, loadPps: number, trials: readonly TrialResult[]): number {
  const full = trials
    .filter(({ durationMs }) => durationMs >= goal.finalTrialMs)
    .map((trial) => ({ loss: lossRatio(trial), durationMs: trial.durationMs }))
    .sort((one, other) => one.loss - other.loss);
  const sum = full.reduce((total, { durationMs }) => total + durationMs, 0);
  let remaining = Math.max(goal.durationSumMs, sum) * (1 - goal.exceedRatio);
  for (const { loss, durationMs } of full) {
    remaining -= durationMs;
    if (remaining <= 0) return loadPps * (1 - loss);
  }
  return 0;
}

export function isGood(goal: Goal, trial: TrialResult): boolean {
  return lossRatio(trial) <= goal.lossRatio;
}

function tallyOf(goal: Goal, trials: readonly TrialResult[]): Tally {
  const sums = { goodFull: 0, badFull: 0, goodShort: 0, badShort: 0 };
  for (const trial of trials) {
    const length = trial.durationMs >= goal.finalTrialMs ? "Full" : "Short";
    sums[`${isGood(goal, trial) ? "good" : "bad"}${length}`] += trial.durationMs;
  }
  const excused = (sums.goodShort * goal.exceedRatio) / (1 - goal.exceedRatio);
  return { good: sums.goodFull, bad: sums.badFull + Math.max(0, sums.badShort - excused) };
}
