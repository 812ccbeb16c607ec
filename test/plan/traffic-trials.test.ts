import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  askedRecovery,
  checkCriticalLoad,
  checkKnown,
  checkRecovery,
  checkSoak,
  checkThroughput,
  checkTrials,
  criticalLoadMs,
  frameSizesOf,
  highestLoad,
  planSelfTest,
  planTrials,
  recoveryMs,
  recoveryTrial,
  selfTestTrial,
  soakTrials,
  throughputMs,
  trialLine,
} from "../../sdk/plan/traffic-trials.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import {
  backToBack,
  criticalLoad,
  frameLoss,
  soak,
  systemRecovery,
  throughput,
} from "../../sdk/schema/throughput.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { type FrameSize, meanBytes, sizesOf } from "../../sdk/units/frames.ts";
import { formatPacketRate, lineFrames } from "../../sdk/units/rate.ts";

type ThroughputInputs = Inputs<typeof throughput>;

const inputs: ThroughputInputs = {
  ...{ host: { name: "dut", connection: { kind: "local" } }, name: "ndr" },
  generator: { kind: "nfvlab", program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic", cpus: "2-3" },
  from: { kind: "virtio-user", socketPath: "/run/v/p0.sock" },
  to: { kind: "virtio-user", socketPath: "/run/v/p1.sock" },
};
const refused = (check: () => void) => {
  try {
    check();
  } catch (error) {
    return (error as InputError).message;
  }
  return "";
};

describe("loads", () => {
  test("are what the wire carries, by the size of the frames (RFC 2544, appendix B)", () => {
    const fast = [64, 128, 256, 512, 1024, 1280, 1518].map((bytes) =>
      Math.floor(lineFrames("10Gbit/s", bytes)),
    );
    expect(fast).toEqual([14_880_952, 8_445_945, 4_528_985, 2_349_624, 1_197_318, 961_538, 812_743]);
    expect(frameSizesOf({ frames: undefined }).map((frame) => highestLoad(inputs, frame))).toEqual(fast);
    expect(highestLoad({ ...inputs, lineRate: "100Mbit/s" }, 64)).toBe(148_809);
  });

  test("are no more than the generator is said to carry, nor than it can be told", () => {
    expect(highestLoad({ ...inputs, maxLoad: 1000 }, 64)).toBe(1000);
    expect(highestLoad({ ...inputs, lineRate: "400Gbit/s" }, 64)).toBe(200_000_000);
    expect(highestLoad({ ...inputs, lineRate: "400Gbit/s", directions: "both" }, 64)).toBe(100_000_000);
  });

  test("of a mix are those of its mean size: 7 of 64 bytes, 4 of 570, 1 of 1518", () => {
    const sizes = sizesOf("imix");
    const many = (size: number) => sizes.filter((each) => each === size).length;
    expect([many(64), many(570), many(1518), sizes.length]).toEqual([7, 4, 1, 12]);
    expect(meanBytes("imix")).toBeCloseTo(353.83, 2);
    expect(highestLoad(inputs, "imix")).toBe(Math.floor(1e10 / ((353.8333333 + 20) * 8)));
  });

  test("have three digits for people", () => {
    expect([11_400_000, 9001, 999].map(formatPacketRate)).toEqual(["11.4 Mpps", "9 kpps", "999 pps"]);
  });
});

describe("a trial in the program's words", () => {
  test("has rate, frames, how late its last may be, and sizes", () => {
    expect(trialLine({ frame: 64, loadPps: 1234.56, durationMs: 2000 })).toBe("1235 2469 20 64");
    expect(trialLine({ frame: "imix", loadPps: 0.2, durationMs: 50 })).toBe(
      "1 1 1 64,570,64,64,570,64,1518,64,570,64,64,570",
    );
  });

  test("says that nothing goes before its frames", () => {
    expect(trialLine({ frame: 64, loadPps: 300, durationMs: 500_000 / 300, unprobed: true })).toBe(
      "300 500 17 64 unprobed",
    );
  });

  test("has a second rate and its frames where the rate changes, and the time of both to be late in", () => {
    const afterwards = { loadPps: 50.4, durationMs: 3000 };
    expect(trialLine({ frame: 64, loadPps: 100, durationMs: 2000, afterwards })).toBe("100 200 50 64 50 151");
  });

  test("is of whole numbers that the program takes, and of as many frames as the search counts", () => {
    const frame: fc.Arbitrary<FrameSize> = fc.oneof(
      fc.integer({ min: 64, max: 1518 }),
      fc.constant("imix" as const),
    );
    const load = fc.double({ min: 1, max: 200e6, noNaN: true });
    fc.assert(
      fc.property(frame, load, fc.integer({ min: 1, max: 20_000 }), (size, loadPps, durationMs) => {
        const [rate, count, late, sizes] = trialLine({ frame: size, loadPps, durationMs }).split(" ");
        for (const word of [rate, count, late]) expect(word).toMatch(/^\d+$/);
        expect(Math.abs(Number(rate) - loadPps)).toBeLessThanOrEqual(0.5);
        expect(Number(count)).toBe(Math.max(1, Math.round((loadPps * durationMs) / 1000)));
        expect(Number(late)).toBeLessThanOrEqual(Math.max(1, durationMs / 100 + 1));
        expect(sizes?.split(",").map(Number)).toEqual(sizesOf(size));
      }),
    );
  });
});

describe("the program", () => {
  test("is told trials on the way that it is to measure", () => {
    const { argv, prepare, properties, seconds } = planTrials(inputs, 60_000);
    expect(argv.slice(argv.indexOf("--"))).toEqual([
      ...["--", "--role=measure", "--port=net_virtio_user0", "--port=net_virtio_user1"],
      ...["--settle-ms=2000", "--link-ms=10000", "--probe-ms=15000", "--trials"],
    ]);
    expect(prepare.map(({ argv: made }) => made)).toEqual([["mkdir", "-p", "/run/v"]]);
    expect(properties.join()).toContain("/run/v/p0.sock");
    expect(seconds).toBeGreaterThan(60);
  });

  test("measures itself over a ring first, with the load of all directions at once", () => {
    const { argv = [] } = planSelfTest({ ...inputs, directions: "both" }) ?? {};
    expect(argv.filter((word) => /vdev|port|both/.test(word))).toEqual([
      "--vdev=net_ring0",
      "--port=net_ring0",
    ]);
    expect(argv).toContain("2-3");
    expect(selfTestTrial({ ...inputs, directions: "both", maxLoad: 1000 }, 64).loadPps).toBe(2000);
    expect(selfTestTrial({ ...inputs, maxLoad: 1000 }, 64).loadPps).toBe(1000);
  });

  test("has time for all that may be asked of it", () => {
    const one = throughputMs({ ...inputs, frames: [64], atMost: "10s", latency: { at: [] } });
    expect(one).toBeGreaterThan(10_000 + 10 * 2000);
    expect(throughputMs({ ...inputs, frames: [64, 128], atMost: "10s", latency: { at: [] } })).toBe(2 * one);
    expect(
      throughputMs({ ...inputs, frames: [64], atMost: "10s", latency: { at: [50], duration: "60s" } }),
    ).toBeGreaterThan(one + 60_000);
    const bisection = throughputMs({ ...inputs, frames: [64], method: "rfc2544", latency: { at: [] } });
    expect(bisection).toBeGreaterThan(20 * 60_000);
  });
});

describe("what can't be measured is refused", () => {
  const parsed = (fields: Partial<ThroughputInputs>) => throughput.inputs.parse({ ...inputs, ...fields });

  test.each<readonly [what: string, fields: Partial<ThroughputInputs>, code: string]>([
    ["both directions of one port", { to: undefined, directions: "both" }, "traffic-both"],
    ["a size that is named twice", { frames: [64, 128, 64] }, "frames-twice"],
    ["no load between the lowest and the highest", { maxLoad: 9001 }, "loads"],
    [
      "more frames than can be told from each other",
      { lineRate: "400Gbit/s", latency: { duration: "1h" } },
      "trial-frames",
    ],
    [
      "a sum of trials that a bisection does not make",
      { method: "rfc2544", goals: { ndr: { loss: 0, sum: "60s" } } },
      "goal-method",
    ],
  ])("for %s", (_, fields, code) => {
    expect(() => checkThroughput(parsed(fields))).toThrow(expect.objectContaining({ code }));
  });

  test("with every size that has no load, all at once", () => {
    expect(refused(() => checkTrials({ ...inputs, lineRate: "1Mbit/s" }, 1000, 500))).toBe(
      "maxLoad: no load to try with 256 bytes, 512 bytes, 1024 bytes, 1280 bytes, 1518 bytes: observed 452, 234, 119, 96, 81 frames/s at most, 500 at least, " +
        "expected a highest load above the lowest; lower `minLoad`, or raise `maxLoad` or `lineRate`",
    );
  });

  test("by the schema, where a share or a name is none", () => {
    const bad = (fields: object) => throughput.inputs.safeParse({ ...inputs, ...fields }).success;
    expect(bad({ goals: { ndr: { loss: 0 }, "pdr-5": { loss: 0.005, exceed: 0.5 } } })).toBe(true);
    for (const fields of [
      { goals: {} },
      { goals: { NDR: { loss: 0 } } },
      { goals: { ndr: { loss: 1 } } },
      { goals: { ndr: {} } },
      { frames: [] },
      { frames: [63] },
      { frames: ["IMIX"] },
    ])
      expect([fields, bad(fields)]).toEqual([fields, false]);
    expect(frameLoss.inputs.safeParse({ ...inputs, step: 0.11 }).success).toBe(false);
    expect(frameLoss.inputs.safeParse({ ...inputs, step: 0.1 }).success).toBe(true);
  });

  test("without a throughput of each size, or with one that no load reaches", () => {
    const bursts = { ...inputs, frames: [64, 128], throughput: { 64: 15_000_000 } };
    expect(refused(() => checkKnown(backToBack.inputs.parse(bursts), 2000))).toBe(
      "throughput: no throughput that the highest load allows, of 64 bytes, 128 bytes: observed 15000000 of 14880952, none of 8445945, expected one for each size of " +
        "frames; take it from `byFrame` of a Throughput over the same path",
    );
  });
});

describe("a critical load", () => {
  const of = (fields: object) => criticalLoad.inputs.parse({ ...inputs, frames: [64], ...fields });

  test("has time for all its trials, each as long as its turn says", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: 60, max: 7200 }),
        (first, longer, seconds) => {
          const settings = of({ firstTrial: `${first}ms`, longer: `${longer}ms`, duration: `${seconds}s` });
          let [taken, sum, length] = [0, 0, first];
          for (; sum < seconds * 1000; length += longer) {
            sum += length;
            taken += length + 3500;
          }
          expect(criticalLoadMs(settings)).toBeGreaterThanOrEqual(taken);
          expect(criticalLoadMs(settings)).toBeLessThanOrEqual(2 * (taken + length + longer + 3500));
        },
      ),
    );
  });

  test("is made of no more trials than can be gone over, of frames that can be told from each other", () => {
    expect(refused(() => checkCriticalLoad(of({ firstTrial: "1ms", longer: "0ms" })))).toBe(
      "longer: more trials than an estimate is made of: observed 1800000, the first of 1 ms, each 0 ms longer, expected 2000 at most; make them longer: long trials tell more of rare losses",
    );
    expect(refused(() => checkCriticalLoad(of({ firstTrial: "10min", duration: "1h" })))).toMatch(
      /^maxLoad: a trial has more frames than can be told from each other/,
    );
    expect(() => checkCriticalLoad(of({ duration: "2h" }))).not.toThrow();
  });
});

describe("a soak", () => {
  const of = (fields: object) =>
    soak.inputs.parse({ ...inputs, frames: [64], throughput: { 64: 1000 }, ...fields });

  test("is a row of trials of about a minute, as long as asked for", () => {
    expect(soakTrials(of({ duration: "90s" }), 64)).toEqual([
      { frame: 64, loadPps: 900, durationMs: 45_000 },
      { frame: 64, loadPps: 900, durationMs: 45_000 },
    ]);
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 90_000 }),
        fc.integer({ min: 1, max: 100 }),
        (seconds, percent) => {
          const trials = soakTrials(of({ duration: `${seconds}s`, percent }), 64);
          const total = trials.reduce((sum, { durationMs }) => sum + durationMs, 0);
          expect(Math.abs(total - seconds * 1000)).toBeLessThan(trials.length);
          expect(Math.max(...trials.map(({ durationMs }) => durationMs))).toBeLessThanOrEqual(60_000);
          expect(trials[0]?.loadPps).toBe(Math.max(1, Math.floor(10 * percent)));
        },
      ),
    );
  });

  test("that says nothing of steadiness is refused", () => {
    expect(() => checkSoak(of({ duration: "19s" }))).toThrow(InputError);
    expect(() => checkSoak(of({ duration: "20s" }))).not.toThrow();
  });
});

describe("a system recovery", () => {
  const of = (fields: object = {}) =>
    systemRecovery.inputs.parse({ ...inputs, frames: [64], throughput: { 64: 1000 }, ...fields });

  test("is of 110 percent of the throughput for a minute, and of half of that for another", () => {
    expect(recoveryTrial(of(), 64)).toEqual({
      ...{ frame: 64, loadPps: 1100, durationMs: 60_000 },
      afterwards: { loadPps: 550, durationMs: 60_000 },
    });
    expect(recoveryMs(of({ repetitions: 3, settle: "1s" }))).toBe(3 * (120_000 + 2500));
    expect(() => checkRecovery(of())).not.toThrow();
  });

  test("is of no more than the line carries", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 14_880_952 }),
        fc.integer({ min: 101, max: 1000 }),
        (pps, percent) => {
          const settings = of({ throughput: { 64: pps }, percent });
          const { overloadPps } = askedRecovery(settings, 64);
          expect(overloadPps).toBeLessThanOrEqual(highestLoad(inputs, 64));
          expect(overloadPps).toBeGreaterThanOrEqual(pps);
          const { loadPps, afterwards } = recoveryTrial(settings, 64);
          expect(Math.abs((afterwards?.loadPps ?? 0) - loadPps / 2)).toBeLessThanOrEqual(0.5);
        },
      ),
    );
  });

  test.each<readonly [what: string, fields: object, said: string]>([
    [
      "another generator, which does not know which frames were lost",
      { generator: { kind: "trex", program: "/p", path: "/t", version: "3.08", cpus: "2" } },
      "generator.kind: the recovery counts from a change of the rate within a trial to the last frame that is lost, and this generator neither changes its rate nor knows which frames were lost: observed trex, expected nfvlab",
    ],
    [
      "a generator without a pace",
      { generator: { kind: "testpmd", cpus: "2-3" } },
      "generator.kind: testpmd can't pace",
    ],
    [
      "an overload that fills no buffer",
      { overload: "500ms" },
      "overload: too short to fill what buffers there are, or to see that nothing is lost any more: observed 500 ms of overload, 60000 ms behind, expected 1000 ms or more of each",
    ],
    ["too little time behind it", { relief: "10ms" }, "relief: too short to fill"],
    [
      "a throughput that is not known",
      { throughput: {} },
      "throughput: no throughput that the highest load allows",
    ],
    [
      "more frames than can be told apart",
      { throughput: { 64: 14_000_000 }, overload: "10min" },
      "maxLoad: a trial has more frames",
    ],
  ])("is refused of %s", (_, fields, said) => {
    expect(refused(() => checkRecovery(of(fields)))).toContain(said);
  });
});
