import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backToBack } from "../../../sdk/measure/search/back-to-back.ts";
import { type BinarySearch, binarySearch } from "../../../sdk/measure/search/binary-search.ts";
import { lossCurve } from "../../../sdk/measure/search/loss-curve.ts";
import type { Search, Trial, TrialResult } from "../../../sdk/measure/search/search.ts";
import { BEHAVIOURS, MAX_LOAD, simulatedDevice, uniform } from "../simulated-device.ts";

const loads = { minLoadPps: 9001, maxLoadPps: MAX_LOAD };

function run<Verdict>(begin: Search<Verdict>, measure: (trial: Trial) => TrialResult) {
  let search = begin;
  while (search.step.kind === "trial") search = search.tell(measure(search.step.trial));
  if (search.step.kind !== "verdict") throw new Error(search.step.reason);
  return { verdict: search.step.verdict, trace: search.trace };
}

describe("binary search", () => {
  const seeds = fc.integer({ min: 1, max: 1e6 });
  const outcome = (trial: Trial, isGood: boolean) => ({
    ...{ ...trial, intended: 1000, received: isGood ? 1000 : 999, faults: [] },
  });

  it("brackets the capacity of a steady device, in minutes", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const device = simulatedDevice(BEHAVIOURS.steady, seed);
        const { verdict, trace } = run(binarySearch(loads), device.measure);
        const { kind, throughputPps, failedPps } = verdict;
        expect(kind).toBe("regular");
        expect(throughputPps).toBeLessThanOrEqual(device.capacityPps + 1);
        expect(failedPps).toBeGreaterThan(device.capacityPps - 1);
        expect((failedPps ?? 0) - (throughputPps ?? 0)).toBeLessThanOrEqual(0.005 * (failedPps ?? 0));
        expect(trace.every(({ durationMs }) => durationMs === 60_000)).toBe(true);
        expect(trace.length).toBeLessThan(20);
      }),
    );
  });

  it("reports on any sequence a load that passed two of three, below all that failed, or that there is none", () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0, max: 1, noNaN: true }), (seed, share) => {
        const random = uniform(seed);
        const { verdict, trace } = run(binarySearch(loads), (trial) => outcome(trial, random() < share));
        const at = (load: number | null) => trace.filter(({ loadPps }) => loadPps === load);
        const good = (results: readonly TrialResult[]) =>
          results.filter(({ received }) => received === 1000).length;
        if (verdict.throughputPps !== null) {
          expect(good(at(verdict.throughputPps))).toBe(2);
          expect(at(verdict.throughputPps).length).toBeLessThanOrEqual(3);
        }
        if (verdict.kind === "below-minimum")
          expect(at(loads.minLoadPps).length - good(at(loads.minLoadPps))).toBeGreaterThan(0);
        expect(trace.length).toBeLessThan(2000);
      }),
    );
  });

  it("goes on below a load that was lucky once", () => {
    const lucky = MAX_LOAD / 2;
    let met = 0;
    const { verdict } = run(binarySearch({ ...loads, width: 0.4 }), (trial) => {
      const isHalf = Math.abs(trial.loadPps - lucky) < 1e4;
      if (isHalf) met += 1;
      return outcome(trial, isHalf ? met === 1 : trial.loadPps < lucky);
    });
    expect(met).toBe(3);
    expect(verdict).toMatchObject({ kind: "regular" });
    expect(verdict.failedPps).toBeCloseTo(lucky, -5);
    expect(verdict.throughputPps).toBeLessThan(lucky);
  });

  it.each([
    [true, { kind: "at-maximum", throughputPps: MAX_LOAD, failedPps: null }, 2],
    [false, { kind: "below-minimum", throughputPps: null, failedPps: 9001 }, 21],
  ] as const)("says so where every trial is good: %s", (isGood, verdict, atMost) => {
    const found = run(binarySearch(loads), (trial) => outcome(trial, isGood));
    expect(found.verdict).toEqual(verdict);
    expect(found.trace.length).toBeLessThanOrEqual(atMost);
  });

  it.each<readonly [Partial<BinarySearch>]>([
    [{ width: 0 }],
    [{ minLoadPps: 0 }],
    [{ maxLoadPps: 1 }],
    [{ trialMs: 0 }],
  ])("refuses %j", (change) => {
    expect(() => binarySearch({ ...loads, ...change })).toThrow(
      /^no range of loads to search: observed .*expected/,
    );
  });
});

describe("the curve of frame loss", () => {
  const device = (capacity: number) => (trial: Trial) => {
    const intended = Math.round((trial.loadPps * trial.durationMs) / 1000);
    return { ...trial, intended, received: Math.min(intended, capacity * 60), faults: [] };
  };

  it("falls in tenths of the highest load until two lose nothing", () => {
    const { verdict } = run(lossCurve({ maxLoadPps: 1000 }), device(750));
    expect(verdict.map(({ loadPps, lossRatio }) => [Math.round(loadPps), lossRatio])).toEqual([
      [1000, 0.25],
      [900, (54_000 - 45_000) / 54_000],
      [800, (48_000 - 45_000) / 48_000],
      [700, 0],
      [600, 0],
    ]);
  });

  it("has every load where all of them lose, and none of zero", () => {
    const { verdict } = run(lossCurve({ maxLoadPps: 1000 }), device(0));
    expect(verdict.map(({ loadPps }) => Math.round(loadPps))).toEqual([
      1000, 900, 800, 700, 600, 500, 400, 300, 200, 100,
    ]);
    expect(run(lossCurve({ maxLoadPps: 1000, step: 0.07 }), device(0)).verdict).toHaveLength(15);
  });

  it("refuses steps that RFC 2544 does not allow", () => {
    expect(() => lossCurve({ maxLoadPps: 1000, step: 0.2 })).toThrow(
      "no curve of frame loss: observed up to 1000 frames/s in steps of 0.2",
    );
  });
});

describe("back-to-back", () => {
  const lineRatePps = 1_000_000;
  /** A buffer that empties at the throughput while a burst fills it. */
  const buffered = (frames: number, throughputPps: number) => (trial: Trial) => {
    const intended = Math.round((trial.loadPps * trial.durationMs) / 1000);
    const forwarded = Math.floor((intended * throughputPps) / lineRatePps);
    return { ...trial, intended, received: Math.min(intended, forwarded + frames), faults: [] };
  };

  it("tells how large the buffer is, without what is forwarded meanwhile", () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 10_000 }), fc.integer({ min: 1, max: 9 }), (frames, tenths) => {
        const throughputPps = (lineRatePps * tenths) / 10;
        const { verdict } = run(
          backToBack({ lineRatePps, throughputPps, repetitions: 3 }),
          buffered(frames, throughputPps),
        );
        const longest = frames / (1 - tenths / 10);
        expect(Math.abs(verdict.averageFrames - longest)).toBeLessThan(12);
        expect(verdict.minFrames).toBe(verdict.maxFrames);
        expect(verdict.deviationFrames).toBe(0);
        expect(verdict.impliedBufferMs).toBeCloseTo((verdict.averageFrames * 1000) / lineRatePps, 9);
        // A frame or so more or less, of which a part is forwarded.
        expect(Math.abs((verdict.correctedBufferMs * lineRatePps) / 1000 - frames)).toBeLessThan(2);
      }),
    );
  });

  it("repeats, and says how far the bursts are apart", () => {
    let burst = 0;
    const search = backToBack({ lineRatePps, throughputPps: 0, repetitions: 3 });
    let at: Search<unknown> = search;
    let before = 0;
    while (at.step.kind === "trial") {
      const trial = at.step.trial;
      // A new repetition begins with the longest burst again.
      if (trial.durationMs === 2000) burst = [100, 200, 300][before++] ?? 0;
      at = at.tell(buffered(burst, 0)(trial));
    }
    expect(at.step).toMatchObject({
      kind: "verdict",
      verdict: {
        bursts: [100, 200, 300],
        averageFrames: 200,
        minFrames: 100,
        maxFrames: 300,
        deviationFrames: 100,
      },
    });
  });

  it("says so where nothing is lost, since that tells nothing of a buffer", () => {
    const { verdict, trace } = run(
      backToBack({ lineRatePps, throughputPps: lineRatePps }),
      buffered(0, lineRatePps),
    );
    expect(verdict).toMatchObject({ kind: "no-loss", bursts: [2_000_000] });
    expect(trace).toHaveLength(1);
  });

  it("refuses a throughput above line rate", () => {
    expect(() => backToBack({ lineRatePps, throughputPps: 2e6 })).toThrow(
      /^no bursts to search: observed .*2000000 of 1000000/,
    );
  });
});
