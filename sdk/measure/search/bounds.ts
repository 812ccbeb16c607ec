import { standingOf } from "./classification.ts";
import type { Goal } from "./goal.ts";
import type { TrialResult } from "./search.ts";

/** Valid trials by the index of their load. */
export type TrialsByLoad = ReadonlyMap<number, readonly TrialResult[]>;

/** Indexes of the bounds that count; undefined where there is none. */
export interface Bounds {
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}

/** The relevant bounds of a goal: the smallest load that is an upper bound, and the largest lower bound below it. */
export function boundsOf(goal: Goal, trials: TrialsByLoad): Bounds {
  let lower: number | undefined;
  for (const [index, at] of [...trials].sort(([one], [other]) => one - other)) {
    const { kind } = standingOf(goal, at);
    if (kind === "upper") return { lower, upper: index };
    if (kind === "lower") lower = index;
  }
  return { lower, upper: undefined };
}
