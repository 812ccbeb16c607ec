import { describe, expect, test } from "vitest";
import { type FlowSetupTrial, flowSetupEvidence } from "../../sdk/measure/flow-setup.ts";
import { trialResultOf } from "../../sdk/measure/search/traffic-trial.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import type { SwitchActivity } from "../../sdk/schema/record.ts";
import { recorded } from "../observe/recorded.ts";

const ring = parseTrafficReport(recorded("traffic/ring.txt").stdout);
const stream = ring.streams[0]!;
const asked = { ratePps: 1000, percentile: "99" } as const;
const load = { loadPps: 1000, durationMs: 3000 };

/** Three thousand frames over a ring, and what a switch counted meanwhile. */
const trial = (
  counted: Partial<SwitchActivity> | undefined = { misses: 3000 },
  change: Partial<typeof stream> = {},
): FlowSetupTrial => {
  const run = { ...ring, streams: [{ ...stream, lagMaxNs: 1000, ...change }] };
  const activity = { lostUpcalls: 0, drops: {}, retries: {}, busy: {}, ...counted };
  return { run, result: trialResultOf(load, run), activity };
};
const unseen = (of: FlowSetupTrial): FlowSetupTrial => ({ ...of, activity: undefined });
/** Its times, so many times over. */
const slower = (factor: number) => {
  const { buckets, minNs, maxNs } = stream.latency;
  return {
    latency: {
      ...stream.latency,
      ...{ minNs: minNs * factor, maxNs: maxNs * factor },
      buckets: buckets.map(([ns, count]) => [ns * factor, count] as [number, number]),
    },
  };
};
const known = trial({ misses: 1 });
const remarksOf = (first: FlowSetupTrial, later = known) =>
  flowSetupEvidence("64", asked, [
    { first: trial(), later: known },
    { first, later },
  ]).remarks;

describe("first frames of flows", () => {
  test("have a histogram of their own beside those that follow, and the count of the switch", () => {
    const first = trial({ misses: 3002 }, slower(50));
    const part = { first, later: known };
    const { metrics, faults, remarks } = flowSetupEvidence("64", asked, [part, part]);
    expect(
      metrics.map(({ name, unit, direction, samples, max }) => [name, unit, direction, samples, max]),
    ).toEqual([
      ["flow-setup.64.first.forward", "ns", "lower", 6000, stream.latency.maxNs * 50],
      [
        "flow-setup.64.first.forward.pdv",
        ...(["ns", "lower", 6000, (stream.latency.maxNs - stream.latency.minNs) * 50] as const),
      ],
      ["flow-setup.64.later.forward", "ns", "lower", 6000, stream.latency.maxNs],
      [
        "flow-setup.64.later.forward.pdv",
        ...(["ns", "lower", 6000, stream.latency.maxNs - stream.latency.minNs] as const),
      ],
      ["flow-setup.64.first.lost", "count", "lower", 2, 0],
      ["flow-setup.64.later.lost", "count", "lower", 2, 0],
      ["flow-setup.64.first.misses", "count", "higher", 2, 3002],
    ]);
    expect(metrics[0]?.needed).toBe(1000);
    expect([faults, remarks]).toEqual([[], []]);
  });

  test("that were lost count, and have no latency", () => {
    const lossy = trial({ misses: 2990, lostUpcalls: 10 }, { received: 2990, lost: 10 });
    const { metrics, faults, remarks } = flowSetupEvidence("64", asked, [{ first: lossy, later: known }]);
    expect(metrics.find(({ name }) => name.endsWith("first.lost"))?.max).toBe(10);
    expect(faults).toEqual([]);
    // A lost upcall is one of a packet without an entry.
    expect(remarks).toEqual(["flow-setup.64.first: 10 frames were lost, and have no latency"]);
  });

  test("are fewer where the datapath has one entry for many flows", () => {
    expect(remarksOf(trial({ misses: 4 }))).toEqual([
      "flow-setup.64.first: the switch counted 4 packets without an entry for 3000 first frames: its datapath has one entry for many of these flows, since a megaflow leaves out what no OpenFlow flow matches, and only so many were first ones",
    ]);
    expect(remarksOf(trial({ misses: 2999 }))).toHaveLength(1);
    expect(remarksOf(trial({ misses: 3000 }))).toEqual([]);
  });

  test("are none where the switch saw none of them", () => {
    expect(remarksOf(trial({ misses: 0 }))).toEqual([
      "flow-setup.64.first: the switch counted no packet without an entry: these frames do not go through it, or it knew them all, and none is known to be a first one",
    ]);
  });

  test("are counted by nobody without a switch", () => {
    const part = { first: unseen(trial()), later: unseen(known) };
    const { metrics, faults, remarks } = flowSetupEvidence("64", asked, [part]);
    expect(metrics.map(({ name }) => name)).not.toContain("flow-setup.64.first.misses");
    expect([faults, remarks]).toEqual([
      [],
      [
        "flow-setup.64.first: no Open vSwitch answers on the machine that forwards, so that nobody counted how many of these frames it had no entry for",
      ],
    ]);
  });

  test("of which some wait for others say so, where the generator was as late", () => {
    expect(remarksOf(trial({ misses: 3000 }, { lagMaxNs: 999_999 }))).toEqual([]);
    expect(remarksOf(trial({ misses: 3000 }, { lagMaxNs: 2_500_000 }))).toEqual([
      "flow-setup.64.first: the generator was 2.5 ms late, and sent frames right behind each other then: some waited for another's upcall",
    ]);
  });

  test("that come later are not, but where the switch has forgotten their flows", () => {
    expect(remarksOf(trial(), trial({ misses: 31 }))).toEqual([]);
    expect(remarksOf(trial(), trial({ misses: 32 }))).toEqual([
      "flow-setup.64.later: the switch counted 31 packets without an entry among 3000 later frames: it had forgotten up to as many flows",
    ]);
  });

  test("are worth nothing of a generator that falls behind, which is named with its repetition", () => {
    const slow = trial({ misses: 3000 }, { sent: 1500, received: 1500 });
    const parts = [
      { first: trial(), later: known },
      { first: slow, later: known },
    ];
    expect(flowSetupEvidence("64", asked, parts).faults).toEqual([
      expect.stringMatching(
        /^flow-setup\.64\.first, repetition 2: saturated generator: forward, it could send 1500 of 3000/,
      ),
    ]);
  });

  test("are told by direction", () => {
    const both = trial({ misses: 6000 });
    const run = { ...both.run, streams: [stream, stream] };
    const first = { ...both, run, result: trialResultOf(load, run) };
    const { metrics } = flowSetupEvidence("imix", asked, [{ first, later: first }]);
    expect(metrics.map(({ name }) => name)).toContain("flow-setup.imix.first.reverse");
  });
});
