import { InputError } from "./errors.ts";

const NANOSECONDS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9 } as const;
type DurationUnit = keyof typeof NANOSECONDS;

/** A span of time: a whole number and a unit, `"30s"`, `"200us"`. */
export type Duration = `${number}${DurationUnit}`;

export const DURATION_PATTERN = /^(0|[1-9]\d*)(ns|us|ms|s|min|h)$/;

/**
 * Nanoseconds in a duration.
 *
 * @throws InputError `duration` where the text is no duration
 * @example nanoseconds("200us"); // 200000
 */
export function nanoseconds(duration: string): number {
  const match = DURATION_PATTERN.exec(duration);
  if (match === null) {
    throw new InputError({
      code: "duration",
      problem: "not a duration",
      observed: JSON.stringify(duration),
      expected: 'a whole number with ns, us, ms, s, min or h, for instance "30s"',
    });
  }
  return Number(match[1]) * NANOSECONDS[match[2] as DurationUnit];
}

/** Whole units in a duration; refuses a remainder. */
export function exactDuration(duration: string, unit: DurationUnit): number {
  const count = nanoseconds(duration) / NANOSECONDS[unit];
  if (!Number.isInteger(count)) {
    throw new InputError({
      code: "duration",
      problem: `not a whole number of ${unit}`,
      observed: duration,
      expected: `a multiple of 1${unit}`,
    });
  }
  return count;
}

/** A duration for people: three significant digits in the unit that fits. */
export function formatNanoseconds(ns: number): string {
  for (const [unit, factor] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const) {
    if (Math.abs(ns) >= factor)
      return `${Number((ns / factor).toPrecision(3))} ${unit === "us" ? "µs" : unit}`;
  }
  return `${Number(ns.toPrecision(3))} ns`;
}
