import { describe, expect, it } from "vitest";
import { canonical } from "../../sdk/schema/fields.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { megabitsPerSecond } from "../../sdk/units/rate.ts";

describe("a rate", () => {
  it("is in decimal units", () => {
    expect(megabitsPerSecond("0Mbit/s")).toBe(0);
    expect(megabitsPerSecond("100Mbit/s")).toBe(100);
    expect(megabitsPerSecond("25Gbit/s")).toBe(25_000);
  });
  it.each(["", "100", "1.5Gbit/s", "-1Mbit/s", "01Mbit/s", "10MiB/s", "100 Mbit/s"])("is not %j", (text) => {
    expect(() => megabitsPerSecond(text)).toThrow(InputError);
  });
  it("is compared by what it means", () => {
    expect(canonical("1Gbit/s", "rate")).toBe(canonical("1000Mbit/s", "rate"));
  });
});
