import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  brokenGoal,
  type DensityFound,
  type DensityGoal,
  densityMetrics,
  densityRemarks,
  nextRung,
  type Rung,
  type TriedRung,
} from "../../sdk/measure/density.ts";

/** A whole search on a machine that carries so many. */
function searched(carries: number, start: { first: number; room: number }): TriedRung[] {
  const tried: TriedRung[] = [];
  for (;;) {
    const count = nextRung(tried, start);
    if (count === undefined) return tried;
    tried.push({ count, broke: count > carries ? "late" : undefined });
    if (tried.length > 100) throw new Error("no end");
  }
}

const heldOf = (tried: readonly TriedRung[]) =>
  Math.max(0, ...tried.filter(({ broke }) => broke === undefined).map(({ count }) => count));

describe("a search", () => {
  it("doubles, and closes in between", () => {
    const counts = (...of: Parameters<typeof searched>) => searched(...of).map(({ count }) => count);
    expect(counts(11, { first: 1, room: 100 })).toEqual([1, 2, 4, 8, 16, 12, 10, 11]);
    expect(counts(11, { first: 11, room: 100 })).toEqual([11, 12]);
    expect(counts(11, { first: 14, room: 100 })).toEqual([14, 13, 11, 12]);
    expect(counts(11, { first: 1, room: 5 })).toEqual([1, 2, 4, 5]);
    expect(counts(0, { first: 1, room: 5 })).toEqual([1]);
  });

  it("finds what a machine carries, never tries more than there is room for, and nothing twice", () => {
    const some = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1200 }),
        some,
        fc.integer({ min: 0, max: 1200 }),
        (carries, room, first) => {
          const tried = searched(carries, { first, room });
          const counts = tried.map(({ count }) => count);
          expect(heldOf(tried)).toBe(Math.min(carries, room));
          expect(Math.max(...counts)).toBeLessThanOrEqual(room);
          expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
          expect(new Set(counts).size).toBe(counts.length);
          expect(counts.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(Math.max(room, first) + 1)) + 2);
        },
      ),
    );
  });
});

const wakeUps = (ns: number, count = 10_000, more: object = {}) => ({
  ...{ cycles: count, maxNs: ns, buckets: [[ns, count]] as const, overflow: 0 },
  ...more,
});
const instance = (number: number, more: object = {}) => ({
  ...{
    instance: number,
    answerMs: 100 * number,
    rssBytes: 4096,
    pssBytes: 2048,
    hugeBytes: 0,
    cpuShare: 0.5,
  },
  ...more,
});
const rung = (more: Partial<Rung> = {}): Rung => ({
  ...{ instances: [instance(1), instance(2)], lost: [] },
  ...{ beforeKib: new Map([[0, 5000]]), afterKib: new Map([[0, 3000]]) },
  ...more,
});
const goal = (more: Partial<DensityGoal> = {}): DensityGoal => ({
  ...{ startSeconds: 60, keptFreeKib: new Map([[0, 2048]]) },
  ...more,
});
const latency = { percentile: "99.9", limitNs: 50_000, expected: 10_000 };

describe("goals", () => {
  it.each<[string, Partial<Rung>, Partial<DensityGoal>, string | undefined]>([
    ["all hold", {}, {}, undefined],
    [
      "a start",
      { failed: { instance: 3, how: "start", said: "no room" } },
      {},
      "instance 3 did not start: no room",
    ],
    [
      "an answer",
      { failed: { instance: 3, how: "answer", said: "" } },
      {},
      "instance 3 did not answer within 60 s",
    ],
    ["memory", { afterKib: new Map([[0, 2047]]) }, {}, "node 0 had 1 MiB left, 2 MiB are to stay free"],
    [
      "memory of a node that is gone",
      { afterKib: new Map() },
      {},
      "node 0 had 0 MiB left, 2 MiB are to stay free",
    ],
    [
      "a run",
      { lost: [{ instance: 2, said: "can't lock memory" }] },
      {},
      "instance 2 did not run to the end: can't lock memory",
    ],
    [
      "wake-ups that are good",
      { instances: [instance(1, { wakeUps: wakeUps(50_000) })] },
      { latency },
      undefined,
    ],
    [
      "wake-ups that are late",
      { instances: [instance(1, { wakeUps: wakeUps(60_000) }), instance(2, { wakeUps: wakeUps(70_000) })] },
      { latency },
      "99.9 % of the wake-ups of instance 2 came within 70 µs, 50 µs is allowed",
    ],
    [
      "the latest",
      { instances: [instance(1, { wakeUps: wakeUps(40_000, 10_000, { maxNs: 51_000 }) })] },
      { latency: { ...latency, percentile: "max" } },
      "the latest wake-up of instance 1 came within 51 µs, 50 µs is allowed",
    ],
    [
      "wake-ups beyond all that is told",
      { instances: [instance(1, { wakeUps: wakeUps(40_000, 9000, { cycles: 10_000, overflow: 1000 }) })] },
      { latency },
      "99.9 % of the wake-ups of instance 1 came later than could be told, 50 µs is allowed",
    ],
    [
      "wake-ups that never came",
      { instances: [instance(1, { wakeUps: wakeUps(40_000, 9990) })] },
      { latency },
      "instance 1 missed 10 of 10000 wake-ups",
    ],
  ])("%s", (_, of, more, sentence) => {
    expect(brokenGoal(rung(of), goal(more))).toBe(sentence);
  });

  it("that hold for some wake-ups hold for earlier ones", () => {
    const times = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 50_000 }), (all, earlier) => {
        const broken = (by: number) =>
          brokenGoal(
            rung({
              instances: all.map((ns, index) =>
                instance(index + 1, { wakeUps: wakeUps(Math.max(1, ns - by)) }),
              ),
            }),
            goal({ latency }),
          ) !== undefined;
        expect(broken(0) || !broken(earlier)).toBe(true);
        expect(broken(0)).toBe(Math.max(...all) > latency.limitNs);
      }),
      { numRuns: 20 },
    );
  });
});

describe("what was found", () => {
  const found: DensityFound[] = [
    {
      count: 2,
      tried: [
        { count: 1, broke: undefined },
        { count: 2, broke: undefined },
        { count: 4, broke: "instance 3 did not start" },
        { count: 3, broke: "instance 3 did not start: no room" },
      ],
      rung: rung({
        instances: [1, 2].map((each) => instance(each, { wakeUps: wakeUps(30_000), hugeBytes: 8192 })),
      }),
    },
    { count: 0, tried: [{ count: 1, broke: "late" }], rung: undefined },
    { count: 2, tried: [{ count: 2, broke: undefined }], rung: rung({ afterKib: new Map([[0, 6000]]) }) },
  ];

  it("is a number each repetition, and what each instance took where that many held", () => {
    const metrics = densityMetrics("guest", found, goal({ latency }));
    expect(metrics.map(({ name, unit, samples, max }) => [name, unit, samples, max])).toEqual([
      ["guest.density", "count", 3, 2],
      ["guest.density.boot", "ms", 4, 200],
      ["guest.density.rss", "bytes", 4, 4096],
      ["guest.density.pss", "bytes", 4, 2048],
      ["guest.density.hugepages", "bytes", 4, 8192],
      ["guest.density.host-memory", "bytes", 1, 1000 * 1024],
      ["guest.density.cpu", "ratio", 4, 0.5],
      ["guest.density.latency", "ns", 20_000, 30_000],
    ]);
    expect(metrics.every(({ missing }) => missing === 0)).toBe(true);
    expect(metrics[0]?.median).toBe(2);
  });

  it("is nothing but the number where nothing held", () => {
    const metrics = densityMetrics("container", found.slice(1, 2), goal());
    expect(metrics.map(({ name, max }) => [name, max])).toEqual([["container.density", 0]]);
  });

  it("is told with what ended each search", () => {
    expect(densityRemarks(found, { most: 2, by: "CPUs, 1 to each of 2" })).toEqual([
      "repetition 1: 2 held; with 3 a goal broke: instance 3 did not start: no room",
      "repetition 2: 0 held; with 1 a goal broke: late",
      "repetition 3: 2 held; no goal broke: there is room for no more (CPUs, 1 to each of 2)",
    ]);
  });
});
