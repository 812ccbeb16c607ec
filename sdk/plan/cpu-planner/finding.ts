import { InputError } from "../../units/errors.ts";

/** The planner's rules, `B01` to `B28`; stable, as users quote them. */
export type RuleId = Exclude<`B${0 | 1 | 2}${Digit}`, "B00" | "B29">;
type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** What a rule has to say. An error refuses the plan; advice goes with it. */
export interface Finding {
  /** `demand`: it names what is not there. `cores`: too few are left. */
  readonly rule: RuleId | "demand" | "cores";
  readonly severity: "error" | "advice";
  /** Property path in the demand. */
  readonly property: string;
  readonly problem: string;
  readonly observed: string;
  readonly expected: string;
  readonly hint: string;
}

/** A finding as an error; its code is stable, for instance `cpu-plan-b07`. */
export function asInputError({ rule, severity: _, ...facts }: Finding): InputError {
  return new InputError({ code: `cpu-plan-${rule.toLowerCase()}`, ...facts });
}
