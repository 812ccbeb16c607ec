import { formatNanoseconds } from "./duration.ts";

/** What a measured value is counted in. */
export type MetricUnit = "ns" | "pps" | "bps" | "ratio" | "count" | "1/s" | "ms" | "s" | "bytes" | "cycles";

/** A value of a metric for people: three significant digits and the unit that fits, counts in full. */
export function figure(value: number, unit: MetricUnit): string {
  if (unit === "ns") return formatNanoseconds(value);
  if (unit === "ms") return formatNanoseconds(value * 1e6);
  if (unit === "s") return formatNanoseconds(value * 1e9);
  if (unit === "count") return grouped(value);
  if (unit === "cycles") return `${grouped(value)} cycles`;
  if (unit === "1/s") return `${grouped(value)}/s`;
  if (unit === "ratio") return String(Number(value.toPrecision(3)));
  const [factor, prefix] = (
    [
      [1e9, "G"],
      [1e6, "M"],
      [1e3, "k"],
    ] as const
  ).find(([least]) => Math.abs(value) >= least) ?? [1, ""];
  return `${Number((value / factor).toPrecision(3))} ${prefix}${unit === "bytes" ? "B" : unit}`;
}

/** Digits in groups of three. */
export function grouped(value: number): string {
  return Number.isInteger(value)
    ? String(value).replace(/\B(?=(\d{3})+$)/g, " ")
    : String(Number(value.toPrecision(6)));
}
