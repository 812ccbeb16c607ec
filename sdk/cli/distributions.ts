import { binsOf } from "../measure/bins.ts";
import { curveOf } from "../measure/metric.ts";
import type { ReportedFigure, ReportedMetric } from "../report/experiment.ts";
import type { Metric } from "../schema/record.ts";

/** Percentiles of a curve: evenly by how rare they are, twenty for each nine up to one in a million, and those that people ask for. */
const CURVE = [
  ...new Set([
    ...[0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 99.999, 99.9999],
    ...Array.from({ length: 6 * 20 + 1 }, (_, step) => Number((100 * (1 - 10 ** (-step / 20))).toFixed(5))),
  ]),
].sort((one, other) => one - other);

/** Whether a metric is times of which each repetition has many; of all others each repetition has one value. */
export function isDistribution({ unit, samples, repetitions }: Metric): boolean {
  return unit === "ns" && samples > repetitions.length;
}

/** A metric without its histogram. */
export function figureOf({ name, unit, median, min, max, interval95, repetitions }: Metric): ReportedFigure {
  return { name, unit, median, min, max, interval: interval95, each: repetitions.map((each) => each.median) };
}

/** A metric with its histogram, for drawing. */
export function distributionOf(metric: Metric): ReportedMetric {
  return {
    name: metric.name,
    samples: metric.samples,
    missing: metric.missing,
    overflow: metric.overflow,
    minNs: metric.min,
    maxNs: metric.max,
    medianNs: metric.median,
    interval: {
      lowNs: metric.interval95.low,
      highNs: metric.interval95.high,
      method: metric.interval95.method,
    },
    percentiles: listed(metric.percentiles),
    curve: curve(metric),
    bins: binsOf(metric.histogram),
    ...cpusOf(metric),
  };
}

/** Of one CPU all is told by the metric itself. */
function cpusOf({ perCpu = {} }: Metric): Pick<ReportedMetric, "cpus"> {
  const cpus = Object.entries(perCpu).map(([cpu, { samples, min, max, percentiles }]) => ({
    ...{ cpu, samples, minNs: min, maxNs: max },
    percentiles: listed(percentiles),
  }));
  return cpus.length < 2 ? {} : { cpus };
}

function listed(percentiles: Metric["percentiles"]): ReportedMetric["percentiles"] {
  return Object.entries(percentiles).map(([percentile, ns]) => [percentile, ns ?? null] as const);
}

/** Up to the rarest sample, and up to where the histogram knows: percentiles are of all samples, the histogram lacks those beyond its range. */
function curve({ samples, overflow, histogram }: Metric): (readonly [number, number])[] {
  const recorded = samples - overflow;
  if (recorded <= 0) return [];
  const known = CURVE.filter(
    (percentile) => samples * (1 - percentile / 100) >= 1 && (percentile / 100) * samples <= recorded,
  );
  const values = curveOf(
    histogram,
    known.map((percentile) => Math.min(100, (percentile * samples) / recorded)),
  );
  return known.flatMap((percentile, index) => {
    const [, ns] = values[index] ?? [];
    return ns === undefined ? [] : [[percentile, ns] as const];
  });
}
