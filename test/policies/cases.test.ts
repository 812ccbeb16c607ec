import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import { type Case, faultsOf, judge, type PolicyCases, textOf } from "../../policies/testing.ts";
import { cases } from "./cases.ts";

const policies = [...intent, ...evidence];
const goldenOf = (name: string) => join(import.meta.dirname, "../golden/policies/cases", `${name}.txt`);

describe("cases of policies", () => {
  it("are there for each policy, with a golden text, and for nothing else", () => {
    expect(Object.keys(cases).sort()).toEqual(policies.map(({ name }) => name).sort());
    for (const { name } of policies) {
      const four: readonly (keyof PolicyCases)[] = ["violates", "passes", "notApplicable", "unknown"];
      for (const each of four) expect(cases[name]?.[each], `${name} has no case ${each}`).toBeDefined();
      expect(existsSync(goldenOf(name)), `${goldenOf(name)} is missing`).toBe(true);
    }
  });
});

describe.each(policies.map((policy) => [policy.name, policy] as const))("%s", (name, policy) => {
  const of = cases[name] as PolicyCases;
  const judged = ({ stack, config }: Case) => judge(policy, stack, config);

  it("refuses, passes, does not apply, and says what it can't judge yet", async () => {
    expect(await faultsOf(policy, of)).toEqual([]);
  });

  it("says so in full sentences", async () => {
    const [violates, unknown, other] = await Promise.all(
      [of.violates, of.unknown, of.notApplicable].map(judged),
    );
    const text = `${violates && textOf(violates)}${unknown && textOf(unknown)}[not applicable] ${other?.notApplicable}\n`;
    await expect(text).toMatchFileSnapshot(goldenOf(name));
  });
});
