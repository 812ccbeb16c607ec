import { describe, expect, test } from "vitest";
import { curveOf, metricOf, single } from "../../sdk/measure/metric.ts";
import { trialResultOf } from "../../sdk/measure/search/traffic-trial.ts";
import type { TrafficRun } from "../../sdk/measure/traffic.ts";
import {
  burstEvidence,
  latencyEvidence,
  lossEvidence,
  repeatedRemarks,
  type SoakPart,
  selfTestEvidence,
  soakEvidence,
} from "../../sdk/measure/trial-evidence.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import { recorded } from "../observe/recorded.ts";

const ring = parseTrafficReport(recorded("traffic/ring.txt").stdout);
const varied = parseTrafficReport(recorded("traffic/varied.txt").stdout);
const saturated = parseTrafficReport(recorded("traffic/sat.txt").stdout);
const stream = ring.streams[0]!;
const but = (change: Partial<typeof stream>): TrafficRun => ({
  ...ring,
  streams: [{ ...stream, ...change }],
});

describe("a generator against itself", () => {
  test("tells what it sent, by a recorded run", () => {
    const { metrics, faults } = selfTestEvidence([{ frame: "64", loadPps: 1000, run: ring }]);
    expect(faults).toEqual([]);
    expect(metrics.map(({ name, unit }) => [name, unit])).toEqual([["generator.64", "pps"]]);
    expect(Math.abs(metrics[0]!.median - 1000)).toBeLessThan(10);
  });

  test("is not believed where it can't keep the rate, by a recorded run, or loses what comes back", () => {
    const tests = [
      { frame: "64", loadPps: 200_000_000, run: saturated },
      { frame: "128", loadPps: 1000, run: but({ received: 2990, lost: 10 }) },
    ];
    const { metrics, faults } = selfTestEvidence(tests);
    expect(metrics).toHaveLength(2);
    expect(faults).toEqual([
      expect.stringMatching(
        /^the generator does not carry 200000000 frames\/s of 64 by itself, and nothing was measured with it: saturated generator: forward, it sent \d+ frames\/s of 200000000$/,
      ),
      "the generator does not carry 1000 frames/s of 128 by itself, and nothing was measured with it: it lost 10 frames that came back over a ring",
    ]);
  });
});

describe("latency under load", () => {
  const trial = { loadPps: 1000, durationMs: 3000 };

  test("has a histogram for each direction", () => {
    const both = { ...ring, streams: [stream, stream] };
    const { metrics, faults, remarks } = latencyEvidence("64", 50, both, trialResultOf(trial, both));
    expect(metrics.map(({ name, samples, max }) => [name, samples, max])).toEqual([
      ["latency.64.50.forward", 3000, stream.latency.maxNs],
      ["latency.64.50.forward.pdv", 3000, stream.latency.maxNs - stream.latency.minNs],
      ["latency.64.50.reverse", 3000, stream.latency.maxNs],
      ["latency.64.50.reverse.pdv", 3000, stream.latency.maxNs - stream.latency.minNs],
    ]);
    expect([faults, remarks]).toEqual([[], []]);
  });

  test("says which frames tell no variation, by a recorded run over a path that lost some", () => {
    const { metrics, remarks } = latencyEvidence("64", 90, varied, trialResultOf(trial, varied));
    expect(metrics.map(({ name }) => name)).toEqual(
      ["", ".pdv", ".ipdv"].map((role) => `latency.64.90.forward${role}`),
    );
    expect(remarks).toEqual([
      "latency.64.90: 1774 frames were lost, and have no latency",
      expect.stringMatching(/^latency\.64\.90\.forward\.ipdv: 1640 of 4225 frames came behind another/),
    ]);
  });

  test("says what was lost, and is not valid of a generator that fell behind", () => {
    const lossy = but({ received: 2990, lost: 10 });
    expect(latencyEvidence("64", 90, lossy, trialResultOf(trial, lossy))).toMatchObject({
      faults: [],
      remarks: ["latency.64.90: 10 frames were lost, and have no latency"],
    });
    const slow = but({ sent: 2000, received: 2000 });
    expect(latencyEvidence("64", 90, slow, trialResultOf(trial, slow)).faults).toEqual([
      "latency.64.90: saturated generator: forward, it could send 2000 of 3000 frames in their time",
    ]);
  });
});

test("a loss curve is a ratio by percent of the highest load, to a billionth", () => {
  const { metrics } = lossEvidence("64", [
    { loadPps: 14_880_952, lossRatio: 0.25 },
    { loadPps: 14_880_952 * 0.9, lossRatio: 1.5e-8 },
    { loadPps: 14_880_952 * 0.85, lossRatio: 0 },
  ]);
  const ratios = metrics.filter(({ unit }) => unit === "ratio");
  expect(
    ratios.map(({ name, unit, direction, median, max }) => [name, unit, direction, median, max]),
  ).toEqual([
    ["loss.64.100", "ratio", "lower", 0.25, 0.25],
    ["loss.64.90", "ratio", "lower", 1.5e-8, 1.5e-8],
    ["loss.64.85", "ratio", "lower", 0, 0],
  ]);
});

describe("forwarding rates", () => {
  const of = (...points: readonly (readonly [loadPps: number, lossRatio: number])[]) => {
    const { metrics, remarks } = lossEvidence(
      "64",
      points.map(([loadPps, lossRatio]) => ({ loadPps, lossRatio })),
    );
    const rates = metrics.filter(({ name }) => name.startsWith("forwarding."));
    return { rates: rates.map(({ name, unit, direction, max }) => [name, unit, direction, max]), remarks };
  };

  test("are what came at the highest load, and at most", () => {
    expect(of([1000, 0.4], [900, 0.4], [800, 0.25], [700, 0])).toEqual({
      rates: [
        ["forwarding.64.mfr", "pps", "higher", 700],
        ["forwarding.64.frmol", "pps", "higher", 600],
      ],
      remarks: ["forwarding.64.mfr: at 70 % of the highest load, 700 frames/s"],
    });
  });

  test("are one where more load brings no less", () => {
    const { rates, remarks } = of([1000, 0.25], [900, 0.2], [800, 0.0625], [700, 0], [600, 0]);
    expect(rates.map(([name, , , pps]) => [name, pps])).toEqual([
      ["forwarding.64.mfr", 750],
      ["forwarding.64.frmol", 750],
    ]);
    expect(remarks).toEqual([]);
  });
});

test("the histogram of a ratio is in billionths, its figures are not", () => {
  const metric = metricOf({ name: "loss", unit: "ratio", direction: "lower" }, [0.1, 0.2, 0.4].map(single));
  expect([metric.min, metric.median, metric.max]).toEqual([0.1, expect.closeTo(0.2, 3), 0.4]);
  expect(metric.percentiles["50"]).toBeCloseTo(0.2, 3);
  expect(curveOf(metric.histogram, [100])[0]?.[1]).toBeCloseTo(4e8, -6);
});

describe("bursts", () => {
  const bursts = {
    kind: "regular",
    bursts: [100, 120, 110],
    averageFrames: 110,
    minFrames: 100,
    maxFrames: 120,
  } as const;
  const times = { deviationFrames: 10, impliedBufferMs: 0.5, correctedBufferMs: 0.25 };

  test("tell of a buffer", () => {
    const { metrics, remarks } = burstEvidence("64", { ...bursts, ...times });
    expect(metrics.map(({ name, unit, median }) => [name, unit, median])).toEqual([
      ["burst.64", "count", 110],
      ["buffer.64.implied", "ns", 500_000],
      ["buffer.64.corrected", "ns", 250_000],
    ]);
    expect(remarks).toEqual([]);
  });

  test("tell of none where the longest loses nothing", () => {
    const { metrics, remarks } = burstEvidence("64", { ...bursts, ...times, kind: "no-loss" });
    expect(metrics.map(({ name }) => name)).toEqual(["burst.64"]);
    expect(remarks).toEqual([expect.stringContaining("nothing is known of the buffer")]);
  });
});

describe("a soak", () => {
  const part = (received: readonly number[], run: TrafficRun = ring): SoakPart => ({
    ...{ run, received },
    result: trialResultOf({ loadPps: 1000, durationMs: 3000 }, run),
  });
  const second = (index: number) => 1000 + (index % 3);

  test("has throughput and loss of each part, and the latency of all", () => {
    const steady = Array.from({ length: 30 }, (_, index) => second(index));
    const { metrics, faults, remarks } = soakEvidence("64", [part(steady), part(steady)]);
    expect(
      metrics.map(({ name, samples, median }) => [name, samples, name.includes("latency") ? 0 : median]),
    ).toEqual([
      ["soak.64.throughput", 2, 1000],
      ["soak.64.lost", 2, 0],
      ["soak.64.latency.forward", 6000, 0],
      ["soak.64.latency.forward.pdv", 6000, 0],
    ]);
    expect([faults, remarks]).toEqual([[], []]);
  });

  test("is not valid where what arrives falls on the way, or too little is known of it", () => {
    const falling = (at: number) =>
      soakEvidence("64", [
        part(Array.from({ length: 60 }, (_, index) => second(index) * (index < at ? 1 : 0.7))),
      ]).faults;
    const title = "soak.64.throughput: not steady";
    expect(falling(45)).toEqual([`${title}, it fell after value 45 of 60 (frames that came in each second)`]);
    expect(falling(30)).toEqual([
      `${title}, it was another in its first 30 seconds (frames that came in each second)`,
    ]);
    expect(falling(5)).toEqual([]);
    expect(soakEvidence("64", [part([1000, 1000])]).faults).toEqual([
      expect.stringContaining("at least 20 are needed"),
    ]);
  });
});

test("trials that were made again are told, those of another purpose are not", () => {
  const trial = { frame: "64", loadPps: 1, durationMs: 1, intended: 1, received: 1, faults: [] as string[] };
  const bad = { ...trial, faults: ["saturated generator"] };
  expect(
    repeatedRemarks([
      { ...trial, purpose: "search" },
      { ...bad, purpose: "self-test" },
    ]),
  ).toEqual([]);
  expect(
    repeatedRemarks([
      { ...trial, purpose: "search" },
      { ...bad, purpose: "search" },
    ]),
  ).toEqual(["1 of 2 trials were worth nothing and made again; each says why"]);
});
