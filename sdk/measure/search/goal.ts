import { InputError } from "../../units/errors.ts";

/** What a search looks for, as MLRsearch defines it (draft-ietf-bmwg-mlrsearch, "Search Goal"). */
export interface Goal {
  /** For the verdict: NDR, PDR. */
  readonly name: string;
  /** Share of frames that a trial may lose and still be good. 0 to below 1. */
  readonly lossRatio: number;
  /** Duration of a trial that counts in full. */
  readonly finalTrialMs: number;
  /** Time of trials at one load that its class rests on, at least that of one trial. */
  readonly durationSumMs: number;
  /** Share of that time that may be of bad trials below the throughput. 0 to below 1. */
  readonly exceedRatio: number;
  /** Distance of the bounds from each other, as a share of the upper. Above 0, below 1. */
  readonly width: number;
}

/** Zero loss, as CSIT looks for it. */
export const NDR: Goal = {
  ...{ name: "NDR", lossRatio: 0, width: 0.005 },
  ...{ finalTrialMs: 1000, durationSumMs: 21_000, exceedRatio: 0.5 },
};
/** Half a percent of loss, as CSIT looks for it. */
export const PDR: Goal = { ...NDR, name: "PDR", lossRatio: 0.005 };
/** What RFC 2544 asks for: one trial of a minute without a lost frame, and an upper bound by any that loses one. */
export const RFC2544: Goal = {
  ...{ name: "RFC 2544", lossRatio: 0, width: 0.005 },
  ...{ finalTrialMs: 60_000, durationSumMs: 60_000, exceedRatio: 0 },
};

type Field = Exclude<keyof Goal, "name">;

/** @throws InputError `goal` where a field is beyond its range */
export function checkGoal(goal: Goal): void {
  const refuse = (field: Field, expected: string): never => {
    throw new InputError({
      code: "goal",
      property: `${goal.name}.${field}`,
      problem: "beyond its range",
      observed: String(goal[field]),
      expected,
    });
  };
  for (const field of ["lossRatio", "exceedRatio"] as const)
    if (!(goal[field] >= 0 && goal[field] < 1)) refuse(field, "0 to below 1");
  if (!(goal.width > 0 && goal.width < 1)) refuse("width", "above 0, below 1");
  if (!(Number.isInteger(goal.finalTrialMs) && goal.finalTrialMs > 0))
    refuse("finalTrialMs", "whole milliseconds above 0");
  if (!(Number.isInteger(goal.durationSumMs) && goal.durationSumMs >= goal.finalTrialMs))
    refuse("durationSumMs", "whole milliseconds, at least those of a final trial");
}
