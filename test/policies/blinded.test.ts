import { describe, expect, it } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import type { Case } from "./case.ts";
import { cases } from "./cases.ts";
import { type Declared, judge, unknown } from "./harness.ts";

type Path = readonly (string | number)[];

/** Every place of a value, those of objects and lists among them. */
function placesIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.keys(value).flatMap((key) =>
    placesIn((value as Readonly<Record<string, unknown>>)[key], [...path, key]),
  );
  return path.length === 0 ? inner : [path, ...inner];
}

function blinded(stack: readonly Declared[], index: number, path: Path): Declared[] {
  return stack.map((resource, at) => {
    if (at !== index) return resource;
    const copy = structuredClone(resource);
    let holder = copy.props as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) holder = holder[step] as typeof holder;
    holder[path.at(-1) as string] = unknown;
    return copy;
  });
}

/** Facts and records are taken all at once: no more than a whole part of them is unknown. */
function isWhole(type: string, path: Path): boolean {
  return path.length === 1 || (type !== "nfvlab:host:Facts" && path[0] !== "record");
}

/** What a policy neither finds nor says any more, once a value isn't known. */
async function silenced(name: string, { stack, config }: Case): Promise<string[]> {
  const policy = [...intent, ...evidence].find((each) => each.name === name);
  if (policy === undefined) throw new Error(`no policy ${name}`);
  const seeing = await judge(policy, stack, config);
  const wrong: string[] = [];
  for (const [index, resource] of stack.entries()) {
    for (const path of placesIn(resource.props).filter((each) => isWhole(resource.type, each))) {
      const { violations, advice } = await judge(policy, blinded(stack, index, path), config);
      const place = `${resource.name}: ${path.join(".")}`;
      if (violations.length > seeing.violations.length) wrong.push(`${place} accuses: ${violations.at(-1)}`);
      if (violations.length < seeing.violations.length && advice.length === 0)
        wrong.push(`${place} is passed over`);
    }
  }
  return wrong;
}

describe("a policy that can't see one value of a program that it refuses", () => {
  it.each(Object.entries(cases))(
    "%s accuses nobody else, and never falls silent",
    async (name, { violates }) => {
      expect(await silenced(name, violates)).toEqual([]);
    },
  );

  it.each(Object.entries(cases))("%s accuses nobody of a program that is right", async (name, { passes }) => {
    expect(await silenced(name, passes)).toEqual([]);
  });
});
