import type { Step } from "./step.ts";

/** One run of a generator, whichever it is: it ends by itself, with a report, before its unit's time is over. */
export interface TrafficPlan {
  readonly argv: readonly [string, ...string[]];
  /** Done before. */
  readonly prepare: readonly Step[];
  /** Of its unit. */
  readonly properties: readonly string[];
  /** Of one repetition, at most. */
  readonly seconds: number;
  readonly repetitions: number;
}
