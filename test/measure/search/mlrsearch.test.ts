import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conditionalThroughput, standingOf } from "../../../sdk/measure/search/classification.ts";
import { type Goal, NDR, PDR, RFC2544 } from "../../../sdk/measure/search/goal.ts";
import { type GoalResult, type MlrSearch, mlrSearch } from "../../../sdk/measure/search/mlrsearch.ts";
import type { TrialResult } from "../../../sdk/measure/search/search.ts";
import {
  BEHAVIOURS,
  type Behaviour,
  MAX_LOAD,
  type SimulatedDevice,
  simulatedDevice,
  uniform,
} from "../simulated-device.ts";

const loads = { minLoadPps: 9001, maxLoadPps: MAX_LOAD };

function found(config: MlrSearch, { measure }: Pick<SimulatedDevice, "measure">) {
  let search = mlrSearch(config);
  while (search.step.kind === "trial") search = search.tell(measure(search.step.trial));
  if (search.step.kind !== "verdict") throw new Error(search.step.reason);
  return { results: search.step.verdict, trace: search.trace };
}

function only(results: readonly GoalResult[]): GoalResult {
  const [result] = results;
  if (result === undefined || results.length > 1)
    throw new Error(`one result is expected, not ${results.length}`);
  return result;
}

const trial = (durationMs: number, received: number): TrialResult => ({
  ...{ loadPps: 1000, durationMs, intended: 1000, received, faults: [] },
});
const good = trial(1000, 1000);
const bad = trial(1000, 900);
const times = (count: number, result: TrialResult) => Array.from({ length: count }, () => result);

describe("the class of a load", () => {
  it.each<readonly [what: string, goal: Goal, trials: readonly TrialResult[], kind: string]>([
    ["nothing tried", NDR, [], "undecided"],
    ["ten good trials of a second", NDR, times(10, good), "undecided"],
    ["eleven good ones, which ten bad ones can't outweigh", NDR, times(11, good), "lower"],
    ["eleven bad ones", NDR, times(11, bad), "upper"],
    ["ten and ten", NDR, [...times(10, good), ...times(10, bad)], "undecided"],
    ["eleven good and more bad ones than that", NDR, [...times(11, good), ...times(12, bad)], "upper"],
    ["as many good as bad beyond the sum", NDR, [...times(12, good), ...times(12, bad)], "lower"],
    ["loss within the goal's", { ...NDR, lossRatio: 0.1 }, times(11, bad), "lower"],
    ["a minute without loss", RFC2544, [trial(60_000, 1000)], "lower"],
    ["a minute with one lost", RFC2544, [trial(60_000, 999)], "upper"],
    ["a second with one lost, where none may be", RFC2544, [trial(1000, 999)], "upper"],
    ["many short good trials, which prove nothing", RFC2544, times(100, good), "undecided"],
    [
      "short bad trials that short good ones excuse",
      { ...NDR, finalTrialMs: 2000 },
      [...times(30, good), ...times(20, bad)],
      "undecided",
    ],
    [
      "short bad trials beyond those",
      { ...NDR, finalTrialMs: 2000 },
      [...times(30, good), ...times(41, bad)],
      "upper",
    ],
  ])("is right of %s", (_, goal, trials, kind) => {
    expect(standingOf(goal, trials).kind).toBe(kind);
  });

  it("is reached with just so much more as it says", () => {
    const goals = fc.record({
      lossRatio: fc.constant(0),
      exceedRatio: fc.constantFrom(0, 0.25, 0.5, 0.75),
      finalTrialMs: fc.constantFrom(1000, 2000),
      durationSumMs: fc.integer({ min: 2, max: 30 }).map((seconds) => seconds * 1000),
    });
    const trials = fc.array(fc.constantFrom(good, bad, trial(2000, 1000), trial(2000, 900)), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(goals, trials, (fields, told) => {
        const goal: Goal = { name: "any", width: 0.01, ...fields };
        const { kind, toLowerMs, toUpperMs } = standingOf(goal, told);
        const having = (ms: number, received: number) =>
          standingOf(goal, ms > 0 ? [...told, { ...trial(2000, received), durationMs: ms }] : told).kind;
        if (kind === "lower") expect(toLowerMs).toBe(0);
        if (kind === "upper") expect(toUpperMs).toBeLessThan(0);
        fc.pre(kind === "undecided");
        if (toLowerMs >= goal.finalTrialMs) {
          expect(having(toLowerMs, 1000)).toBe("lower");
          if (toLowerMs - 1 >= goal.finalTrialMs) expect(having(toLowerMs - 1, 1000)).toBe("undecided");
        }
        if (toUpperMs >= goal.finalTrialMs) {
          expect(having(toUpperMs + 1, 900)).toBe("upper");
          expect(having(toUpperMs, 900)).toBe("undecided");
        }
      }),
    );
  });
});

describe("conditional throughput", () => {
  it("is the load without the loss of the worst trial in the better half of the sum", () => {
    const losing = (received: number) => trial(1000, received);
    const trials = [...times(6, losing(1000)), ...times(5, losing(997)), ...times(5, losing(900))];
    expect(conditionalThroughput(PDR, 1000, trials)).toBeCloseTo(997, 9);
    expect(conditionalThroughput({ ...PDR, exceedRatio: 0 }, 1000, trials)).toBe(0);
    expect(
      conditionalThroughput({ ...PDR, exceedRatio: 0, durationSumMs: 16_000 }, 1000, trials),
    ).toBeCloseTo(900, 9);
  });
});

describe("MLRsearch", () => {
  const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
    fc.constantFrom(...Object.values(BEHAVIOURS)),
    fc.record({
      spread: fc.double({ min: 0, max: 0.03, noNaN: true }),
      hysteresis: fc.double({ min: 0, max: 0.05, noNaN: true }),
      drop: fc.double({ min: 0, max: 0.1, noNaN: true }),
      periodS: fc.double({ min: 1, max: 60, noNaN: true }),
      // Where no load passes its seconds but by luck, a goal of no loss at all is met by luck as well, after any number of trials.
      lossy: fc.double({ min: 0, max: 0.05, noNaN: true }),
    }),
  );
  const goal = (name: string): fc.Arbitrary<Goal> =>
    fc.record({
      name: fc.constant(name),
      lossRatio: fc.constantFrom(0, 0.001, 0.005, 0.05),
      width: fc.constantFrom(0.005, 0.01, 0.05),
      finalTrialMs: fc.constantFrom(1000, 5000),
      durationSumMs: fc.constantFrom(5000, 21_000),
      exceedRatio: fc.constantFrom(0, 0.25, 0.5),
    });
  const seeds = fc.integer({ min: 1, max: 1e6 });

  it("ends with bounds that their trials prove, as near as the goal wants them, on any device", () => {
    fc.assert(
      fc.property(behaviour, seeds, fc.tuple(goal("one"), goal("other")), (departs, seed, goals) => {
        const { results, trace } = found({ goals, ...loads, warmUpMs: 0 }, simulatedDevice(departs, seed));
        expect(trace.length).toBeLessThan(5000);
        for (const { goal: wanted, kind, lowerPps, upperPps, conditionalThroughputPps } of results) {
          const classes = new Map(
            trace.map(({ loadPps }) => {
              const at = trace.filter((other) => other.loadPps === loadPps);
              return [loadPps, standingOf(wanted, at).kind] as const;
            }),
          );
          const loadsOf = (of: string) => [...classes].filter(([, is]) => is === of).map(([load]) => load);
          const upper = Math.min(...loadsOf("upper"), Infinity);
          const lower = Math.max(...loadsOf("lower").filter((load) => load < upper), 0);
          expect([lowerPps ?? 0, upperPps ?? Infinity]).toEqual([lower, upper]);
          if (kind === "regular")
            expect(lower).toBeGreaterThanOrEqual(upper * (1 - wanted.width) * (1 - 1e-9));
          if (kind === "at-maximum") expect([lower, upper]).toEqual([MAX_LOAD, Infinity]);
          if (kind === "below-minimum") expect([lower, upper]).toEqual([0, loads.minLoadPps]);
          if (conditionalThroughputPps !== null) {
            expect(conditionalThroughputPps).toBeLessThanOrEqual(lower);
            expect(conditionalThroughputPps).toBeGreaterThanOrEqual(lower * (1 - wanted.lossRatio));
          }
        }
        expect(results.every(({ kind }) => kind !== "open")).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it("brackets the threshold of a steady device", () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(0, 0.001, 0.02), (seed, lossRatio) => {
        const device = simulatedDevice(BEHAVIOURS.steady, seed);
        const { lowerPps, upperPps } = only(
          found({ goals: [{ ...NDR, lossRatio }], ...loads }, device).results,
        );
        const threshold = device.capacityPps / (1 - lossRatio);
        // A frame more or less is lost to rounding.
        expect(lowerPps).toBeLessThanOrEqual(threshold + 1);
        expect(upperPps).toBeGreaterThan(threshold - 1);
      }),
      { numRuns: 10 },
    );
  });

  it("finds no less for a goal that allows more", () => {
    const lower = ({ lowerPps }: GoalResult) => lowerPps ?? 0;
    fc.assert(
      fc.property(behaviour, seeds, (departs, seed) => {
        const goals = [NDR, PDR, { ...NDR, name: "lax", lossRatio: 0.02 }];
        const [ndr, pdr, lax] = found({ goals, ...loads }, simulatedDevice(departs, seed)).results.map(lower);
        expect(ndr).toBeLessThanOrEqual(pdr ?? 0);
        expect(pdr).toBeLessThanOrEqual(lax ?? 0);
      }),
      { numRuns: 8 },
    );
  });

  it("says so where the device is faster than the highest load or slower than the lowest", () => {
    const lets = (share: number) => ({
      measure: (asked: { loadPps: number; durationMs: number }) => ({
        ...{ ...asked, intended: 1000, received: 1000 * share, faults: [] },
      }),
    });
    const fast = found({ goals: [NDR, PDR], ...loads }, lets(1));
    expect(fast.results).toMatchObject([
      { kind: "at-maximum", lowerPps: MAX_LOAD, upperPps: null, conditionalThroughputPps: MAX_LOAD },
      { kind: "at-maximum", lowerPps: MAX_LOAD, upperPps: null },
    ]);
    // The warm-up, and as many trials at the one load as its class needs.
    expect(fast.trace.map(({ loadPps }) => loadPps)).toEqual(times(12, good).map(() => MAX_LOAD));
    const dead = found({ goals: [NDR], ...loads }, lets(0));
    expect(dead.results).toMatchObject([
      { kind: "below-minimum", lowerPps: null, upperPps: 9001, conditionalThroughputPps: null },
    ]);
    expect(dead.trace.length).toBeLessThan(30);
  });

  it("ends within its time on any sequence of good and bad trials", () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0, max: 1, noNaN: true }), (seed, share) => {
        const random = uniform(seed);
        const { trace, results } = found(
          { goals: [NDR, PDR], ...loads, atMostMs: 400_000 },
          {
            measure: (asked) => ({
              ...{ ...asked, intended: 1000, received: random() < share ? 1000 : 990, faults: [] },
            }),
          },
        );
        expect(trace.length).toBeLessThanOrEqual(400);
        if (trace.length < 400) expect(results.map(({ kind }) => kind)).not.toContain("open");
      }),
      { numRuns: 10 },
    );
  });

  it("leaves goals open when its time is over", () => {
    const { results, trace } = found(
      { goals: [NDR], ...loads, atMostMs: 20_000 },
      simulatedDevice(BEHAVIOURS.noisy, 3),
    );
    expect(only(results).kind).toBe("open");
    expect(trace).toHaveLength(20);
  });

  it.each<readonly [change: object, message: string]>([
    [{ goals: [] }, "goals: nothing to look for: expected at least one goal"],
    [
      { goals: [{ ...NDR, lossRatio: 1 }] },
      "NDR.lossRatio: beyond its range: observed 1, expected 0 to below 1",
    ],
    [
      { goals: [{ ...NDR, exceedRatio: -0.1 }] },
      "NDR.exceedRatio: beyond its range: observed -0.1, expected 0 to below 1",
    ],
    [{ goals: [{ ...NDR, width: 0 }] }, "NDR.width: beyond its range: observed 0, expected above 0, below 1"],
    [
      { goals: [{ ...NDR, finalTrialMs: 0.5 }] },
      "NDR.finalTrialMs: beyond its range: observed 0.5, expected whole milliseconds above 0",
    ],
    [
      { goals: [{ ...NDR, durationSumMs: 999 }] },
      "NDR.durationSumMs: beyond its range: observed 999, expected whole milliseconds, at least those of a final trial",
    ],
    [
      { minLoadPps: 2e7 },
      "no range of loads: observed 20000000 to 14880952 frames/s, expected 0 < minLoadPps < maxLoadPps",
    ],
  ])("refuses %j", (change, message) => {
    expect(() => mlrSearch({ goals: [NDR], ...loads, ...change })).toThrow(message);
  });
});
