import type { FoundThroughput, ThroughputGoal } from "../schema/throughput.ts";
import { exactDuration } from "../units/duration.ts";
import { allOf, type Evidence } from "./evidence.ts";
import { metricOf, single } from "./metric.ts";
import { instabilityOf } from "./repetitions.ts";
import { binarySearch } from "./search/binary-search.ts";
import { type Goal, NDR, RFC2544 } from "./search/goal.ts";
import { mlrSearch } from "./search/mlrsearch.ts";
import { mapped, type Search } from "./search/search.ts";

export interface ThroughputWanted {
  readonly method: "mlrsearch" | "rfc2544";
  readonly goals: Readonly<Record<string, ThroughputGoal>>;
  /** Frames per second and direction. */
  readonly minLoadPps: number;
  readonly maxLoadPps: number;
  readonly warmUpMs: number;
  readonly atMostMs: number;
}

type FoundByGoal = Readonly<Record<string, FoundThroughput>>;

/** A search, and the goals that it is for. */
export interface ThroughputSearch {
  readonly goals: readonly string[];
  readonly search: Search<FoundByGoal>;
}

/**
 * The searches that find the throughput of every goal: one of them all by MLRsearch, one of each by RFC 2544.
 *
 * @throws InputError `goal`, `loads`
 */
export function throughputSearches(wanted: ThroughputWanted): readonly ThroughputSearch[] {
  const { method, minLoadPps, maxLoadPps, warmUpMs, atMostMs } = wanted;
  const loads = { minLoadPps, maxLoadPps };
  if (method === "mlrsearch") {
    const goals = Object.entries(wanted.goals).map(([name, goal]) => goalOf(name, goal));
    const initialTrialMs = Math.min(1000, ...goals.map(({ finalTrialMs }) => finalTrialMs));
    const search = mapped(mlrSearch({ goals, ...loads, warmUpMs, atMostMs, initialTrialMs }), (results) =>
      Object.fromEntries(
        results.map(({ goal, kind, lowerPps, upperPps, conditionalThroughputPps: throughputPps }) => [
          goal.name,
          { kind, throughputPps, lowerPps, upperPps },
        ]),
      ),
    );
    return [{ goals: goals.map(({ name }) => name), search }];
  }
  return Object.entries(wanted.goals).map(([name, { loss, trial, width = RFC2544.width }]) => {
    const trialMs = trial === undefined ? RFC2544.finalTrialMs : exactDuration(trial, "ms");
    const search = binarySearch({ ...loads, trialMs, lossRatio: loss, width });
    const found = mapped(search, ({ kind, throughputPps, failedPps: upperPps }) => ({
      [name]: { kind, throughputPps, lowerPps: throughputPps, upperPps },
    }));
    return { goals: [name], search: found };
  });
}

function goalOf(name: string, { loss, trial, sum, exceed, width }: ThroughputGoal): Goal {
  const finalTrialMs = trial === undefined ? NDR.finalTrialMs : exactDuration(trial, "ms");
  return {
    name,
    lossRatio: loss,
    finalTrialMs,
    durationSumMs: sum === undefined ? Math.max(NDR.durationSumMs, finalTrialMs) : exactDuration(sum, "ms"),
    exceedRatio: exceed ?? NDR.exceedRatio,
    width: width ?? NDR.width,
  };
}

/** What came of the searches of one frame size; a search that gave up has its reason in place of a result. */
export type SearchOutcome = Readonly<Record<string, FoundThroughput | string>>;

/**
 * Throughput by goal over all repetitions, with its bounds as metrics of their own, so that either can be gated. A goal without both bounds is a fault; one
 * that even the highest load meets is not.
 *
 * @param frame `64`, `imix`
 */
export function throughputEvidence(frame: string, repetitions: readonly SearchOutcome[]): Evidence {
  const goals = [...new Set(repetitions.flatMap((outcome) => Object.keys(outcome)))];
  const each = goals.map((goal) => {
    const outcomes = repetitions.flatMap((outcome) => outcome[goal] ?? []);
    const found = outcomes.filter((outcome) => typeof outcome !== "string");
    const title = `${frame} ${goal}`;
    const metric = (role: string, values: readonly (number | null)[]) => {
      const known = values.flatMap((value) => (value === null ? [] : [single(Math.round(value))]));
      const name = `throughput.${frame}.${goal}${role}`;
      return known.length === 0 ? [] : [metricOf({ name, unit: "pps", direction: "higher" }, known)];
    };
    const throughputs = found.map(({ throughputPps }) => throughputPps);
    const unstable = instabilityOf(throughputs.map((value) => value ?? 0));
    return {
      metrics: [
        ...metric("", throughputs),
        ...metric(
          ".lower",
          found.map(({ lowerPps }) => lowerPps),
        ),
        ...metric(
          ".upper",
          found.map(({ upperPps }) => upperPps),
        ),
      ],
      faults: [
        ...outcomes.filter((outcome) => typeof outcome === "string").map((reason) => `${title}: ${reason}`),
        ...found.flatMap((one) => shortcoming(title, one)),
      ],
      remarks: [
        ...(found.some(({ kind }) => kind === "at-maximum")
          ? [`${title}: the highest load meets the goal, so that the throughput may be higher`]
          : []),
        ...(unstable === undefined ? [] : [`${title}: ${unstable}`]),
      ],
    };
  });
  return allOf(each);
}

/** Of several repetitions the one with the least throughput, by goal. */
export function leastOf(repetitions: readonly SearchOutcome[]): Record<string, FoundThroughput> {
  const least: Record<string, FoundThroughput> = {};
  for (const [goal, found] of repetitions.flatMap((outcome) => Object.entries(outcome))) {
    if (typeof found === "string") continue;
    const known = least[goal];
    if (known === undefined || (found.throughputPps ?? 0) < (known.throughputPps ?? 0)) least[goal] = found;
  }
  return least;
}

function shortcoming(title: string, { kind, lowerPps, upperPps }: FoundThroughput): string[] {
  const pps = (value: number | null) => (value === null ? "nothing" : `${Math.round(value)} frames/s`);
  if (kind === "below-minimum")
    return [`${title}: even the lowest load, ${pps(upperPps)}, does not meet the goal`];
  return kind === "open"
    ? [
        `${title}: the time was over before both bounds stood, ${pps(lowerPps)} meets the goal and ${pps(upperPps)} does not`,
      ]
    : [];
}
