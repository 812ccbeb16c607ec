import type { Metric, ResultRecord } from "../schema/record.ts";
import { type Group, groupsOf } from "./change-points.ts";
import { conditionChanges, environmentChanges } from "./comparison.ts";

/** Fewer values are no series: noise alone divides a few of a hundred of four. */
export const FEWEST_IN_SERIES = 6;

/** A record that was not measured as the one before it. */
export interface Turn {
  readonly startedAt: string;
  /** Items of the fingerprint, a line each. */
  readonly environment: readonly string[];
  /** How it was measured, a line each. */
  readonly conditions: readonly string[];
}

/** Records in a row whose figure is about the same. */
export interface Level extends Pick<Group, "size" | "mean" | "deviation"> {
  /** Start of its first record. */
  readonly startedAt: string;
  /** Against the level before; undefined of the first. */
  readonly verdict: "better" | "worse" | undefined;
}

/** The medians of one metric from record to record. */
export interface MetricSeries extends Pick<Metric, "name" | "unit" | "direction"> {
  readonly values: number;
  /** Empty of fewer values than a series has. */
  readonly levels: readonly Level[];
}

export interface Series {
  /** Records that count, in the order of their start. */
  readonly records: readonly ResultRecord[];
  /** Records that are not valid. */
  readonly leftOut: readonly ResultRecord[];
  readonly turns: readonly Turn[];
  readonly metrics: readonly MetricSeries[];
}

/**
 * Records of one benchmark over time: where what was in force changed, and where their figures did, which `groupsOf` tells from noise. One that was read from two places counts once, one that is
 * not valid not at all.
 */
export function seriesOf(all: readonly ResultRecord[]): Series {
  const once = [...new Map(all.map((record) => [record.startedAt, record] as const)).values()];
  const ordered = once.sort((one, other) => (one.startedAt < other.startedAt ? -1 : 1));
  const records = ordered.filter(({ valid }) => valid);
  return {
    records,
    leftOut: ordered.filter(({ valid }) => !valid),
    turns: records.slice(1).flatMap((record, index) => turnAt(records[index] as ResultRecord, record)),
    metrics: metricsOf(records),
  };
}

function turnAt(before: ResultRecord, after: ResultRecord): Turn[] {
  const environment = environmentChanges(before, after);
  const conditions = conditionChanges(before, after);
  return environment.length + conditions.length === 0
    ? []
    : [{ startedAt: after.startedAt, environment, conditions }];
}

/** By name, unit and direction: what is measured in another unit is another series. */
function metricsOf(records: readonly ResultRecord[]): MetricSeries[] {
  const series = new Map<string, { metric: Metric; values: { startedAt: string; median: number }[] }>();
  for (const { startedAt, metrics } of records) {
    for (const metric of metrics) {
      const key = [metric.name, metric.unit, metric.direction].join(" ");
      const one = series.get(key) ?? { metric, values: [] };
      one.values.push({ startedAt, median: metric.median });
      series.set(key, one);
    }
  }
  return [...series.values()].map(({ metric: { name, unit, direction }, values }) => {
    const groups = values.length < FEWEST_IN_SERIES ? [] : groupsOf(values.map(({ median }) => median));
    return {
      ...{ name, unit, direction, values: values.length },
      levels: groups.map(({ from, size, mean, deviation, change }) => ({
        ...{ startedAt: values[from]?.startedAt ?? "", size, mean, deviation },
        verdict:
          change === "none"
            ? undefined
            : (change === "rise") === (direction === "higher")
              ? "better"
              : "worse",
      })),
    };
  });
}
