import type { Metric, Percentile } from "../schema/record.ts";
import { nanoseconds } from "../units/duration.ts";
import { metricOf, ofThreads } from "./metric.ts";

/** What a tracer saw of one CPU in one repetition. */
export interface TracedCpu {
  readonly kind: "irq" | "thread" | "user" | "noise";
  readonly cpu: number;
  readonly maxNs: number;
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  readonly overflow: number;
}

/** The tracer as it was asked for. */
export type Traced = {
  /** `host` or `guest`, the first part of the metrics' names. */
  readonly place: string;
  /** Samples of all CPUs that the schedule asks of a repetition. */
  readonly expected: number;
  /** The rarest percentile of timerlat's that is to be told. */
  readonly percentile?: Percentile | undefined;
} & (
  | { readonly kind: "timerlat"; readonly threads?: "kernel" | "user" | undefined }
  | { readonly kind: "osnoise"; readonly threshold?: string | undefined }
);

/**
 * Metrics of a tracer: how late interrupt and threads of timerlat came, or how long each noise of osnoise took. A repetition without any noise counts as one of the threshold: all that there was, was
 * that at most.
 */
export function traced(runs: readonly (readonly TracedCpu[])[], tracer: Traced): Metric[] {
  const { place, expected, percentile } = tracer;
  const metric = (kind: TracedCpu["kind"], none: number | undefined) =>
    metricOf(
      {
        ...{ name: `${place}.${tracer.kind}.${kind}`, unit: "ns", direction: "lower" },
        ...(tracer.kind === "timerlat" && { percentile }),
      },
      runs.map((cpus) => {
        const own = cpus.filter((cpu) => cpu.kind === kind);
        const all = ofThreads(own);
        return none !== undefined && all.buckets.length + all.overflow === 0
          ? { buckets: [[none, 1] as const], overflow: 0, max: none, expected: 0 }
          : { ...all, expected };
      }),
    );
  if (tracer.kind === "osnoise") return [metric("noise", nanoseconds(tracer.threshold ?? "1us"))];
  const kinds = ["irq", "thread", ...(tracer.threads === "user" ? (["user"] as const) : [])] as const;
  return kinds.map((kind) => metric(kind, undefined));
}
