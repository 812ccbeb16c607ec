import type { Metric } from "../schema/record.ts";
import { quantileInterval } from "./quantile.ts";

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** The 95 % interval of a median by order statistics. Below six values it is their range, and says so. */
export function medianInterval(values: readonly number[]): Metric["interval95"] {
  if (values.length === 0) return { low: 0, high: 0, method: "range" };
  const { low, high, isHeld } = quantileInterval(values, 0.5);
  return { low, high, method: isHeld ? "order-statistics" : "range" };
}
