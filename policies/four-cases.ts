import type { StackValidationPolicy } from "@pulumi/policy";
import { type Case, type Judged, judge, textOf } from "./judging.ts";

/** The four things that a policy can say of a stack. */
export interface PolicyCases {
  /** It finds something. */
  readonly violates: Case;
  /** It says nothing at all. */
  readonly passes: Case;
  /** It says why it is not about this stack. */
  readonly notApplicable: Case;
  /** It accuses nobody, and says which value it waits for. */
  readonly unknown: Case;
}

/**
 * What a policy does wrong in its four cases, a sentence each; empty where it does all four right.
 *
 * @example
 * expect(await faultsOf(enoughPages, cases)).toEqual([]);
 */
export async function faultsOf(policy: StackValidationPolicy, cases: PolicyCases): Promise<string[]> {
  const judged = async ({ stack, config }: Case) => judge(policy, stack, config);
  const [violates, passes, other, open] = await Promise.all(
    [cases.violates, cases.passes, cases.notApplicable, cases.unknown].map(judged),
  );
  const fault = (name: keyof PolicyCases, said: Judged | undefined, expected: string, isRight: boolean) =>
    isRight || said === undefined ? [] : [`${name}: observed ${heard(said)}, expected ${expected}`];
  return [
    ...fault("violates", violates, "a violation", (violates?.violations.length ?? 0) > 0),
    ...fault("passes", passes, "not a word", passes !== undefined && heard(passes) === SILENCE),
    ...fault("notApplicable", other, "the reason why it does not apply", other?.notApplicable !== undefined),
    ...fault(
      "unknown",
      open,
      "no violation, and advice that says what isn't known yet",
      open?.violations.length === 0 && open.advice.length > 0,
    ),
  ];
}

const SILENCE = "not a word";

function heard(said: Judged): string {
  if (said.notApplicable !== undefined) return `not applicable (${said.notApplicable})`;
  return textOf(said).trimEnd() || SILENCE;
}
