import type { PolicyResource } from "@pulumi/policy";
import { coefficientOfVariation } from "../sdk/measure/repetitions.ts";
import { formatNanoseconds } from "../sdk/units/duration.ts";
import { samplesToSupport } from "../sdk/units/percentile.ts";
import type { ConfigProperty } from "./config-schema.ts";
import { isNull, keys, number, text } from "./property.ts";
import type { MetricAt } from "./records.ts";

export const STATISTICS = [
  "min",
  "mean",
  "50",
  "90",
  "99",
  "99.9",
  "99.99",
  "99.999",
  "99.9999",
  "max",
  "median",
  "spread",
] as const;
export type Statistic = (typeof STATISTICS)[number];

/** What a metric may be. One of `maxNs`, `max`, `min` and `against` at least. */
export interface Budget {
  readonly metric: string;
  /** A percentile, or another figure of the metric: `median` is that of its repetitions' medians, `spread` their standard deviation by their mean. */
  readonly percentile: Statistic;
  /** Greatest value allowed of a latency, ns. */
  readonly maxNs?: number;
  /** Greatest value allowed, in the metric's unit. */
  readonly max?: number;
  /** Least value allowed, in the metric's unit. */
  readonly min?: number;
  /** Another value that it is held against: its share of that is bounded. */
  readonly against?: Against;
  /** Fewest samples that count as evidence. */
  readonly minSamples?: number;
  /** Fewest repetitions that count as evidence. */
  readonly minRepetitions?: number;
  /** Every measured CPU keeps the bounds by itself: of several the slowest is lost among the others. Of percentiles, `min` and `max`. */
  readonly eachCpu?: boolean;
  /** Only records with this load beside them; `none` for those without, `any` for those with one. Default: all. */
  readonly beside?: string;
  /** Only benchmarks of this name; `*` for any characters. Default: all. */
  readonly benchmark?: string;
  /** Says what exceeds it as advice: a value of practice that nobody has calibrated yet. */
  readonly advise?: boolean;
}

/** A baseline: a record of this stack, or a stored value with what was in force. */
export interface Against {
  /** Benchmark of this stack whose record is the baseline; `*` for any characters. */
  readonly benchmark?: string;
  /** Load beside the baseline; `none` for a record without. */
  readonly beside?: string;
  /** A stored value, in the metric's unit. */
  readonly value?: number;
  /** `fingerprint.hash` of the stored value. */
  readonly inForce?: string;
  /** `others.*.hash` of the stored value, by what each machine was: `systemUnderTest`. */
  readonly othersInForce?: Readonly<Record<string, string>>;
  readonly maxRatio?: number;
  readonly minRatio?: number;
}

const positive = { type: "number", exclusiveMinimum: 0 } as const;
const count = { type: "integer", minimum: 1 } as const;
const name = { type: "string", minLength: 1 } as const;

export const budgetsSchema: ConfigProperty = {
  type: "array",
  description: "What each metric may be.",
  items: {
    type: "object",
    properties: {
      metric: { ...name, description: "Name in the record: guest.timer.latency." },
      percentile: { type: "string", enum: [...STATISTICS] },
      maxNs: { ...positive, description: "Greatest value allowed of a latency, ns." },
      max: { type: "number", minimum: 0, description: "Greatest value allowed, in the metric's unit." },
      min: { type: "number", minimum: 0, description: "Least value allowed, in the metric's unit." },
      against: {
        type: "object",
        description: "A baseline: a benchmark of this stack, or a stored value with its fingerprint.",
        properties: {
          benchmark: name,
          beside: name,
          value: positive,
          inForce: name,
          othersInForce: { type: "object", additionalProperties: name },
          maxRatio: positive,
          minRatio: positive,
        },
        additionalProperties: false,
      },
      minSamples: { ...count, description: "Fewest samples that count as evidence." },
      minRepetitions: { ...count, description: "Fewest repetitions that count as evidence." },
      eachCpu: {
        type: "boolean",
        description: "Every measured CPU keeps the bounds by itself; of percentiles, min and max.",
      },
      beside: {
        ...name,
        description:
          "Only records with this load beside them; none for those without, any for those with one.",
      },
      benchmark: { ...name, description: "Only benchmarks of this name; * for any." },
      advise: { type: "boolean", description: "Says what exceeds it as advice." },
    },
    required: ["metric", "percentile"],
    additionalProperties: false,
  },
};

/** Why a budget bounds nothing; undefined where it does. */
export function idleBudget({ maxNs, max, min, against, eachCpu, percentile }: Budget): string | undefined {
  if (eachCpu === true && ["mean", "median", "spread"].includes(percentile))
    return `eachCpu: observed ${percentile}, expected a percentile, min or max`;
  if (against === undefined)
    return [maxNs, max, min].some((bound) => bound !== undefined)
      ? undefined
      : "observed no bound, expected maxNs, max, min or against";
  return against.maxRatio === undefined && against.minRatio === undefined
    ? "against: observed no ratio, expected maxRatio or minRatio"
    : undefined;
}

/** A figure of a record, or a sentence that says why there is none. */
export type Figure =
  | { readonly value: number; readonly low: number; readonly high: number }
  | { readonly missing: string };

/**
 * Reads a figure with the bounds of its interval, where it has one.
 *
 * @param limit what is allowed, for the sentence
 */
export function figureOf(
  benchmark: PolicyResource,
  { name, index }: MetricAt,
  budget: Budget,
  limit: string,
): Figure {
  const of = (...path: string[]) => number(benchmark, "record", "metrics", index, ...path);
  const { percentile, minSamples = 1, minRepetitions = 1 } = budget;
  const label = labelOf(percentile);
  const more = "raise duration or repetitions of the benchmark";
  const samples = of("samples");
  const counted = typeof samples === "number" ? samples : 0;
  const needed = Math.max(minSamples, supportOf(percentile));
  if (counted < needed)
    return {
      missing: `${name} ${label} of ${benchmark.name} is not supported: ${counted} samples, needed are ${needed}, ${limit}: ${more}.`,
    };
  const repetitions = repetitionsOf(benchmark, index);
  const runs = Math.max(minRepetitions, percentile === "spread" ? 2 : 1);
  if (runs > 1 && repetitions.length < runs)
    return {
      missing: `${name} ${label} of ${benchmark.name} is not supported: ${repetitions.length} repetitions, needed are ${runs}, ${limit}: ${more}.`,
    };
  if (percentile === "spread") return point(coefficientOfVariation(repetitions));
  const value = /^\d/.test(percentile) ? of("percentiles", percentile) : of(percentile);
  if (typeof value !== "number") {
    return {
      missing:
        `${name} ${label} of ${benchmark.name} is not known: of ${counted} samples ${Number(of("overflow") ?? 0)} lie beyond the ` +
        `histogram, ${limit}: raise histogramMax of the benchmark.`,
    };
  }
  const where =
    percentile === "50" || percentile === "median" ? ["interval95"] : ["percentileIntervals", percentile];
  const [low, high] = [of(...where, "low"), of(...where, "high")];
  return {
    value,
    low: typeof low === "number" ? Math.min(low, value) : value,
    high: typeof high === "number" ? Math.max(high, value) : value,
  };
}

/** Figures of each CPU of a metric, or a sentence that says why there are none. */
export function cpuFiguresOf(
  benchmark: PolicyResource,
  { name, index }: MetricAt,
  { percentile, minSamples = 1 }: Budget,
  limit: string,
): (readonly [cpu: string, figure: Figure])[] | { readonly missing: string } {
  const at = ["record", "metrics", index, "perCpu"] as const;
  const cpus = keys(benchmark, ...at);
  if (!Array.isArray(cpus) || cpus.length === 0)
    return {
      missing: `${name} of ${benchmark.name} is of no CPU by itself, ${limit}: take eachCpu away, or measure again where the record is an older one.`,
    };
  const needed = Math.max(minSamples, supportOf(percentile));
  return cpus
    .toSorted((one, other) => Number(one) - Number(other))
    .map((cpu) => {
      const samples = Number(number(benchmark, ...at, cpu, "samples") ?? 0);
      const path = /^\d/.test(percentile) ? ["percentiles", percentile] : [percentile];
      const value = number(benchmark, ...at, cpu, ...path);
      if (samples >= needed && typeof value === "number") return [cpu, point(value)] as const;
      const why =
        samples < needed ? `${samples} samples, needed are ${needed}` : "it lies beyond the histogram";
      return [
        cpu,
        {
          missing: `${name} ${labelOf(percentile)} of ${benchmark.name} on CPU ${cpu} is not known: ${why}, ${limit}.`,
        },
      ] as const;
    });
}

function point(value: number): Figure {
  return { value, low: value, high: value };
}

export function labelOf(percentile: Statistic): string {
  return /^\d/.test(percentile) ? `p${percentile}` : percentile;
}

/** A value in the metric's unit, for people. */
export function inUnit(value: number, unit: string): string {
  if (unit === "count") return `${value}`;
  if (unit === "1/s") return `${value}/s`;
  return unit === "ns"
    ? formatNanoseconds(value)
    : unit === "ratio"
      ? `${Number(value.toPrecision(3))}`
      : `${value} ${unit}`;
}

export function unitOf(benchmark: PolicyResource, { index }: MetricAt, { percentile }: Budget): string {
  return percentile === "spread" ? "ratio" : String(text(benchmark, "record", "metrics", index, "unit"));
}

/** What ran beside the record; `none` where nothing did. */
export function besideOf(benchmark: PolicyResource): string {
  if (isNull(benchmark, "record", "coLoad") === true || keys(benchmark, "record", "coLoad") === undefined)
    return "none";
  return String(text(benchmark, "record", "coLoad", "kind"));
}

function repetitionsOf(benchmark: PolicyResource, index: number): number[] {
  const medians: number[] = [];
  for (let run = 0; ; run += 1) {
    const median = number(benchmark, "record", "metrics", index, "repetitions", run, "median");
    if (typeof median !== "number") return medians;
    medians.push(median);
  }
}

/** Samples that a percentile p needs, 10 / (1 - p); another figure needs one. */
function supportOf(percentile: Statistic): number {
  return /^\d/.test(percentile) ? samplesToSupport(percentile) : 1;
}
