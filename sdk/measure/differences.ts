import type { Fingerprint } from "../schema/record.ts";

/**
 * What differs between two fingerprints, a line each, for the reasons of a record that is not valid.
 *
 * @example differencesOf(before, after); // ["settings./sys/kernel/mm/ksm/run: 0, then 1"]
 */
export function differencesOf(before: Fingerprint, after: Fingerprint): string[] {
  const [one, other] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => path !== "hash" && one.get(path) !== other.get(path))
    .sort()
    .map((path) => `${path}: ${one.get(path) ?? "not there"}, then ${other.get(path) ?? "not there"}`);
}

function leavesOf(fingerprint: Fingerprint): Map<string, string> {
  return new Map(
    Object.entries(fingerprint).flatMap(([name, value]) =>
      typeof value === "object" && value !== null
        ? Object.entries(value).map(([key, leaf]) => [`${name}.${key}`, String(leaf)] as const)
        : [[name, String(value)] as const],
    ),
  );
}
