import { InputError } from "./errors.ts";

const FACTORS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
type SizeUnit = keyof typeof FACTORS;

/** An amount of memory: a whole number and a binary unit, `"8GiB"`. `"32GB"` does not compile. */
export type Size = `${number}${"KiB" | "MiB" | "GiB" | "TiB"}`;

/** What a size must look like at run time; the template literal type alone would let `"-1GiB"` and `"1.5GiB"` pass. */
export const SIZE_PATTERN = /^(0|[1-9]\d*)(KiB|MiB|GiB|TiB)$/;

/**
 * Bytes in a size.
 *
 * @throws InputError `size` where the text is no size
 * @example bytes("2MiB"); // 2097152
 */
export function bytes(size: string): number {
  const match = SIZE_PATTERN.exec(size);
  if (match === null) {
    throw new InputError({
      code: "size",
      problem: "not a size",
      observed: JSON.stringify(size),
      expected: 'a whole number with KiB, MiB, GiB or TiB, for instance "8GiB"',
    });
  }
  return Number(match[1]) * FACTORS[match[2] as SizeUnit];
}

/** Writes bytes in the largest unit that divides them exactly; refuses what is no whole number of KiB. */
export function formatSize(count: number): Size {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"] as const) {
    if (count !== 0 && count % FACTORS[unit] === 0) return `${count / FACTORS[unit]}${unit}`;
  }
  if (count === 0) return "0KiB";
  throw new InputError({
    code: "size",
    problem: "not a whole number of KiB",
    observed: `${count} bytes`,
    expected: "a multiple of 1024",
  });
}

/** Whole units in a size; refuses a remainder instead of rounding it away. */
export function exactly(size: string, unit: Exclude<SizeUnit, "B">): number {
  const count = bytes(size) / FACTORS[unit];
  if (!Number.isInteger(count)) {
    throw new InputError({
      code: "size",
      problem: `not a whole number of ${unit}`,
      observed: size,
      expected: `a multiple of 1${unit}`,
    });
  }
  return count;
}
