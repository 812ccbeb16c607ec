import { InputError } from "../../units/errors.ts";
import { lossRatio, type Search, searchBy, type Trial, type TrialResult } from "./search.ts";

export interface BinarySearch {
  readonly minLoadPps: number;
  readonly maxLoadPps: number;
  /** RFC 2544 asks for at least a minute. Default: 60 000. */
  readonly trialMs?: number;
  /** Share of the frames that may be lost. Default: 0, which RFC 2544's throughput is. */
  readonly lossRatio?: number;
  /** Distance of the highest load that passed from the lowest that failed, as a share of the latter. Default: 0.005. */
  readonly width?: number;
}

export interface Throughput {
  /** `at-maximum`: the highest load passes. `below-minimum`: the lowest fails. */
  readonly kind: "regular" | "at-maximum" | "below-minimum";
  /** The highest load that passed two of at most three trials; null where none does. */
  readonly throughputPps: number | null;
  /** The lowest load that failed; null where none did. */
  readonly failedPps: number | null;
}

/** Trials that the throughput has to pass, and those that it may not. */
const [PASSES, FAILURES] = [2, 2];

/**
 * The throughput of RFC 2544 (section 26.1) by bisection, from the highest load down. A load that passed once may have been lucky: the one that is to be
 * the throughput has to pass two of three trials, and where it does not, the search goes on below it. What failed is never the result.
 *
 * @throws InputError `loads`
 */
export function binarySearch(config: BinarySearch): Search<Throughput> {
  const { minLoadPps, maxLoadPps, trialMs = 60_000, lossRatio: allowed = 0, width = 0.005 } = config;
  if (!(minLoadPps > 0 && maxLoadPps > minLoadPps && width > 0 && width < 1 && trialMs > 0)) {
    throw new InputError({
      code: "loads",
      problem: "no range of loads to search",
      observed: `${minLoadPps} to ${maxLoadPps} frames/s, width ${width}, trials of ${trialMs} ms`,
      expected: "0 < minLoadPps < maxLoadPps, a width between 0 and 1, trials longer than 0 ms",
    });
  }
  const passes = (result: TrialResult) => lossRatio(result) <= allowed;
  return searchBy<readonly TrialResult[], Throughput>(
    {
      take: (results, result) => [...results, result],
      next(results): Trial | { verdict: Throughput } {
        const trial = (loadPps: number) => ({ loadPps, durationMs: trialMs });
        if (results.length === 0) return trial(maxLoadPps);
        const { passed, failed } = bracketOf(results, passes);
        const floor = passed?.loadPps ?? minLoadPps;
        const isOver = failed === null || failed - floor <= width * failed;
        if (!isOver) return trial((floor + failed) / 2);
        if (passed === undefined)
          return failed === minLoadPps
            ? { verdict: { kind: "below-minimum", throughputPps: null, failedPps: failed } }
            : trial(minLoadPps);
        if (passed.passes < PASSES) return trial(passed.loadPps);
        const kind = failed === null ? "at-maximum" : "regular";
        return { verdict: { kind, throughputPps: passed.loadPps, failedPps: failed } };
      },
    },
    [],
  );
}

interface Bracket {
  /** The highest load that passed, below every one that failed. */
  readonly passed: { readonly loadPps: number; readonly passes: number } | undefined;
  readonly failed: number | null;
}

/** A load has failed with its first trial where that did, or with its second failure where it had passed. */
function bracketOf(results: readonly TrialResult[], passes: (result: TrialResult) => boolean): Bracket {
  const byLoad = new Map<number, boolean[]>();
  for (const result of results)
    byLoad.set(result.loadPps, [...(byLoad.get(result.loadPps) ?? []), passes(result)]);
  const ascending = [...byLoad].sort(([one], [other]) => one - other);
  const isFailed = (outcomes: readonly boolean[]) =>
    outcomes[0] === false || outcomes.filter((passed) => !passed).length >= FAILURES;
  const failed = ascending.find(([, outcomes]) => isFailed(outcomes))?.[0] ?? null;
  const below = ascending.filter(([load]) => failed === null || load < failed).at(-1);
  return {
    failed,
    passed: below && { loadPps: below[0], passes: below[1].filter(Boolean).length },
  };
}
