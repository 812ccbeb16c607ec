import { formatNanoseconds } from "../units/duration.ts";
import { formatPacketRate } from "../units/rate.ts";

/** A latency that no line break takes apart. */
export function latencyText(ns: number): string {
  return formatNanoseconds(ns).replace(" ", "\u00A0");
}

/** A count in groups of three: `120 000`. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u00A0");
}

/** A rate of frames that no line break takes apart. */
export function rateText(pps: number): string {
  return formatPacketRate(pps).replace(" ", "\u00A0");
}
