import { InputError } from "./errors.ts";

const MEGABITS = { "Mbit/s": 1, "Gbit/s": 1000 } as const;
type RateUnit = keyof typeof MEGABITS;

/** A rate on the wire: a whole number and a decimal unit, `"100Mbit/s"`. */
export type Rate = `${number}${RateUnit}`;

export const RATE_PATTERN = /^(0|[1-9]\d*)(Mbit\/s|Gbit\/s)$/;

/**
 * Megabits a second, 10^6 bits each.
 *
 * @throws InputError `rate` where the text is no rate
 * @example megabitsPerSecond("10Gbit/s"); // 10000
 */
export function megabitsPerSecond(rate: string): number {
  const match = RATE_PATTERN.exec(rate);
  if (match === null) {
    throw new InputError({
      code: "rate",
      problem: "not a rate",
      observed: JSON.stringify(rate),
      expected: 'a whole number with Mbit/s or Gbit/s, for instance "100Mbit/s"',
    });
  }
  return Number(match[1]) * MEGABITS[match[2] as RateUnit];
}

/** Bytes that a frame of Ethernet takes on the wire beside itself: preamble, start of frame, gap. */
const BESIDE = 20;

/**
 * Frames a second that a wire carries at most.
 *
 * @param bytes of a frame with its checksum
 * @throws InputError `rate`
 * @example Math.floor(lineFrames("10Gbit/s", 64)); // 14880952
 */
export function lineFrames(rate: string, bytes: number): number {
  return (megabitsPerSecond(rate) * 1e6) / ((bytes + BESIDE) * 8);
}

/** A rate of frames for people: three significant digits in the unit that fits, `11.4 Mpps`. */
export function formatPacketRate(pps: number): string {
  const [factor, unit] = pps >= 1e6 ? [1e6, "Mpps"] : pps >= 1e3 ? [1e3, "kpps"] : [1, "pps"];
  return `${Number((pps / factor).toPrecision(3))} ${unit}`;
}
