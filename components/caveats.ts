import type { BenchmarkResults } from "./benchmarks.ts";

/** Results by name, as far as it is said of them what they are worth. */
type Judged = readonly (readonly [
  name: string,
  Pick<BenchmarkResults, "valid" | "functional" | "invalidReasons">,
])[];

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
