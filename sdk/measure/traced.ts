import type { Metric } from "../schema/record.ts";
import { nanoseconds } from "../units/duration.ts";
import { metricOf } from "./metric.ts";

/** What a tracer saw of one CPU in one repetition. */
export interface TracedCpu {
  readonly kind: "irq" | "thread" | "user" | "noise";
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
} & (
  | { readonly kind: "timerlat"; readonly threads?: "kernel" | "user" | undefined }
  | { readonly kind: "osnoise"; readonly threshold?: string | undefined }
);

/**
 * Metrics of a tracer: how late interrupt and threads of timerlat came, or how long each noise of osnoise took. A repetition without any noise counts as one of the threshold: all that there was, was
 * that at most.
 */
export function traced(runs: readonly (readonly TracedCpu[])[], tracer: Traced): Metric[] {
  const { place, expected } = tracer;
  const metric = (kind: TracedCpu["kind"], none: number | undefined) =>
    metricOf(
      { name: `${place}.${tracer.kind}.${kind}`, unit: "ns", direction: "lower" },
      runs.map((cpus) => {
        const own = cpus.filter((cpu) => cpu.kind === kind);
        const buckets = own.flatMap((cpu) => cpu.buckets);
        const overflow = own.reduce((sum, cpu) => sum + cpu.overflow, 0);
        if (none !== undefined && buckets.length + overflow === 0)
          return { buckets: [[none, 1] as const], overflow, max: none, expected: 0 };
        return { buckets, overflow, max: Math.max(0, ...own.map(({ maxNs }) => maxNs)), expected };
      }),
    );
  if (tracer.kind === "osnoise") return [metric("noise", nanoseconds(tracer.threshold ?? "1us"))];
  const kinds = ["irq", "thread", ...(tracer.threads === "user" ? (["user"] as const) : [])] as const;
  return kinds.map((kind) => metric(kind, undefined));
}
