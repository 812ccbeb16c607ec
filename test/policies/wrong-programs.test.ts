import { describe, expect, it } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import { type Declared, judge } from "../../policies/testing.ts";
import type { WrongProgram } from "./wrong-program.ts";
import { wrongPrograms } from "./wrong-programs.ts";

const policies = [...intent, ...evidence];

/** What all policies together say of a program, by policy. */
async function found(stack: readonly Declared[], config: WrongProgram["config"] = {}) {
  const violations: Record<string, readonly string[]> = {};
  const advice: Record<string, readonly string[]> = {};
  for (const policy of policies) {
    const said = await judge(policy, stack, config[policy.name]);
    if (said.violations.length > 0) violations[policy.name] = said.violations;
    if (said.advice.length > 0) advice[policy.name] = said.advice;
  }
  return { violations, advice };
}

describe("a program with one mistake", () => {
  it.each(wrongPrograms.map((program) => [program.mistake, program.policy, program] as const))(
    "%s is refused by %s and by no other",
    async (_, policy, { wrong, config }) => {
      const { violations } = await found(wrong, config);
      expect(Object.keys(violations), JSON.stringify(violations, undefined, 2)).toEqual([policy]);
    },
  );

  it.each(wrongPrograms.map((program) => [program.mistake, program] as const))(
    "passes without a finding once it is mended: %s",
    async (_, { right, config }) => {
      expect(await found(right, config)).toEqual({ violations: {}, advice: {} });
    },
  );

  it("is one of many, and no policy refuses none", () => {
    expect(new Set(wrongPrograms.map(({ mistake }) => mistake)).size).toBe(wrongPrograms.length);
    expect(new Set(wrongPrograms.map(({ policy }) => policy))).toEqual(
      new Set(policies.map(({ name }) => name)),
    );
  });
});
