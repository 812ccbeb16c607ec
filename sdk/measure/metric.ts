import hdr from "hdr-histogram-js";
import { type Metric, PERCENTILES } from "../schema/record.ts";
import { medianInterval, medianOf } from "./median.ts";
import { quantileRanks } from "./quantile.ts";

/** One repetition of a measurement. */
export interface Repetition {
  /** Counts by value, in the metric's unit. */
  readonly buckets: readonly (readonly [value: number, count: number])[];
  /** Samples known to lie beyond what was recorded. */
  readonly overflow: number;
  /** Largest sample, which a tool may know even where it is beyond the range. */
  readonly max: number;
  /** Mean of all samples, where a tool knows it even of those beyond the range. */
  readonly mean?: number | undefined;
  /** Samples that the schedule asked for. */
  readonly expected: number;
}

/** One value, as a repetition that took one sample. */
export function single(value: number): Repetition {
  return { buckets: [[value, 1]], overflow: 0, max: value, expected: 1 };
}

export interface MetricFacts {
  readonly name: string;
  readonly unit: Metric["unit"];
  readonly direction: Metric["direction"];
}

/** A histogram counts whole numbers: ratios are in billionths there. */
const RATIO_STEPS = 1e9;

/** Samples that one in a thousand and rarer values need to be more than an accident: ten of them. */
const SAMPLES_BEYOND = 10;

/**
 * One metric from its repetitions. Histograms are merged and percentiles read from the whole, never averaged; a percentile is null where too few samples
 * support it, or where it lies among those beyond the range. The maximum is that of all repetitions. A repetition of which most lies beyond the range has its maximum in place of
 * its median, and a mean that nobody knows counts each of those as the maximum: neither is better than what was measured.
 */
export function metricOf({ name, unit, direction }: MetricFacts, repetitions: readonly Repetition[]): Metric {
  const scale = unit === "ratio" ? RATIO_STEPS : 1;
  const merged = histogramOf(
    repetitions.flatMap(({ buckets }) => buckets),
    scale,
  );
  const overflow = sum(repetitions.map((repetition) => repetition.overflow));
  const samples = merged.totalCount + overflow;
  const each = repetitions.map((repetition) => {
    const histogram = histogramOf(repetition.buckets, scale);
    return {
      samples: histogram.totalCount + repetition.overflow,
      min: repetition.buckets.reduce((least, [value]) => Math.min(least, value), repetition.max),
      median: quantile(histogram, repetition.overflow, 0.5, repetition.max, scale) ?? repetition.max,
      max: repetition.max,
    };
  });
  const medians = each.map(({ median }) => median);
  const max = each.reduce((most, repetition) => Math.max(most, repetition.max), 0);
  return {
    name,
    unit,
    direction,
    samples,
    min: each.reduce((least, { min }) => Math.min(least, min), max),
    mean: meanOf(repetitions),
    max,
    percentiles: Object.fromEntries(
      PERCENTILES.map((percentile) => [
        percentile,
        percentileOf(merged, overflow, max, Number(percentile), scale),
      ]),
    ),
    percentileIntervals: Object.fromEntries(
      PERCENTILES.flatMap((percentile) => {
        const interval = intervalOf(merged, samples, max, Number(percentile), scale);
        return interval === undefined ? [] : [[percentile, interval] as const];
      }),
    ),
    histogram: hdr.encodeIntoCompressedBase64(merged),
    overflow,
    missing: sum(
      repetitions.map(({ expected }, index) => Math.max(0, expected - (each[index]?.samples ?? 0))),
    ),
    repetitions: each,
    median: medianOf(medians),
    interval95: medianInterval(medians),
  };
}

/** A metric of which each repetition has one value. */
export function metricOfValues(facts: MetricFacts, values: readonly number[]): Metric {
  return metricOf(
    facts,
    values.map((value) => ({ buckets: [[value, 1] as const], overflow: 0, max: value, expected: 1 })),
  );
}

function percentileOf(
  histogram: hdr.Histogram,
  overflow: number,
  max: number,
  percentile: number,
  scale: number,
): number | null {
  const samples = histogram.totalCount + overflow;
  // 10 / (1 - p), in whole numbers so that 99.9 needs 10 000 and not 10 000.000000002.
  const needed =
    percentile === 50 ? 1 : Math.round((SAMPLES_BEYOND * 100 * 1000) / Math.round((100 - percentile) * 1000));
  return samples < needed ? null : (quantile(histogram, overflow, percentile / 100, max, scale) ?? null);
}

/** Undefined where it lies among the samples beyond the range. */
function quantile(
  histogram: hdr.Histogram,
  overflow: number,
  share: number,
  max: number,
  scale: number,
): number | undefined {
  const recorded = histogram.totalCount;
  const rank = share * (recorded + overflow);
  return recorded === 0 || rank > recorded
    ? undefined
    : valueAt(histogram, (100 * rank) / recorded, max, scale);
}

/** Samples beyond the range have ranks above all others, and no value. */
function intervalOf(
  histogram: hdr.Histogram,
  samples: number,
  max: number,
  percentile: number,
  scale: number,
): { readonly low: number; readonly high: number } | undefined {
  const { low, high } = quantileRanks(samples, percentile / 100);
  const recorded = histogram.totalCount;
  if (low === undefined || high === undefined || high > recorded) return undefined;
  const at = (rank: number) => valueAt(histogram, (100 * rank) / recorded, max, scale);
  return { low: at(low), high: at(high) };
}

/** The highest value that the histogram can't tell from the one at this percentile may lie above all that were measured. */
function valueAt(histogram: hdr.Histogram, percentile: number, max: number, scale: number): number {
  return Math.min(histogram.getValueAtPercentile(percentile) / scale, max);
}

/** Of the values themselves: the histogram has three digits of them. */
function meanOf(repetitions: readonly Repetition[]): number {
  const each = repetitions.map(({ buckets, overflow, max, mean }) => {
    const samples = sum(buckets.map(([, count]) => count)) + overflow;
    const known = sum(buckets.map(([value, count]) => value * count)) + overflow * max;
    return { samples, total: overflow > 0 && mean !== undefined ? mean * samples : known };
  });
  const samples = sum(each.map((repetition) => repetition.samples));
  return samples === 0 ? 0 : sum(each.map(({ total }) => total)) / samples;
}

function histogramOf(buckets: readonly (readonly [number, number])[], scale: number): hdr.Histogram {
  const histogram = hdr.build({
    bitBucketSize: 64,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
  for (const [value, count] of buckets) histogram.recordValueWithCount(Math.round(value * scale), count);
  return histogram;
}

/** Values of a record's histogram at these percentiles, for drawing its curve. */
export function curveOf(
  histogram: string,
  percentiles: readonly number[],
): (readonly [percentile: number, value: number])[] {
  const decoded = hdr.decodeFromCompressedBase64(histogram);
  return percentiles.map((percentile) => [percentile, decoded.getValueAtPercentile(percentile)]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
