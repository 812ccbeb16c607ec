import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exitFaults, exitRates, type Look } from "../../sdk/measure/exit-rates.ts";
import { type HardwareGapRun, hardwareGaps } from "../../sdk/measure/hardware-gaps.ts";
import { traced } from "../../sdk/measure/traced.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

describe("gaps that the hardware makes", () => {
  const run = (gapsNs: readonly number[], more: Partial<HardwareGapRun> = {}): HardwareGapRun => ({
    ...{ thresholdNs: 10_000, maxNs: gapsNs.length === 0 ? undefined : Math.max(...gapsNs) },
    ...{ gapsNs, managementInterrupts: undefined, ...more },
  });

  it("are at most the threshold in a window that tells of none", () => {
    const [gap, gaps, ...more] = hardwareGaps([run([]), run([15_000, 19_000])], 10);
    expect(gap).toMatchObject({
      name: "host.hardware.gap",
      samples: 20,
      missing: 0,
      min: 10_000,
      max: 19_000,
    });
    // Of three digits, as the histogram has them.
    expect((gap?.percentiles["50"] ?? 0) / 10_000).toBeCloseTo(1, 2);
    expect(gaps).toMatchObject({ name: "host.hardware.gaps", unit: "count", min: 0, max: 2 });
    expect(more).toEqual([]);
  });

  it("come with the management interrupts where all repetitions counted them", () => {
    const counted = run([], { managementInterrupts: 12 });
    expect(hardwareGaps([counted, counted], 10).at(-1)).toMatchObject({
      ...{ name: "host.hardware.management-interrupts", max: 12, samples: 2 },
    });
    expect(hardwareGaps([counted, run([])], 10)).toHaveLength(2);
  });
});

describe("what a tracer saw", () => {
  const cpu = { buckets: [[5000, 3] as const], overflow: 1, maxNs: 90_000 };

  it("of timers is told by interrupt and thread, with what never came", () => {
    const columns = [
      { ...cpu, kind: "irq" as const },
      { ...cpu, kind: "thread" as const, maxNs: 120_000 },
    ];
    const metrics = traced([columns], { place: "guest", kind: "timerlat", expected: 6 });
    expect(metrics.map(({ name, samples, missing, max }) => [name, samples, missing, max])).toEqual([
      ["guest.timerlat.irq", 4, 2, 90_000],
      ["guest.timerlat.thread", 4, 2, 120_000],
    ]);
    const user = traced([columns], { place: "host", kind: "timerlat", threads: "user", expected: 0 });
    expect(user.at(-1)).toMatchObject({ name: "host.timerlat.user", samples: 0 });
  });

  it("of noise is the threshold at most where there was none", () => {
    const tracer = { place: "host", kind: "osnoise", threshold: "2us", expected: 0 } as const;
    const [noise] = traced([[], [{ ...cpu, kind: "noise" }]], tracer);
    expect(noise).toMatchObject({
      name: "host.osnoise.noise",
      samples: 5,
      min: 2000,
      max: 90_000,
      overflow: 1,
    });
  });
});

describe("exits of vCPUs", () => {
  const look = (atMs: number, counters: Readonly<Record<number, number>>, halts = 0): Look => ({
    atMs,
    vcpus: new Map(
      Object.entries(counters).map(([vcpu, all]) => [
        Number(vcpu),
        new Map([
          ["all", all],
          ["halt", halts],
        ]),
      ]),
    ),
  });

  it("are told a second, each vCPU by itself, in all and by reason", () => {
    const looks = [
      look(1000, { 0: 100, 1: 7 }),
      look(2000, { 0: 1100, 1: 7 }, 5),
      look(4000, { 0: 1200, 1: 9 }, 5),
    ];
    const metrics = exitRates([looks], undefined);
    expect(metrics.map(({ name, unit, samples, min, max }) => [name, unit, samples, min, max])).toEqual([
      ["guest.exits", "1/s", 4, 0, 1000],
      ["guest.exits.halt", "1/s", 4, 0, 5],
    ]);
    expect(exitRates([looks], CpuSet.parse("1"))[0]).toMatchObject({ samples: 2, max: 1 });
  });

  it("add up to what was counted, however the looks fall", () => {
    const steps = fc.array(fc.record({ ms: fc.integer({ min: 500, max: 5000 }), exits: fc.nat(1e6) }), {
      ...{ minLength: 1, maxLength: 20 },
    });
    fc.assert(
      fc.property(steps, (all) => {
        let [at, exits] = [0, 0];
        const looks = [look(0, { 0: 0 })];
        for (const step of all) {
          at += step.ms;
          exits += step.exits;
          looks.push(look(at, { 0: exits }));
        }
        const [metric] = exitRates([looks], undefined);
        const rates = all.map((step) => Math.round(step.exits / (step.ms / 1000)));
        expect(metric?.max).toBe(Math.max(...rates));
        expect(metric?.mean).toBeCloseTo(rates.reduce((sum, rate) => sum + rate, 0) / rates.length, 6);
      }),
    );
  });

  it("that rise are not of a steady state, of which few looks say nothing", () => {
    const series = (rates: readonly number[]) => {
      let exits = 0;
      return rates.map((rate, second) => {
        exits += rate;
        return look(second * 1000, { 0: exits });
      });
    };
    const steady = Array.from({ length: 41 }, (_, index) => 100 + (index % 3));
    const rising = steady.map((rate, index) => rate + 5 * index);
    expect(exitFaults([series(steady), series(rising), series([0, 1, 100])], undefined)).toEqual([
      "repetition 2 was not of a steady state: exits rose from 153/s in its first half to 254/s in its second",
    ]);
  });

  it("of chance alone are seldom held to rise or fall", () => {
    let [seed, faults] = [1, 0];
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let run = 0; run < 300; run += 1) {
      let exits = 0;
      const looks = Array.from({ length: 31 }, (_, second) => {
        exits += Math.floor(random() * 10);
        return look(second * 1000, { 0: exits });
      });
      faults += exitFaults([looks], undefined).length;
    }
    expect(faults).toBeLessThanOrEqual(3);
  });

  it("that count backwards are of a guest that was started anew", () => {
    expect(() => exitRates([[look(0, { 0: 9 }), look(1000, { 0: 3 })]], undefined)).toThrow(
      "the guest was started anew while its exits were counted: observed all exits of vCPU 0 from 9 to 3",
    );
  });

  it.each([
    [[look(0, { 0: 1 }), look(1000, { 0: 1 })], CpuSet.parse("4")],
    [[look(0, { 0: 1 })], undefined],
  ] as const)("of nothing are refused", (looks, vcpus) =>
    expect(() => exitRates([looks], vcpus)).toThrow(
      "the guest has none of these vCPUs, or too few looks were taken",
    ),
  );
});
