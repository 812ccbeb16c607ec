import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkFlowSetup,
  flowSetupMs,
  flowSetupPath,
  flowSetupTrials,
  flowWarmUp,
  requireForgotten,
} from "../../sdk/plan/flow-setup.ts";
import { planTrials, selfTestTrial, trialLine } from "../../sdk/plan/traffic-trials.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { flowSetup } from "../../sdk/schema/throughput.ts";
import { refusalOf } from "./refusal.ts";

const of = (fields: object = {}) =>
  flowSetup.inputs.parse({
    ...{ host: { name: "dut", connection: { kind: "local" } }, name: "setup", frames: [64] },
    generator: { kind: "nfvlab", program: "/program", cpus: "2-3" },
    from: { kind: "virtio-user", socketPath: "/run/v/p0.sock" },
    to: { kind: "virtio-user", socketPath: "/run/v/p1.sock" },
    ...fields,
  }) as Inputs<typeof flowSetup>;
const switched = (maxIdle?: string) => ({
  otherConfig: { "pmd-cpu-mask": "0x4", ...(maxIdle !== undefined && { "max-idle": maxIdle }) },
});

describe("first frames of flows", () => {
  test("are one of each flow with nothing before them, then those that follow", () => {
    const { first, later } = flowSetupTrials(of({ later: 3 }), 64);
    expect([first, later].map(trialLine)).toEqual(["100 500 50 64 unprobed", "100 1500 150 64"]);
    expect(trialLine(flowWarmUp(of(), 64))).toBe("100 1 1 64");
    expect(planTrials(flowSetupPath(of({ flows: 7 })), 0).argv).toContain("--flows=7");
  });

  test("are exactly as many as there are flows, at whatever rate", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 1000 }),
        (flows, rate, later) => {
          const trials = flowSetupTrials(of({ flows, rate, later }), "imix");
          const counts = [trials.first, trials.later].map((trial) => trialLine(trial).split(" ")[1]);
          expect(counts).toEqual([String(flows), String(flows * later)]);
        },
      ),
    );
  });

  test("are sent by a generator that is tried at their rate, and no faster", () => {
    expect(selfTestTrial(flowSetupPath(of()), 64)).toMatchObject({ loadPps: 100 });
    expect(selfTestTrial(flowSetupPath(of({ directions: "both", rate: 300 })), 64).loadPps).toBe(600);
  });

  test("take the time of silence, and of two trials, as often as they are repeated", () => {
    const each = 15_000 + (5000 + 2000 + 1500) + (5000 + 2000 + 1500) + 1000;
    expect(flowSetupMs(of())).toBe(2000 + 1500 + 3 * each);
    expect(flowSetupMs(of({ frames: [64, "imix"], repetitions: 2 }))).toBe(2000 + 1500 + 4 * each);
  });

  test("are taken by their defaults, also of a switch that is told nothing of how long it remembers", () => {
    expect(() => checkFlowSetup(of())).not.toThrow();
    expect(() => checkFlowSetup(of({ rate: 1, flows: 1, percentile: "50" }))).not.toThrow();
    for (const maxIdle of [undefined, "10000", "soon"])
      expect(() => requireForgotten(of(), switched(maxIdle), "dut")).not.toThrow();
    expect(() => requireForgotten(of({ idle: "31001ms" }), switched("30000"), "dut")).not.toThrow();
  });

  test.each<readonly [what: string, fields: object, said: string]>([
    ["one port for two directions", { directions: "both", to: undefined }, "to: there is one port"],
    ["a size twice", { frames: [64, 64] }, "frames: a size of frames is named twice"],
    [
      "too few of them for the percentile",
      { flows: 100, percentile: "99.9" },
      "flows: too few samples to tell which value 99.9 % of them do not exceed: observed 300, 100 in each of 3 repetitions, expected 10000 or more",
    ],
    [
      "silence that never ends",
      { idle: "2h" },
      "idle: nothing is sent for longer than any switch remembers a flow: observed 7200000 ms, expected 3600000 ms at most",
    ],
  ])("are refused of %s", (_, fields, said) => {
    expect(refusalOf(() => checkFlowSetup(of(fields)))).toContain(said);
  });

  test.each<readonly [what: string, fields: object, maxIdle: string | undefined, said: string]>([
    [
      "that it still knows",
      {},
      "30000",
      "idle: the switch of dut remembers flows for longer than nothing is sent, so that no frame would be a first one: observed 15000 ms, expected more than 31000 ms: its max-idle of 30000 ms, and a second until it looks; give a longer `idle`, or the daemon a shorter `flowMaxIdle`",
    ],
    [
      "that it may still know, by upstream's time",
      { idle: "11s" },
      undefined,
      "idle: the switch of dut remembers flows for longer than nothing is sent, so that no frame would be a first one: observed 11000 ms, expected more than 11000 ms",
    ],
    [
      "of which it has forgotten some when later ones come",
      { flows: 650 },
      undefined,
      "flows: the switch of dut forgets flows before their later frames come, which would be first ones again: observed about 10000 ms from a flow's first frame to its next, for 650 flows at 100 frames/s, expected less than its max-idle of 10000 ms",
    ],
  ])("are refused of flows %s", (_, fields, maxIdle, said) => {
    expect(refusalOf(() => requireForgotten(of(fields), switched(maxIdle), "dut"))).toContain(said);
  });

  test("come of the traffic program alone", () => {
    const generator = { kind: "trex", program: "/p", path: "/t", version: "3.08", cpus: "2" };
    expect(flowSetup.inputs.safeParse({ ...of(), generator }).success).toBe(false);
    expect(flowSetup.inputs.safeParse({ ...of(), maxLoad: 5 }).success).toBe(false);
  });
});
