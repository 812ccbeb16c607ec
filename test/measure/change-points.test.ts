import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { groupsOf } from "../../sdk/measure/change-points.ts";
import { recordedLines } from "./recorded-lines.ts";

interface Series {
  readonly values: readonly number[];
  readonly groups: readonly (readonly [size: number, mean: number, deviation: number])[];
}

describe("groups of a series", () => {
  it("are those of the reference on every recorded series", () => {
    const recorded = recordedLines<Series>("jumpavg/0.4.2.txt");
    expect(recorded.length).toBe(300);
    expect(new Set(recorded.map(({ groups }) => groups.length)).size).toBeGreaterThan(5);
    for (const { values, groups } of recorded) {
      const ours = groupsOf(values);
      expect(ours.map(({ size }) => size)).toEqual(groups.map(([size]) => size));
      for (const [index, [, mean, deviation]] of groups.entries()) {
        expect(ours[index]!.mean / mean).toBeCloseTo(1, 9);
        expect(Math.abs(ours[index]!.deviation - deviation) / mean).toBeLessThan(1e-9);
      }
    }
  });

  const series = fc.array(fc.integer({ min: 0, max: 1e6 }), { maxLength: 40 });

  it("are all of it, in order, and rise and fall with their means", () => {
    fc.assert(
      fc.property(series, (values) => {
        const groups = groupsOf(values);
        let at = 0;
        for (const [index, { from, size, mean, change }] of groups.entries()) {
          expect(from).toBe(at);
          at += size;
          const before = groups[index - 1]?.mean ?? mean;
          expect(change).toBe(mean > before ? "rise" : mean < before ? "fall" : "none");
        }
        expect(at).toBe(values.length);
      }),
    );
  });

  it("are one of a constant series, and two of a clear step, wherever it is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 20 }), fc.integer({ min: 3, max: 20 }), (one, other) => {
        const low = Array.from({ length: one }, (_, index) => 1000 + (index % 2));
        const high = Array.from({ length: other }, (_, index) => 1500 + (index % 2));
        expect(groupsOf(low)).toHaveLength(1);
        expect(groupsOf([...low, ...high]).map(({ from, change }) => [from, change])).toEqual([
          [0, "none"],
          [one, "rise"],
        ]);
      }),
    );
    expect(groupsOf([])).toEqual([]);
    expect(groupsOf([0, 0])).toEqual([{ from: 0, size: 2, mean: 0, deviation: 0, change: "none" }]);
  });
});
