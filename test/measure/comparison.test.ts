import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparisonOf } from "../../sdk/measure/comparison.ts";
import { mannWhitney } from "../../sdk/measure/mann-whitney.ts";
import type { Fingerprint, ResultRecord } from "../../sdk/schema/record.ts";
import { recordOf } from "../cli/state.ts";

const repetition = fc.integer({ min: 1, max: 1e6 }).map((value) => ({
  ...{ buckets: [[value, 100]] as const, overflow: 0, max: value, expected: 100 },
}));
const record = fc.array(repetition, { minLength: 1, maxLength: 8 }).map((all) => recordOf(all));
const of = (...values: number[]) =>
  recordOf(values.map((value) => ({ buckets: [[value, 100]], overflow: 0, max: value, expected: 100 })));
const only = ({ metrics: [metric] }: ReturnType<typeof comparisonOf>) => metric!;

describe("a comparison", () => {
  it("of a record with itself has nothing to say", () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(comparisonOf(one, structuredClone(one))).toMatchObject({
          ...{ environment: [], conditions: [], unmatched: [], caveats: [] },
          metrics: [{ verdict: "equal" }],
        });
      }),
    );
  });

  type Item = readonly [path: string, name: string, key: string | undefined];
  const { fingerprint } = of(1);
  const newer = { processors: {}, memory: {}, nicSettings: {}, links: {} };
  const items = Object.entries({ ...newer, ...fingerprint }).flatMap(([name, value]): Item[] =>
    name === "hash" || name === "bootId"
      ? []
      : typeof value === "object" && value !== null
        ? [...Object.keys(value), "one more"].map((key): Item => [`${name}.${key}`, name, key])
        : [[name, name, undefined]],
  );

  it.each(items)("names %s alone where that alone is another", (path, name, key) => {
    const one = of(1);
    const value = (fingerprint as Record<string, unknown>)[name];
    const changed = key === undefined ? "changed" : { ...(value as object), [key]: "changed" };
    const other: ResultRecord = {
      ...one,
      fingerprint: { ...fingerprint, hash: "another", [name]: changed } as Fingerprint,
    };
    const { environment } = comparisonOf(one, other);
    expect(environment).toHaveLength(1);
    expect(environment[0]).toMatch(new RegExp(`^${path.replace(/[.*/]/g, "\\$&")}: .*, then changed$`));
  });

  it("does not name which boot it was beside what the boot was for", () => {
    const [one, other] = [of(1), of(1)];
    const rebooted = { ...fingerprint, hash: "another", bootId: "changed", kernelArguments: "nohz=off" };
    expect(comparisonOf(one, { ...other, fingerprint: rebooted }).environment).toEqual([
      "kernelArguments: isolcpus=2-3, then nohz=off",
    ]);
    const same = { ...fingerprint, bootId: "changed" };
    expect(comparisonOf(one, { ...other, fingerprint: same }).environment).toEqual([]);
  });

  it("names the kernel alone of a guest that boots another one", () => {
    const booted = (hash: string, kernel: string): ResultRecord => {
      const guests = { vnf: { "cputune.vcpupin.0.cpuset": "3", "inside.kernel": kernel } };
      return { ...of(1), fingerprint: { ...fingerprint, hash, guests } };
    };
    expect(comparisonOf(booted("a", "6.12.117 #1"), booted("b", "6.12.120 #1")).environment).toEqual([
      "guests.vnf.inside.kernel: 6.12.117 #1, then 6.12.120 #1",
    ]);
  });

  it("names what changed on another machine that took part, and which one it was", () => {
    const others = (one: Partial<Fingerprint>): ResultRecord => ({
      ...{ ...of(1), others: { systemUnderTest: { ...fingerprint, machineId: "dut", ...one } } },
    });
    const environment = (one: ResultRecord, other: ResultRecord) => comparisonOf(one, other).environment;
    expect(environment(others({}), others({ bootId: "another" }))).toEqual([]);
    expect(environment(others({}), others({ hash: "b", kernel: "6.13" }))).toEqual([
      "systemUnderTest.kernel: 6.12.48, then 6.13",
    ]);
    expect(environment(of(1), others({}))).toEqual(["systemUnderTest: not there, then dut"]);
  });

  it("names what was asked for otherwise, where both records know it", () => {
    const asked = (paths?: Record<string, string>): ResultRecord => ({
      ...of(1),
      ...(paths && { asked: paths }),
    });
    const goal = (loss: string) => asked({ "goals.ndr.loss": loss, frames: "64" });
    expect(comparisonOf(goal("0"), goal("0.005")).conditions).toEqual([
      "asked for goals.ndr.loss: 0, then 0.005",
    ]);
    expect(comparisonOf(goal("0"), asked({ frames: "64" })).conditions).toEqual([
      "asked for goals.ndr.loss: 0, then the default",
    ]);
    expect(comparisonOf(goal("0"), asked()).conditions).toEqual([]);
  });

  it("tells better from worse by the direction of the metric, and turned round the other way", () => {
    const [slow, fast] = [of(20, 21, 22, 23, 24), of(10, 11, 12, 13, 14)];
    expect(only(comparisonOf(slow, fast))).toMatchObject({ verdict: "better", before: 22, after: 12 });
    expect(only(comparisonOf(fast, slow)).verdict).toBe("worse");
    const higher = (one: ResultRecord): ResultRecord => ({
      ...one,
      metrics: one.metrics.map((metric) => ({ ...metric, direction: "higher" })),
    });
    expect(only(comparisonOf(higher(slow), higher(fast))).verdict).toBe("worse");
  });

  it("says that it can't tell, and why", () => {
    const reasonOf = (before: ResultRecord, after: ResultRecord) => only(comparisonOf(before, after));
    expect(reasonOf(of(1, 2, 3), of(5, 6, 7, 8))).toMatchObject({
      verdict: "unclear",
      reason: "3 repetitions before and 4 after; 4 of each are needed",
    });
    expect(reasonOf(of(1, 3, 5, 7), of(2, 4, 6, 8))).toMatchObject({
      verdict: "unclear",
      reason: "within what chance does, p = 0.69",
    });
    expect(reasonOf(of(1, 1, 1, 1, 1), { ...of(5, 5, 5, 5, 5), valid: false })).toMatchObject({
      verdict: "unclear",
      reason: "a record decides nothing",
    });
    const seconds = of(1);
    const other = {
      ...seconds,
      metrics: seconds.metrics.map((metric) => ({ ...metric, unit: "s" as const })),
    };
    expect(reasonOf(seconds, other).reason).toBe(
      "measured in ns, lower is better, then in s, lower is better",
    );
  });
});

describe("Mann and Whitney's test", () => {
  const values = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 4, maxLength: 9 });

  it("is what all ways to divide the values say", () => {
    const divisions = (list: readonly number[], n: number): number[][] => {
      const [first, ...rest] = list;
      if (n === 0) return [[]];
      if (first === undefined) return [];
      return [...divisions(rest, n - 1).map((some) => [first, ...some]), ...divisions(rest, n)];
    };
    const wins = (ones: readonly number[], others: readonly number[]) =>
      ones
        .flatMap((one) => others.map((other) => Math.sign(one - other)))
        .reduce((sum, sign) => sum + sign, 0);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 5 }),
        (one, other) => {
          const all = [...one, ...other];
          const observed = Math.abs(wins(one, other));
          const indexes = divisions(
            all.map((_, index) => index),
            one.length,
          );
          const extreme = indexes.filter((taken) => {
            const some = taken.map((index) => all[index]!);
            const rest = all.filter((_, index) => !taken.includes(index));
            return Math.abs(wins(some, rest)) >= observed;
          });
          expect(mannWhitney(one, other)?.pValue).toBeCloseTo(extreme.length / indexes.length, 12);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("says the same of both directions, with the reciprocal effect", () => {
    fc.assert(
      fc.property(values, values, (one, other) => {
        const [there, back] = [mannWhitney(one, other)!, mannWhitney(other, one)!];
        expect(back.pValue).toBeCloseTo(there.pValue, 12);
        expect(back.effect.low).toBeCloseTo(1 / there.effect.high, 12);
        expect(there.effect.low).toBeLessThanOrEqual(there.effect.estimate);
        expect(there.effect.estimate).toBeLessThanOrEqual(there.effect.high);
      }),
    );
  });

  it("has the intervals of the tables: of 4 and 4 all pairs, of 6 and 6 without five at each end", () => {
    const shifted = (n: number) =>
      [
        Array.from({ length: n }, (_, index) => -(index + 1) * 100),
        Array.from({ length: n }, (_, index) => index + 1),
      ] as const;
    const of = (n: number) => {
      const [one, other] = shifted(n);
      const pairs = one.flatMap((a) => other.map((b) => b - a)).sort((a, b) => a - b);
      const { effect } = mannWhitney(one, other)!;
      return [effect.kind, pairs.indexOf(effect.low), pairs.length - 1 - pairs.indexOf(effect.high)];
    };
    expect(of(4)).toEqual(["shift", 0, 0]);
    expect(of(6)).toEqual(["shift", 5, 5]);
  });

  it("is not made below four values", () => {
    expect(mannWhitney([1, 2, 3], [4, 5, 6, 7])).toBeUndefined();
  });
});
