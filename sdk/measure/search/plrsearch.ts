import { InputError } from "../../units/errors.ts";
import { erfFit, stretchFit } from "./loss-fits.ts";
import { criticalLoadBy, type LogEstimate } from "./loss-posterior.ts";
import { lossRatio, type Search, searchBy, type Trial, type TrialResult } from "./search.ts";

export interface PlrSearch {
  readonly minLoadPps: number;
  readonly maxLoadPps: number;
  /** The loss ratio that the critical load has on average. Default: one frame in ten millions. */
  readonly lossRatio?: number;
  /** Length of the first trial. Default: 5000. */
  readonly firstTrialMs?: number;
  /** How much longer each trial is than the one before. Default: 100. */
  readonly longerMs?: number;
  /** The search ends when its trials come to this. */
  readonly atMostMs: number;
}

/** Of the critical load, after so many ms of trials. */
export interface CriticalEstimate {
  readonly elapsedMs: number;
  readonly averagePps: number;
  /** One standard deviation of what is known, which shrinks with the time of trials. */
  readonly stdevPps: number;
}

export interface CriticalLoad {
  /**
   * `regular`: between the limits. `at-maximum`: no trial lost as much as the wanted ratio, so that the critical load may be above the highest load. `below-minimum`: the estimate is the lowest load, so that the critical load may be below it.
   */
  readonly kind: "regular" | "at-maximum" | "below-minimum";
  readonly averagePps: number;
  readonly stdevPps: number;
  /** By each of the two curves of loss. What they differ by is in `stdevPps`. */
  readonly byFit: { readonly stretch: number; readonly erf: number };
  /** After each trial. */
  readonly trend: readonly CriticalEstimate[];
}

interface State {
  readonly elapsedMs: number;
  readonly trials: readonly TrialResult[];
  readonly fits: { readonly stretch: LogEstimate; readonly erf: LogEstimate } | undefined;
  readonly trend: readonly CriticalEstimate[];
  /** Trials in a row that lost less than the wanted ratio. */
  readonly lossless: number;
  /** Loads that lost the wanted ratio or more, the lowest first, each as often as it is to draw later loads upwards. */
  readonly lossy: readonly number[];
}

/** How often a load with loss is taken for each trial without that came before it in a row, and how many of the lowest are forgotten after one without. */
const FILLED = 4;
const DRAINED = 3;
/** Trials of which the next load is what came through in the last. */
const BY_RATE = 3;

/**
 * The critical load by PLRsearch (draft-vpolak-bmwg-plrsearch): the load that loses a wanted share of its frames on average over a very long time, of a device that now and then loses frames at any
 * load. Each trial is longer than the one before; by all trials together, and two curves that loss may follow, the load is estimated with its standard deviation, and tried next. It never ends by itself:
 * the longer it may take, the less it says wrong.
 *
 * @throws InputError `goal`, `loads`, `trial-ms`
 * @example
 * let search = plrSearch({ minLoadPps: 9_001, maxLoadPps: 14_880_952, atMostMs: 1_800_000 });
 * while (search.step.kind === "trial") search = search.tell(await measure(search.step.trial));
 */
export function plrSearch(config: PlrSearch): Search<CriticalLoad> {
  const { minLoadPps, maxLoadPps, atMostMs } = config;
  const { lossRatio: wanted = 1e-7, firstTrialMs = 5000, longerMs = 100 } = config;
  check({ ...config, lossRatio: wanted, firstTrialMs, longerMs });
  const question = { minLoadPps, maxLoadPps, lossRatio: wanted };
  const loadOf = (state: State): number => {
    const { trials, fits } = state;
    const last = trials.at(-1);
    if (last === undefined || fits === undefined) return (minLoadPps + maxLoadPps) / 2;
    if (trials.length === 1) return maxLoadPps;
    // Far above the critical load, what came through says more than any curve.
    if (trials.length <= BY_RATE) return (last.loadPps * (1 - lossRatio(last))) / (1 - wanted);
    return towardsLoss((Math.exp(fits.stretch.mean) + Math.exp(fits.erf.mean)) / 2, state);
  };
  return searchBy(
    {
      next(state): Trial | { verdict: CriticalLoad } {
        if (state.elapsedMs >= atMostMs && state.fits !== undefined)
          return { verdict: verdictOf(state, config, wanted) };
        return {
          loadPps: Math.min(maxLoadPps, Math.max(minLoadPps, loadOf(state))),
          durationMs: firstTrialMs + longerMs * state.trials.length,
        };
      },
      take(state, result): State {
        const trials = [...state.trials, result];
        const elapsedMs = state.elapsedMs + result.durationMs;
        const fits = {
          stretch: criticalLoadBy(stretchFit, trials, question),
          erf: criticalLoadBy(erfFit, trials, question),
        };
        const isLossy = lossRatio(result) >= wanted;
        const lossless = isLossy ? 0 : state.lossless + 1;
        return {
          ...{ elapsedMs, trials, fits, lossless },
          trend: [...state.trend, { elapsedMs, ...combined(fits) }],
          lossy: isLossy
            ? [...state.lossy, ...Array<number>(FILLED * (state.lossless + 1)).fill(result.loadPps)].sort(
                (one, other) => one - other,
              )
            : trials.length > BY_RATE && state.lossy.length > DRAINED
              ? state.lossy.slice(DRAINED)
              : state.lossy,
        };
      },
    },
    { elapsedMs: 0, trials: [], fits: undefined, trend: [], lossless: 0, lossy: [maxLoadPps] } as State,
  );
}

/** Trials that lose nothing say little: the more of them in a row, the nearer to the lowest load with loss is the next one. */
function towardsLoss(estimatePps: number, { lossless, lossy: [lowest] }: State): number {
  if (lossless === 0 || lowest === undefined || lowest <= estimatePps) return estimatePps;
  const weight = 2 ** (1 - lossless);
  return (lowest + weight * estimatePps) / (1 + weight);
}

/** Both curves are as likely; what they differ by is part of what is not known. */
function combined({ stretch, erf }: NonNullable<State["fits"]>) {
  const mean = (stretch.mean + erf.mean) / 2;
  const deviation = Math.sqrt((stretch.variance + erf.variance) / 2 + ((stretch.mean - erf.mean) / 2) ** 2);
  const [low, high] = [Math.exp(mean - deviation), Math.exp(mean + deviation)];
  return { averagePps: (low + high) / 2, stdevPps: (high - low) / 2 };
}

/** As near to the lowest load, nothing is known but that the critical load is not above it. */
const AT_MINIMUM = 1.01;

function verdictOf({ trials, fits, trend }: State, { minLoadPps }: PlrSearch, wanted: number): CriticalLoad {
  const { stretch, erf } = fits as NonNullable<State["fits"]>;
  const { averagePps, stdevPps } = combined({ stretch, erf });
  return {
    kind: !trials.some((trial) => lossRatio(trial) >= wanted)
      ? "at-maximum"
      : averagePps <= minLoadPps * AT_MINIMUM
        ? "below-minimum"
        : "regular",
    ...{ averagePps, stdevPps, trend },
    byFit: { stretch: Math.exp(stretch.mean), erf: Math.exp(erf.mean) },
  };
}

function check({
  minLoadPps,
  maxLoadPps,
  lossRatio: wanted,
  firstTrialMs,
  longerMs,
  atMostMs,
}: Required<PlrSearch>): void {
  if (!(wanted > 0 && wanted < 1))
    throw new InputError({
      code: "goal",
      property: "lossRatio",
      problem: "no load loses this share on average over a very long time",
      observed: String(wanted),
      expected: "above 0, below 1",
      hint: "what loses nothing at all is looked for by a throughput",
    });
  if (!(minLoadPps > 0 && maxLoadPps > minLoadPps && Number.isFinite(maxLoadPps)))
    throw new InputError({
      code: "loads",
      problem: "no range of loads",
      observed: `${minLoadPps} to ${maxLoadPps} frames/s`,
      expected: "0 < minLoadPps < maxLoadPps",
    });
  if (!(firstTrialMs >= 1 && longerMs >= 0 && atMostMs >= firstTrialMs && Number.isFinite(atMostMs)))
    throw new InputError({
      code: "trial-ms",
      problem: "no row of trials",
      observed: `from ${firstTrialMs} ms, each ${longerMs} ms longer, ${atMostMs} ms in all`,
      expected: "a first trial of 1 ms or more, and time for it",
    });
}
