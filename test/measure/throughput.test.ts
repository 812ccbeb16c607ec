import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Search } from "../../sdk/measure/search/search.ts";
import {
  leastOf,
  type SearchOutcome,
  type ThroughputWanted,
  throughputEvidence,
  throughputSearches,
} from "../../sdk/measure/throughput.ts";
import type { FoundThroughput } from "../../sdk/schema/throughput.ts";
import { BEHAVIOURS, MAX_LOAD, type SimulatedDevice, simulatedDevice } from "./simulated-device.ts";

const wanted: ThroughputWanted = {
  ...{ method: "mlrsearch", goals: { ndr: { loss: 0 }, pdr: { loss: 0.005 } } },
  ...{ minLoadPps: 9001, maxLoadPps: MAX_LOAD, warmUpMs: 1000, atMostMs: 3_600_000 },
};

/** All that is found on a device, search by search. */
function foundOn(device: SimulatedDevice, of: ThroughputWanted): Record<string, FoundThroughput> {
  const ended = <V>(search: Search<V>): V => {
    let now = search;
    while (now.step.kind === "trial") now = now.tell(device.measure(now.step.trial));
    if (now.step.kind !== "verdict") throw new Error(now.step.reason);
    return now.step.verdict;
  };
  return Object.assign({}, ...throughputSearches(of).map(({ search }) => ended(search)));
}

describe("the throughput of every goal", () => {
  test.each(["mlrsearch", "rfc2544"] as const)(
    "is between its bounds on a device that stands still, by %s",
    (method) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
          const device = simulatedDevice(BEHAVIOURS.steady, seed);
          const found = foundOn(device, { ...wanted, method });
          expect(Object.keys(found)).toEqual(["ndr", "pdr"]);
          for (const [goal, allowed] of [
            ["ndr", 0],
            ["pdr", 0.005],
          ] as const) {
            const { kind, lowerPps, upperPps, throughputPps } = found[goal]!;
            const threshold = device.capacityPps / (1 - allowed);
            expect(kind).toBe("regular");
            // A frame of one trial is a thousandth of what the bounds are apart.
            expect(lowerPps).toBeLessThanOrEqual(threshold * 1.00001);
            expect(upperPps).toBeGreaterThanOrEqual(threshold * 0.99999);
            expect((upperPps! - lowerPps!) / upperPps!).toBeLessThanOrEqual(0.0051);
            expect(throughputPps).toBeLessThanOrEqual(lowerPps!);
            expect(throughputPps).toBeGreaterThanOrEqual(lowerPps! * (1 - allowed) - 2);
          }
        }),
        { numRuns: 15 },
      );
    },
  );

  test("comes by one search of MLRsearch, by one of each goal of RFC 2544", () => {
    const goalsBy = (method: ThroughputWanted["method"]) =>
      throughputSearches({ ...wanted, method }).map(({ goals }) => goals);
    expect(goalsBy("mlrsearch")).toEqual([["ndr", "pdr"]]);
    expect(goalsBy("rfc2544")).toEqual([["ndr"], ["pdr"]]);
  });

  test("is looked for by trials as the goal has them", () => {
    const lengths = (of: ThroughputWanted) => {
      const device = simulatedDevice(BEHAVIOURS.steady, 5);
      return throughputSearches(of).flatMap(({ search }) => {
        let now: Search<unknown> = search;
        while (now.step.kind === "trial") now = now.tell(device.measure(now.step.trial));
        return now.trace.map(({ durationMs }) => durationMs);
      });
    };
    const goals = { ndr: { loss: 0, trial: "200ms", sum: "400ms", width: 0.05 } } as const;
    expect(new Set(lengths({ ...wanted, goals, warmUpMs: 0 }))).toEqual(new Set([200]));
    expect(new Set(lengths({ ...wanted, goals: { ndr: { loss: 0 } }, method: "rfc2544" }))).toEqual(
      new Set([60_000]),
    );
  });

  test("is refused where a goal or the range of loads is none", () => {
    expect(() => throughputSearches({ ...wanted, goals: { ndr: { loss: 0, sum: "1ms" } } })).toThrow(
      "ndr.durationSumMs: beyond its range",
    );
    for (const method of ["mlrsearch", "rfc2544"] as const)
      expect(() => throughputSearches({ ...wanted, method, minLoadPps: MAX_LOAD })).toThrow("range of loads");
  });
});

const regular: FoundThroughput = { kind: "regular", throughputPps: 1000.4, lowerPps: 1001, upperPps: 1005 };

describe("what a record says of a throughput", () => {
  test("has a value for each repetition, and the bounds beside it", () => {
    const second = { ...regular, throughputPps: 1020, lowerPps: 1020, upperPps: 1025 };
    const { metrics, faults, remarks } = throughputEvidence("64", [{ ndr: regular }, { ndr: second }]);
    expect(
      metrics.map(({ name, unit, direction, min, max, repetitions }) => [
        name,
        unit,
        direction,
        min,
        max,
        repetitions.length,
      ]),
    ).toEqual([
      ["throughput.64.ndr", "pps", "higher", 1000, 1020, 2],
      ["throughput.64.ndr.lower", "pps", "higher", 1001, 1020, 2],
      ["throughput.64.ndr.upper", "pps", "higher", 1005, 1025, 2],
    ]);
    expect([faults, remarks]).toEqual([[], []]);
  });

  test("is a throughput that may be higher where the highest load meets the goal", () => {
    const { metrics, faults, remarks } = throughputEvidence("imix", [
      { ndr: { ...regular, kind: "at-maximum", upperPps: null } },
    ]);
    expect(metrics.map(({ name }) => name)).toEqual(["throughput.imix.ndr", "throughput.imix.ndr.lower"]);
    expect(faults).toEqual([]);
    expect(remarks).toEqual([
      "imix ndr: the highest load meets the goal, so that the throughput may be higher",
    ]);
  });

  test.each<readonly [what: string, outcome: SearchOutcome, fault: string]>([
    [
      "a path that does not carry the lowest load",
      { ndr: { kind: "below-minimum", throughputPps: null, lowerPps: null, upperPps: 9001 } },
      "64 ndr: even the lowest load, 9001 frames/s, does not meet the goal",
    ],
    [
      "a search that ran out of time",
      { ndr: { ...regular, kind: "open", upperPps: null } },
      "64 ndr: the time was over before both bounds stood, 1001 frames/s meets the goal and nothing does not",
    ],
    [
      "a search that gave up",
      { ndr: "3 trials in a row were worth nothing: why" },
      "64 ndr: 3 trials in a row were worth nothing: why",
    ],
  ])("is not valid of %s", (_, outcome, fault) => {
    expect(throughputEvidence("64", [outcome]).faults).toEqual([fault]);
  });

  test("says that it is unstable, which is for the reader to judge", () => {
    const runs = [1000, 1100, 900].map((pps) => ({ ndr: { ...regular, throughputPps: pps } }));
    expect(throughputEvidence("64", runs).remarks).toEqual([
      "64 ndr: unstable: it varies by 10 % from repetition to repetition, at most 3 % is expected",
    ]);
  });

  test("is the least of all repetitions, whatever their order, where one is asked for", () => {
    const value = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 1e7 }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 6 }), (values) => {
        const runs = values.map((throughputPps) => ({ ndr: { ...regular, throughputPps }, pdr: "given up" }));
        const least = leastOf(runs);
        expect(Object.keys(least)).toEqual(["ndr"]);
        expect(least["ndr"]?.throughputPps ?? 0).toBe(Math.min(...values.map((pps) => pps ?? 0)));
      }),
    );
  });
});
