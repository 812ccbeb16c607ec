import { InputError } from "../../units/errors.ts";

/** The planner's rules; stable, as users quote them. */
export type RuleId =
  | "B01"
  | "B02"
  | "B03"
  | "B04"
  | "B05"
  | "B06"
  | "B07"
  | "B08"
  | "B09"
  | "B10"
  | "B11"
  | "B12"
  | "B13"
  | "B14"
  | "B15"
  | "B16"
  | "B17"
  | "B18"
  | "B19"
  | "B20"
  | "B21"
  | "B22"
  | "B23"
  | "B24"
  | "B25"
  | "B26"
  | "B27"
  | "B28";

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
