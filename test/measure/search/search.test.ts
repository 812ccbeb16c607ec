import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backToBack } from "../../../sdk/measure/search/back-to-back.ts";
import { binarySearch } from "../../../sdk/measure/search/binary-search.ts";
import { NDR, PDR } from "../../../sdk/measure/search/goal.ts";
import { lossCurve } from "../../../sdk/measure/search/loss-curve.ts";
import { mlrSearch } from "../../../sdk/measure/search/mlrsearch.ts";
import { resumed, type Search } from "../../../sdk/measure/search/search.ts";
import { InputError } from "../../../sdk/units/errors.ts";
import { BEHAVIOURS, MAX_LOAD, simulatedDevice, uniform } from "../simulated-device.ts";

const loads = { minLoadPps: 9001, maxLoadPps: MAX_LOAD };
const searches: Record<string, () => Search<unknown>> = {
  MLRsearch: () => mlrSearch({ goals: [NDR, PDR], ...loads }),
  "binary search": () => binarySearch({ ...loads, trialMs: 1000 }),
  "a loss curve": () => lossCurve({ maxLoadPps: MAX_LOAD, trialMs: 1000 }),
  "back-to-back": () =>
    backToBack({ lineRatePps: MAX_LOAD, throughputPps: 5e6, repetitions: 2, withinFrames: 1000 }),
};
const seeds = fc.integer({ min: 1, max: 1e6 });

describe.each(Object.entries(searches))("%s", (_, begin) => {
  /** To its end, some trials being worth nothing; each seventh time taken from its list alone where it is interrupted. */
  const run = (seed: number, share: number, interrupted: boolean) => {
    const device = simulatedDevice(BEHAVIOURS.noisy, seed);
    const chance = uniform(seed + 1);
    let search = begin();
    while (search.step.kind === "trial") {
      const faults = chance() < share ? ["saturated generator"] : [];
      search = search.tell({ ...device.measure(search.step.trial), faults });
      if (interrupted && search.trace.length % 7 === 0) search = resumed(begin(), search.trace);
    }
    return search;
  };

  it("goes on from its trace alone, as if it had never been interrupted", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const [whole, other] = [run(seed, 0.1, false), run(seed, 0.1, true)];
        expect(other.step).toEqual(whole.step);
        expect(other.trace).toEqual(whole.trace);
      }),
      { numRuns: 3 },
    );
  });

  it("finds the same as if trials that are worth nothing had not been, and asks for each again", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { trace, step } = run(seed, 0.1, false);
        fc.pre(step.kind === "verdict");
        expect(trace.at(-1)?.faults).toEqual([]);
        expect(
          resumed(
            begin(),
            trace.filter(({ faults }) => faults.length === 0),
          ).step,
        ).toEqual(step);
      }),
      { numRuns: 5 },
    );
  });

  it("gives up with a reason, and without a verdict, where trials go on being worth nothing", () => {
    const { step, trace } = run(1, 1, false);
    expect(step).toEqual({
      kind: "given-up",
      reason: "3 trials in a row were worth nothing: saturated generator",
    });
    expect(trace).toHaveLength(3);
  });

  it("refuses a result of another trial, and frames that are no counts", () => {
    const search = begin();
    if (search.step.kind !== "trial") throw new Error("it has to begin with a trial");
    const { trial } = search.step;
    const told = (change: object) => () =>
      search.tell({ ...trial, intended: 10, received: 10, faults: [], ...change });
    expect(told({ loadPps: 5, durationMs: 7 })).toThrow(
      new InputError({
        code: "trial-unasked",
        problem: "a result of a trial that was not asked for",
        observed: "5 frames/s for 7 ms",
        expected: `${trial.loadPps} frames/s for ${trial.durationMs} ms`,
        hint: "tell a search the results of its own trials, in their order",
      }),
    );
    expect(told({ received: Number.NaN })).toThrow(
      "frames of a trial are no counts: observed NaN received of 10",
    );
    expect(told({ received: -1 })).toThrow(InputError);
    expect(() => run(1, 1, false).tell({ ...trial, intended: 1, received: 1, faults: [] })).toThrow(
      "expected none, the search has ended",
    );
  });
});
