import type { Metric } from "../schema/record.ts";
import { metricOf, metricOfValues } from "./metric.ts";

/** One repetition of looking for gaps that the hardware makes. */
export interface HardwareGapRun {
  readonly thresholdNs: number;
  /** The largest; undefined where none was over the threshold. */
  readonly maxNs: number | undefined;
  /** The largest of each window that had one, ns. */
  readonly gapsNs: readonly number[];
  readonly managementInterrupts: number | undefined;
}

/**
 * The largest gap of each window, in which a window that had none over the threshold counts as the threshold: it was that at most. Beside it how many windows of a repetition had
 * one, and system management interrupts where they could be counted.
 *
 * @param windows of one repetition
 */
export function hardwareGaps(runs: readonly HardwareGapRun[], windows: number): Metric[] {
  const gap = metricOf(
    { name: "host.hardware.gap", unit: "ns", direction: "lower" },
    runs.map(({ thresholdNs, maxNs, gapsNs }) => ({
      buckets: [
        ...gapsNs.map((ns) => [ns, 1] as const),
        ...(windows > gapsNs.length ? [[thresholdNs, windows - gapsNs.length] as const] : []),
      ],
      overflow: 0,
      max: maxNs ?? thresholdNs,
      expected: windows,
    })),
  );
  const interrupts = runs.flatMap(({ managementInterrupts }) => managementInterrupts ?? []);
  const counts = (name: string, values: readonly number[]) =>
    metricOfValues({ name: `host.hardware.${name}`, unit: "count", direction: "lower" }, values);
  return [
    gap,
    counts(
      "gaps",
      runs.map(({ gapsNs }) => gapsNs.length),
    ),
    ...(interrupts.length === runs.length ? [counts("management-interrupts", interrupts)] : []),
  ];
}
