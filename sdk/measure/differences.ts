import type { Fingerprint } from "../schema/record.ts";

/**
 * What differs between two fingerprints, a line each, for the reasons of a record that is not valid.
 *
 * @example differencesOf(before, after); // ["settings./sys/kernel/mm/ksm/run: 0, then 1"]
 */
export function differencesOf(before: Fingerprint, after: Fingerprint): string[] {
  const { guests: one, ...rest } = before;
  const { guests: other, ...restAfter } = after;
  const guests = namesOf(one, other).flatMap((name) => guestDifferences(name, one[name], other[name]));
  return [...between(leavesOf(rest), leavesOf(restAfter)).filter(([path]) => path !== "hash"), ...guests]
    .sort(byPath)
    .map(([path, what]) => `${path}: ${what}`);
}

export function byPath([one]: Difference, [other]: Difference): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

type Leaves = Readonly<Record<string, string>>;
type Guest = Fingerprint["guests"][string];
type Difference = readonly [path: string, what: string];

function guestDifferences(name: string, one: Guest | undefined, other: Guest | undefined): Difference[] {
  const path = `guests.${name}`;
  if (typeof one === "object" && typeof other === "object") {
    return between(one, other).map(([knob, what]) => [`${path}.${knob}`, what]);
  }
  if (one === other) return [];
  if (one === undefined || other === undefined || typeof one === typeof other) {
    return [[path, `${spoken(one)}, then ${spoken(other)}`]];
  }
  const [from, to] = [one, other].map((guest) =>
    typeof guest === "string" ? `known by its hash alone (${guest})` : "knob by knob",
  );
  return [[path, `${from}, then ${to}: whether it is the same can't be told`]];
}

function spoken(guest: Guest | undefined): string {
  if (guest === undefined) return "not there";
  return typeof guest === "string" ? guest : "there";
}

/** Leaves that are not the same, in the order of the first. */
export function between(one: Leaves, other: Leaves, absent = "not there"): Difference[] {
  return namesOf(one, other)
    .filter((path) => one[path] !== other[path])
    .map((path) => [path, `${one[path] ?? absent}, then ${other[path] ?? absent}`]);
}

function namesOf(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

function leavesOf(fingerprint: Omit<Fingerprint, "guests">): Leaves {
  return Object.fromEntries(
    Object.entries(fingerprint).flatMap(([name, value]) =>
      typeof value === "object" && value !== null
        ? Object.entries(value).map(([key, leaf]) => [`${name}.${key}`, String(leaf)] as const)
        : [[name, String(value)] as const],
    ),
  );
}
