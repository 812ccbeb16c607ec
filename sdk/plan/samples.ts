import type { Percentile } from "../schema/record.ts";
import { InputError } from "../units/errors.ts";
import { samplesToTell } from "../units/percentile.ts";

/** The rarest percentile that a measurement has to tell, where nothing else is asked for. */
export const DEFAULT_PERCENTILE: Percentile = "99";

/** What a measurement will have for certain, if all goes well. */
export interface ScheduledSamples {
  /** Input that says how many. */
  readonly property: string;
  readonly percentile?: Percentile | undefined;
  /** Of one repetition. */
  readonly each: number;
  readonly repetitions: number;
}

/**
 * Refuses a schedule that can't tell the percentile which is asked for, before anything runs.
 *
 * @throws InputError `few-samples`
 */
export function requireSamples({
  property,
  percentile = DEFAULT_PERCENTILE,
  each,
  repetitions,
}: ScheduledSamples): void {
  const [planned, needed] = [each * repetitions, samplesToTell(percentile)];
  if (planned >= needed) return;
  throw new InputError({
    code: "few-samples",
    property,
    problem: `too few samples to tell which value ${percentile} % of them do not exceed`,
    observed: `${planned}, ${each} in each of ${repetitions} repetition${repetitions === 1 ? "" : "s"}`,
    expected: `${needed} or more`,
    hint: `ask for more, or say by \`percentile\` that a less rare one will do`,
  });
}
