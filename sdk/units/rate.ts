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
