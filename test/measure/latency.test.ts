import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ExitCosts,
  exitCostFaults,
  exitCostMetrics,
  exitCostRemarks,
} from "../../sdk/measure/exit-costs.ts";
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
  const cpu = { cpu: 3, buckets: [[5000, 3] as const], overflow: 1, maxNs: 90_000 };

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

describe("costs of an exit", () => {
  const operation = (name: string, all: readonly number[]) => ({
    ...{ operation: name, samples: all.length, min: Math.min(...all), max: Math.max(...all) },
    buckets: [...new Set(all)]
      .sort((a, b) => a - b)
      .map((value) => [value, all.filter((each) => each === value).length] as const),
  });
  const run = (
    guest: readonly ReturnType<typeof operation>[],
    more: Partial<ExitCosts["guest"]> = {},
  ): ExitCosts => ({
    host: { cyclesPerSecond: 3_200_000_000, operations: [operation("getppid", [320])] },
    guest: {
      cyclesPerSecond: 3_200_000_000,
      operations: guest,
      hypervisor: "KVMKVMKVM",
      missing: [],
      ...more,
    },
  });

  it("are told in ns and in cycles, as a paper of 2014 did", () => {
    const metrics = exitCostMetrics([
      run([operation("hypercall", [1600])]),
      run([operation("hypercall", [1600, 4800])]),
    ]);
    expect(metrics.map(({ name, unit, samples, min, max }) => [name, unit, samples, min, max])).toEqual([
      ["guest.exit.hypercall", "ns", 3, 500, 1500],
      ["guest.exit.hypercall.cycles", "cycles", 3, 1600, 4800],
      ["host.getppid", "ns", 2, 100, 100],
      ["host.getppid.cycles", "cycles", 2, 320, 320],
    ]);
  });

  it("keep every sample, and their order, at any frequency", () => {
    const cost = fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(cost, fc.integer({ min: 1e8, max: 1e10 }), (all, cyclesPerSecond) => {
        const [ns, cycles] = exitCostMetrics([run([operation("cpuid", all)], { cyclesPerSecond })]);
        expect([ns?.samples, cycles?.samples]).toEqual([all.length, all.length]);
        expect(cycles?.min).toBe(Math.min(...all));
        expect(cycles?.max).toBe(Math.max(...all));
        expect(ns?.max).toBe(Math.round((Math.max(...all) * 1e9) / cyclesPerSecond));
      }),
    );
  });

  it("that not every repetition has are left out, and said to be", () => {
    const missing = [{ operation: "vmfunc", why: "the hypervisor gives its guests no VMFUNC" }];
    const runs = [run([operation("vmfunc", [150])]), run([], { missing }), run([], { missing })];
    expect(exitCostMetrics(runs).map(({ name }) => name)).toEqual(["host.getppid", "host.getppid.cycles"]);
    expect(exitCostRemarks(runs)).toEqual(["no figure of vmfunc: the hypervisor gives its guests no VMFUNC"]);
  });

  it("are worth nothing without KVM, without a frequency, or with another one than the host's", () => {
    const on = (more: Partial<ExitCosts["guest"]>) => run([operation("cpuid", [70])], more);
    expect(exitCostFaults([on({})])).toEqual([]);
    expect(
      exitCostFaults([
        on({ hypervisor: "TCGTCGTCGTCG" }),
        on({ hypervisor: "", cyclesPerSecond: 0 }),
        on({ cyclesPerSecond: 1_600_000_000 }),
      ]),
    ).toEqual([
      "repetition 1 did not run on KVM, but on TCGTCGTCGTCG",
      "repetition 2 did not run on KVM, but on nothing that says so",
      "repetition 2: KVM tells its guest no frequency of the time stamp counter",
      "repetition 3: the guest's time stamp counter runs 0.5000 times as fast as the host's",
    ]);
    expect(exitCostMetrics([on({ cyclesPerSecond: 0 })]).map(({ name }) => name)).toContain(
      "guest.exit.cpuid.cycles",
    );
    expect(exitCostMetrics([on({ cyclesPerSecond: 0 })]).map(({ name }) => name)).not.toContain(
      "guest.exit.cpuid",
    );
  });
});
