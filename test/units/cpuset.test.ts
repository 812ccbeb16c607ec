import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { InputError } from "../../sdk/units/errors.ts";

const cpus = fc.uniqueArray(fc.integer({ min: 0, max: 700 }), { maxLength: 80 });
const sets = cpus.map((list) => CpuSet.of(list));

describe("CpuSet", () => {
  it.each([
    ["0-3,8,10-11", [0, 1, 2, 3, 8, 10, 11]],
    ["1-4,^2", [1, 3, 4]],
    ["0-10:2/4", [0, 1, 4, 5, 8, 9]],
    ["", []],
    [" (null)\n", []],
    ["\n", []],
  ])("reads %j", (text, expected) => {
    expect([...CpuSet.parse(text)]).toEqual(expected);
  });

  it.each([
    [[0], "0x1"],
    [[1, 2], "0x6"],
    [[3, 7, 8], "0x188"],
    [[8, 9, 28, 29], "0x30000300"],
    [[64], "0x10000000000000000"],
  ])("writes the mask of %j as %s", (list, mask) => {
    expect(CpuSet.of(list).toMask()).toBe(mask);
    expect([...CpuSet.fromMask(mask)]).toEqual(list);
  });

  it("groups masks as /proc/irq does", () => {
    expect(CpuSet.parse("0,10-20,30-39").toGroupedMask()).toBe("ff,c01ffc01");
    expect(CpuSet.fromMask("ff,c01ffc01").format()).toBe("0,10-20,30-39");
  });

  it.each(["a", "3-1", "1,,2", "-1", "1-", "0x3", "0-99999", "0-4:1/0", "1; reboot"])(
    "refuses %j",
    (text) => {
      expect(() => CpuSet.parse(text)).toThrow(InputError);
    },
  );

  it("comes back from its list and from its mask", () => {
    fc.assert(
      fc.property(sets, (set) => {
        expect(CpuSet.parse(set.format()).equals(set)).toBe(true);
        expect(CpuSet.fromMask(set.toMask()).equals(set)).toBe(true);
        expect(CpuSet.fromMask(set.size === 0 ? "0" : set.toGroupedMask()).equals(set)).toBe(true);
      }),
    );
  });

  it("obeys the laws of sets", () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        expect(a.minus(b).intersect(b).size).toBe(0);
        expect(a.intersect(b).union(a.minus(b)).equals(a)).toBe(true);
        expect(a.intersect(b).isSubsetOf(a)).toBe(true);
        expect(a.union(b).size).toBe(a.size + b.size - a.intersect(b).size);
      }),
    );
  });
});
