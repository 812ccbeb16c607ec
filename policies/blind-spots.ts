import type { StackValidationPolicy } from "@pulumi/policy";
import { type Case, type Declared, judge, unknown } from "./judging.ts";

type Place = readonly (string | number)[];

/**
 * Takes each value of a stack away in turn, as a preview that doesn't know it, and returns where the policy then accuses somebody, or neither finds what it
 * found before nor says that it can't judge. Empty for a policy that meets unknown values on purpose.
 *
 * @example
 * expect(await blindSpotsOf(enoughPages, cases.violates)).toEqual([]);
 */
export async function blindSpotsOf(
  policy: StackValidationPolicy,
  { stack, config }: Case,
): Promise<string[]> {
  const seeing = await judge(policy, stack, config);
  const spots: string[] = [];
  for (const [index, resource] of stack.entries()) {
    for (const place of placesIn(resource.props).filter((each) => isTakenWhole(resource.type, each))) {
      const { violations, advice } = await judge(policy, blinded(stack, index, place), config);
      const at = `${resource.name}: ${place.join(".")}`;
      if (violations.length > seeing.violations.length) spots.push(`${at} accuses: ${violations.at(-1)}`);
      if (violations.length < seeing.violations.length && advice.length === 0)
        spots.push(`${at} is passed over`);
    }
  }
  return spots;
}

/** Every place of a value, those of objects and lists among them. */
function placesIn(value: unknown, place: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [place];
  const inner = Object.keys(value).flatMap((key) =>
    placesIn((value as Readonly<Record<string, unknown>>)[key], [...place, key]),
  );
  return place.length === 0 ? inner : [place, ...inner];
}

function blinded(stack: readonly Declared[], index: number, place: Place): Declared[] {
  return stack.map((resource, at) => {
    if (at !== index) return resource;
    const copy = structuredClone(resource);
    let holder = copy.props as Record<string | number, unknown>;
    for (const step of place.slice(0, -1)) holder = holder[step] as typeof holder;
    holder[place.at(-1) as string] = unknown;
    return copy;
  });
}

/** Facts and records are taken all at once: no more than a whole part of them is unknown. */
function isTakenWhole(type: string, place: Place): boolean {
  return place.length === 1 || (type !== "nfvlab:host:Facts" && place[0] !== "record");
}
