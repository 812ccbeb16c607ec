import hdr from "hdr-histogram-js";
import { type CpuFigures, type Metric, PERCENTILES, type Percentile } from "../schema/record.ts";
import { samplesToTell } from "../units/percentile.ts";
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
  /** Of which CPUs its samples are, where they are of some. */
  readonly cpus?: readonly CpuSamples[] | undefined;
}

/** What of a repetition is of one CPU. */
export interface CpuSamples {
  readonly cpu: number;
  readonly buckets: Repetition["buckets"];
  readonly overflow: number;
  readonly max: number;
}

/** A repetition of several CPUs, as one. */
export function ofCpus(cpus: readonly CpuSamples[]): Omit<Repetition, "expected"> {
  return {
    buckets: cpus.flatMap(({ buckets }) => buckets),
    overflow: sum(cpus.map(({ overflow }) => overflow)),
    max: Math.max(0, ...cpus.map(({ max }) => max)),
    cpus: cpus.map(({ cpu, buckets, overflow, max }) => ({ cpu, buckets, overflow, max })),
  };
}

/** A repetition of threads of a tool, each on a CPU of its own and in ns, as one. */
export function ofThreads(
  threads: readonly (Omit<CpuSamples, "max"> & { readonly maxNs: number })[],
): Omit<Repetition, "expected"> {
  return ofCpus(threads.map(({ maxNs, ...thread }) => ({ ...thread, max: maxNs })));
}

/** One value, as a repetition that took one sample. */
export function single(value: number): Repetition {
  return { buckets: [[value, 1]], overflow: 0, max: value, expected: 1 };
}

export interface MetricFacts {
  readonly name: string;
  readonly unit: Metric["unit"];
  readonly direction: Metric["direction"];
  /** The rarest percentile that it is to tell. */
  readonly percentile?: Percentile | undefined;
}

/** A histogram counts whole numbers: ratios are in billionths there. */
const RATIO_STEPS = 1e9;

/**
 * One metric from its repetitions. Histograms are merged and percentiles read from the whole, never averaged; a percentile is null where too few samples
 * support it, or where it lies among those beyond the range. The maximum is that of all repetitions. A repetition of which most lies beyond the range has its maximum in place of
 * its median, and a mean that nobody knows counts each of those as the maximum: neither is better than what was measured.
 */
export function metricOf(
  { name, unit, direction, percentile: asked }: MetricFacts,
  repetitions: readonly Repetition[],
): Metric {
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
    percentiles: percentilesOf(merged, overflow, max, scale),
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
    ...(asked !== undefined && { needed: samplesToTell(asked) }),
    ...perCpuOf(repetitions, scale),
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

function percentilesOf(
  histogram: hdr.Histogram,
  overflow: number,
  max: number,
  scale: number,
): Metric["percentiles"] {
  const samples = histogram.totalCount + overflow;
  return Object.fromEntries(
    PERCENTILES.map((percentile) => [
      percentile,
      samples < samplesToTell(percentile)
        ? null
        : (quantile(histogram, overflow, Number(percentile) / 100, max, scale) ?? null),
    ]),
  );
}

/** Each CPU by itself: of several the worst is lost among the others. */
function perCpuOf(
  repetitions: readonly Repetition[],
  scale: number,
): { readonly perCpu?: Record<string, CpuFigures> } {
  const all = repetitions.flatMap(({ cpus = [] }) => cpus);
  if (all.length === 0) return {};
  const numbers = [...new Set(all.map(({ cpu }) => cpu))].sort((one, other) => one - other);
  return {
    perCpu: Object.fromEntries(
      numbers.map((number) => {
        const { buckets, overflow, max } = ofCpus(all.filter(({ cpu }) => cpu === number));
        const histogram = histogramOf(buckets, scale);
        return [
          `${number}`,
          {
            samples: histogram.totalCount + overflow,
            min: buckets.reduce((least, [value]) => Math.min(least, value), max),
            max,
            percentiles: percentilesOf(histogram, overflow, max, scale),
          },
        ];
      }),
    ),
  };
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
