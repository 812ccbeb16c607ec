import { describe, expect, it } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import { blindSpotsOf, type Case } from "../../policies/testing.ts";
import { cases } from "./cases.ts";

const policies = [...intent, ...evidence];

function spots(name: string, of: Case): Promise<string[]> {
  const policy = policies.find((each) => each.name === name);
  if (policy === undefined) throw new Error(`no policy ${name}`);
  return blindSpotsOf(policy, of);
}

describe("a policy that can't see one value of a program that it refuses", () => {
  it.each(Object.entries(cases))(
    "%s accuses nobody else, and never falls silent",
    async (name, { violates }) => {
      expect(await spots(name, violates)).toEqual([]);
    },
  );

  it.each(Object.entries(cases))("%s accuses nobody of a program that is right", async (name, { passes }) => {
    expect(await spots(name, passes)).toEqual([]);
  });
});
