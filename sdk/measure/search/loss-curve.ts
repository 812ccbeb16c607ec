import { InputError } from "../../units/errors.ts";
import { lossRatio, type Search, searchBy, type Trial, type TrialResult } from "./search.ts";

export interface LossCurve {
  readonly maxLoadPps: number;
  /** Distance of the loads, as a share of the highest: at most 0.1, which RFC 2544 allows. Default: 0.1. */
  readonly step?: number;
  /** Default: 60 000. */
  readonly trialMs?: number;
}

export interface LossPoint {
  readonly loadPps: number;
  readonly lossRatio: number;
}

/** Loads in a row without loss that end the curve. */
const CLEAN_IN_A_ROW = 2;

/**
 * Frame loss rate of RFC 2544 (section 26.3): from the highest load down in equal steps, until two loads in a row lose nothing.
 *
 * @throws InputError `loads`
 */
export function lossCurve({
  maxLoadPps,
  step = 0.1,
  trialMs = 60_000,
}: LossCurve): Search<readonly LossPoint[]> {
  if (!(maxLoadPps > 0 && step > 0 && step <= 0.1 && trialMs > 0)) {
    throw new InputError({
      code: "loads",
      problem: "no curve of frame loss",
      observed: `up to ${maxLoadPps} frames/s in steps of ${step}, trials of ${trialMs} ms`,
      expected: "a load above 0, steps of at most 0.1, trials longer than 0 ms",
    });
  }
  return searchBy<readonly TrialResult[], readonly LossPoint[]>(
    {
      take: (results, result) => [...results, result],
      next(results): Trial | { verdict: readonly LossPoint[] } {
        const points = results.map((result) => ({ loadPps: result.loadPps, lossRatio: lossRatio(result) }));
        const last = points.slice(-CLEAN_IN_A_ROW);
        const isClean = last.length === CLEAN_IN_A_ROW && last.every((point) => point.lossRatio === 0);
        const share = 1 - results.length * step;
        // The last step may miss zero by what a float is short of.
        return isClean || share < 1e-9
          ? { verdict: points }
          : { loadPps: maxLoadPps * share, durationMs: trialMs };
      },
    },
    [],
  );
}
