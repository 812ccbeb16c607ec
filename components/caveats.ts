import type { BenchmarkResults } from "./benchmarks.ts";

/** Results by name, as far as it is said of them what they are worth. */
type Judged = readonly (readonly [
  name: string,
  Pick<BenchmarkResults, "valid" | "functional" | "invalidReasons">,
])[];

/** What was in force on all machines that took part, as one text: the same where results are comparable. */
export function setUpOf({ inForce, othersInForce = {} }: BenchmarkResults): string {
  const others = Object.entries(othersInForce).sort(([one], [other]) => (one < other ? -1 : 1));
  return [inForce, ...others.flat()].join(" ");
}

/** The sentence that is due where some were taken on an emulated server. */
export function functionalCaveat(all: Judged, sentence: string): string[] {
  return all.some(([, { functional }]) => functional) ? [`functional: ${sentence}`] : [];
}

/** Which are not valid, and why, a sentence each. */
export function invalidCaveats(all: Judged): string[] {
  return all
    .filter(([, { valid }]) => !valid)
    .map(([name, { invalidReasons }]) => `${name} is not valid: ${invalidReasons.join("; ")}`);
}
