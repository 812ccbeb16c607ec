import { formatNanoseconds } from "../units/duration.ts";

/** A latency that no line break takes apart. */
export function latencyText(ns: number): string {
  return formatNanoseconds(ns).replace(" ", "\u00A0");
}

/** A count in groups of three: `120 000`. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u00A0");
}
