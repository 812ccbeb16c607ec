import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AskedRecovery, recoveryEvidence } from "../../sdk/measure/recovery.ts";
import { trialResultOf } from "../../sdk/measure/search/traffic-trial.ts";
import type { TrafficRun } from "../../sdk/measure/traffic.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import type { TrafficStep } from "../../sdk/schema/traffic-report.ts";
import { recorded } from "../observe/recorded.ts";

/** A second of overload, and two of a quarter of it, in whose beginning the way was cut for 200 ms. */
const run: TrafficRun = parseTrafficReport(recorded("traffic/recovered.txt").stdout);
const [stream = expect.fail("no stream")] = run.streams;
const [overload, relief] = stream.steps as [TrafficStep, TrafficStep];
const asked: AskedRecovery = {
  ...{ throughputPps: 3600, percent: 111, overloadPps: 3996 },
  ...{ overloadMs: 60_000, reliefMs: 2000 },
};
const trial = { loadPps: 4000, durationMs: 1000, afterwards: { loadPps: 1000, durationMs: 2000 } };
const part = (of: TrafficRun) => ({ run: of, result: trialResultOf(trial, of) });
const but = (first: Partial<TrafficStep>, second: Partial<TrafficStep>): TrafficRun => ({
  ...run,
  streams: [
    {
      ...stream,
      steps: [
        { ...overload, ...first },
        { ...relief, ...second },
      ],
    },
  ],
});
const without = ({ lastLostNs: _, ...step }: TrafficStep): TrafficStep => step;

describe("a system recovery", () => {
  test("is the time from the change of the rate to the last lost frame, by a recorded run", () => {
    const { metrics, faults, remarks } = recoveryEvidence("64", asked, [part(run), part(run)]);
    expect(
      metrics.map(({ name, unit, direction, max, samples }) => [name, unit, direction, max, samples]),
    ).toEqual([
      ["recovery.64", "ns", "lower", relief.lastLostNs, 2],
      ["recovery.64.lost", "count", "lower", relief.lost, 2],
      ["recovery.64.overload", "ratio", "lower", overload.lost / overload.planned, 2],
    ]);
    // The way was cut for 200 ms, and the program is told of it a little after the change.
    expect(relief.lastLostNs).toBeGreaterThan(200e6);
    expect(relief.lastLostNs).toBeLessThan(300e6);
    expect([faults, remarks]).toEqual([[], []]);
  });

  test("is nothing where nothing was lost behind the change", () => {
    const clean = but({}, { lost: 0 });
    const steps = [overload, without({ ...relief, lost: 0 })];
    const [time, lost] = recoveryEvidence("64", asked, [
      part({ ...clean, streams: [{ ...stream, steps }] }),
    ]).metrics;
    expect([time?.max, lost?.max]).toEqual([0, 0]);
  });

  test("is that of the direction that takes longer, and of a refused frame as of a lost one", () => {
    const refused = { ...without({ ...relief, lost: 0 }), refused: 3, lastRefusedNs: 400e6 };
    const both = { ...run, streams: [stream, { ...stream, steps: [overload, refused] }] };
    const { metrics } = recoveryEvidence("imix", asked, [part(both)]);
    expect(metrics.map(({ name, max }) => [name, max]).slice(0, 2)).toEqual([
      ["recovery.imix", 400e6],
      ["recovery.imix.lost", relief.lost],
    ]);
  });

  test("counts what a port had no room for under overload as lost", () => {
    const { metrics } = recoveryEvidence("64", asked, [
      part(but({ sent: 3000, refused: 5000, lost: 0 }, {})),
    ]);
    expect(metrics.at(-1)?.max).toBe(0.25);
  });

  test("grows with the last lost frame alone, whatever was lost before it", () => {
    fc.assert(
      fc.property(fc.nat(1.7e9), fc.nat(2000), fc.nat(4000), (lastLostNs, lost, before) => {
        const { metrics } = recoveryEvidence("64", asked, [
          part(but({ lost: before }, { lost, lastLostNs })),
        ]);
        expect(metrics[0]?.max).toBe(lastLostNs);
      }),
    );
  });

  test.each<readonly [what: string, run: TrafficRun, expected: string]>([
    [
      "an overload that lost nothing",
      but({ lost: 0 }, {}),
      "recovery.64: nothing was lost at 3996 frames/s, so that there was nothing to recover from",
    ],
    [
      "loss that did not end",
      but({}, { lastLostNs: 1.9e9 }),
      "recovery.64: frames were still lost 1.9 s after the change, of 2 s that were measured: it did not recover",
    ],
    [
      "a generator that was late for as long",
      but({}, { lagMaxNs: 240e6 }),
      "recovery.64: the generator itself was 240 ms late, no less than the recovery took",
    ],
    [
      "a generator that did not change its rate",
      { ...run, streams: [{ ...stream, steps: [] }] },
      "recovery.64: the generator told nothing of a change of its rate",
    ],
    [
      "a generator that fell behind with half the load",
      but({}, { sent: 1500, sendingNs: 2e9 }),
      "recovery.64: saturated generator: forward, it could send 1500 of 2000 frames in their time",
    ],
  ])("is not valid of %s", (_, of, expected) => {
    expect(recoveryEvidence("64", asked, [part(of)]).faults).toContain(expected);
  });

  test("is not held against a generator whose frames its port refused", () => {
    const late = but({}, { lagMaxNs: 240e6, refused: 7, lastRefusedNs: 230e6 });
    expect(recoveryEvidence("64", asked, [part(late)]).faults).toEqual([]);
  });

  test("names the repetition, and says what was short of what was wanted", () => {
    const few = { ...asked, overloadMs: 5000, throughputPps: 3900, percent: 110 };
    const { faults, remarks } = recoveryEvidence("64", few, [part(run), part(but({ lost: 0 }, {}))]);
    expect(faults).toEqual([expect.stringMatching(/^recovery\.64, repetition 2: nothing was lost/)]);
    expect(remarks).toEqual([
      "recovery.64: short: the overload was sent for 5 s, RFC 2544 asks for 60 s or more",
      "recovery.64: the overload was 102 % of the throughput and not 110 %: no load is above 3996 frames/s",
    ]);
  });
});
