import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactDuration, formatNanoseconds, nanoseconds } from "../../sdk/units/duration.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { bytes, exactly, formatSize, type Size } from "../../sdk/units/size.ts";

describe("sizes", () => {
  it.each([
    ["2MiB", 2 ** 21],
    ["1GiB", 2 ** 30],
    ["0KiB", 0],
    ["3TiB", 3 * 2 ** 40],
  ])("%s is %d bytes", (text, expected) => {
    expect(bytes(text)).toBe(expected);
  });

  it.each(["32GB", "1.5GiB", "-1GiB", "GiB", "8 GiB", "08GiB", ""])("refuses %j", (text) => {
    expect(() => bytes(text)).toThrow(InputError);
  });

  it("says what it observed and what it expected", () => {
    expect(() => bytes("32GB")).toThrowErrorMatchingInlineSnapshot(
      `[InputError: not a size: observed "32GB", expected a whole number with KiB, MiB, GiB or TiB, for instance "8GiB"]`,
    );
  });

  it("comes back from its text", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 30 }), (kib) => {
        expect(bytes(formatSize(kib * 1024))).toBe(kib * 1024);
      }),
    );
  });

  it("converts exactly or not at all", () => {
    expect(exactly("2GiB", "MiB")).toBe(2048);
    expect(() => exactly("3MiB", "GiB")).toThrow(InputError);
  });

  it("makes a wrong unit a compile error", () => {
    // @ts-expect-error GB is no binary unit
    const wrong: Size = "32GB";
    expect(() => bytes(wrong)).toThrow(InputError);
  });
});

describe("durations", () => {
  it.each([
    ["200us", 200_000],
    ["30s", 30e9],
    ["2min", 120e9],
    ["5ns", 5],
  ])("%s is %d ns", (text, expected) => {
    expect(nanoseconds(text)).toBe(expected);
  });

  it.each(["30", "1.5s", "-1s", "10 ms", "10sec"])("refuses %j", (text) => {
    expect(() => nanoseconds(text)).toThrow(InputError);
  });

  it("converts exactly or not at all", () => {
    expect(exactDuration("2s", "ms")).toBe(2000);
    expect(() => exactDuration("1500us", "ms")).toThrow(InputError);
  });

  it.each([
    [950, "950 ns"],
    [5.291502622129181, "5.29 ns"],
    [12_345, "12.3 µs"],
    [7.5e6, "7.5 ms"],
    [3e9, "3 s"],
  ])("writes %d for people as %s", (ns, text) => {
    expect(formatNanoseconds(ns)).toBe(text);
  });
});
