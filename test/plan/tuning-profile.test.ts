import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkBootArguments } from "../../sdk/plan/boot-arguments.ts";
import { checkSysctls } from "../../sdk/plan/sysctls.ts";
import { explainProfile } from "../../sdk/plan/tuning-profile/explain.ts";
import { nfv } from "../../sdk/plan/tuning-profile/nfv.ts";
import { override } from "../../sdk/plan/tuning-profile/override.ts";
import {
  bootArgumentsOf,
  placedSettings,
  recordedSettings,
  settingsOf,
  type TunableMachine,
} from "../../sdk/plan/tuning-profile/profile.ts";
import { realtime } from "../../sdk/plan/tuning-profile/realtime.ts";
import { realtimeGuest } from "../../sdk/plan/tuning-profile/realtime-guest.ts";
import { BootArgumentSet } from "../../sdk/schema/boot-arguments.ts";
import { sysctls } from "../../sdk/schema/sysctls.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { refusalOf } from "./refusal.ts";

const golden = (name: string) => `../golden/tuning-profile/${name}.txt`;
const profiles = { nfv, realtime, realtimeGuest };
const cpus = (housekeeping: string, isolated: string) => ({
  housekeeping: CpuSet.parse(housekeeping),
  isolated: CpuSet.parse(isolated),
});
const host = cpus("0-1,20-21", "2-19,22-39");
const intel: TunableMachine = { vendor: "intel" };

/** Any split of a machine's CPUs into two parts that are not empty. */
const isolation = fc
  .tuple(fc.integer({ min: 2, max: 80 }), fc.infiniteStream(fc.boolean()))
  .map(([count, choice]) => {
    const all = Array.from({ length: count }, (_, cpu) => cpu);
    const isolated = CpuSet.of(all.slice(1).filter((cpu) => cpu === 1 || choice.next().value));
    return { isolated, housekeeping: CpuSet.of(all).minus(isolated) };
  });
const machine = fc.record({
  vendor: fc.constantFrom("intel" as const, "amd" as const, "other" as const),
  realTimeKernel: fc.boolean(),
});
const profile = fc
  .tuple(fc.constantFrom(...Object.values(profiles)), isolation, machine)
  .map(([make, parts, kind]) => make(parts, kind));

describe("a profile", () => {
  it.each([
    ["nfv-intel", nfv(host, intel)],
    ["realtime-amd", realtime(host, { vendor: "amd" })],
    ["realtime-guest", realtimeGuest(cpus("0", "1-3"), intel)],
  ])("explains itself: %s", async (name, made) => {
    await expect(explainProfile(made)).toMatchFileSnapshot(golden(name));
  });

  it("says of every value where it was read and why it helps, in one clause", () => {
    fc.assert(
      fc.property(profile, ({ settings, leftOut }) => {
        for (const { source, reason } of [
          ...placedSettings(settings).map(({ setting }) => setting),
          ...leftOut,
        ]) {
          expect(source).toMatch(/^(tuned|KVM4NFV) \S/);
          expect(reason.length).toBeGreaterThan(10);
          expect(reason).not.toMatch(/[.\n]$/);
        }
      }),
    );
  });

  it("sets what the resources take", () => {
    fc.assert(
      fc.property(profile, (made) => {
        const { sysctls: values } = settingsOf(made);
        expect(BootArgumentSet.safeParse(bootArgumentsOf(made)).error).toBeUndefined();
        expect(() => checkBootArguments(bootArgumentsOf(made))).not.toThrow();
        expect(sysctls.inputs.shape.values.safeParse(values).error).toBeUndefined();
        expect(() => checkSysctls(values)).not.toThrow();
      }),
    );
  });

  it("keeps the system and what is measured apart, wherever it names CPUs", () => {
    fc.assert(
      fc.property(fc.constantFrom(nfv, realtime, realtimeGuest), isolation, machine, (make, parts, kind) => {
        const settings = settingsOf(make(parts, kind));
        const { isolcpus, nohzFull, rcuNocbs, irqaffinity } = settings.bootArguments;
        for (const list of [isolcpus?.cpus, nohzFull, rcuNocbs, settings.interrupts.unbalancedCpus])
          expect(list).toBe(parts.isolated.format());
        for (const list of [irqaffinity, settings.kernel.workqueueCpus, settings.interrupts.defaultCpus])
          expect(list).toBe(parts.housekeeping.format());
      }),
    );
  });

  it("copies nothing that its sources do wrong", () => {
    fc.assert(
      fc.property(profile, (made) => {
        const settings = settingsOf(made);
        expect(settings.bootArguments).not.toHaveProperty("mce");
        expect(settings.bootArguments).not.toHaveProperty("idle");
        expect(settings.bootArguments.isolcpus?.flags).toContain("domain");
        expect(settings.kvm).not.toHaveProperty(["kvm.nx_huge_pages"]);
        expect(Object.keys(settings.sysctls).filter((key) => /^net\.|sched_rt_period/.test(key))).toEqual([]);
      }),
    );
  });

  it("names the driver of frequencies that the machine has", () => {
    const drivers = (made: ReturnType<typeof nfv>) => {
      const { intelPstate, amdPstate } = settingsOf(made).bootArguments;
      return { intelPstate, amdPstate };
    };
    expect(drivers(nfv(host, intel))).toEqual({ intelPstate: "disable", amdPstate: undefined });
    expect(drivers(nfv(host, { vendor: "amd" }))).toEqual({ intelPstate: undefined, amdPstate: "disable" });
    expect(drivers(realtimeGuest(host, intel))).toEqual({ intelPstate: undefined, amdPstate: undefined });
  });

  it("sets no key that a real-time kernel lacks", () => {
    const key = "kernel.numa_balancing";
    expect(settingsOf(nfv(host, intel)).sysctls).toHaveProperty([key], 0);
    expect(settingsOf(nfv(host, { ...intel, realTimeKernel: true })).sysctls).not.toHaveProperty([key]);
    expect(settingsOf(realtime(host, intel)).sysctls).not.toHaveProperty([key]);
    expect(settingsOf(realtime(host, { ...intel, realTimeKernel: false })).sysctls).toHaveProperty([key], 0);
  });

  it("needs CPUs for both parts, and none in both; says all of it at once", () => {
    expect(refusalOf(() => nfv(cpus("", ""), intel))).toBe(
      "isolation: no profile can be made for these CPUs\n" +
        "  - isolated is empty: name the CPUs that measured threads run on\n" +
        "  - housekeeping is empty: leave the system at least one core: " +
        'observed housekeeping "", isolated "", expected two CPU lists without a CPU in common; take both from a CPU plan',
    );
    expect(refusalOf(() => realtime(cpus("0-2", "2-3"), intel))).toContain(
      "CPU 2 is both housekeeping and isolated",
    );
  });

  it("is the same after its settings were listed and gathered", () => {
    fc.assert(
      fc.property(profile, ({ settings }) => {
        expect(recordedSettings(placedSettings(settings))).toEqual(settings);
      }),
    );
  });
});

describe("an override", () => {
  const made = nfv(host, intel);

  it("changes what it names, leaves the rest, and keeps the record", async () => {
    const changed = override(
      made,
      {
        bootArguments: { isolcpus: { cpus: "2-9", flags: ["domain"] }, mitigations: "off", skewTick: null },
        extraBootArguments: { crashkernel: "256M" },
        sysctls: { "vm.stat_interval": 120, "vm.swappiness": 10 },
        processor: { turbo: true },
        kvm: { "kvm.nx_huge_pages": "never" },
      },
      "peak figures",
    );
    const [before, after] = [settingsOf(made), settingsOf(changed)];
    expect(after.sysctls).toEqual({ ...before.sysctls, "vm.stat_interval": 120 });
    expect(after.processor).toEqual({ ...before.processor, turbo: true });
    const { skewTick: _, ...rest } = before.bootArguments;
    expect(after.bootArguments).toEqual({
      ...rest,
      isolcpus: { cpus: "2-9", flags: ["domain"] },
      mitigations: "off",
    });
    expect(bootArgumentsOf(changed).extra).toEqual({ crashkernel: "256M" });
    expect(changed.overridden.map(({ setting, from, to }) => [setting, from?.value, to])).toEqual([
      [
        "bootArguments.isolcpus",
        { cpus: "2-19,22-39", flags: ["domain", "managed_irq"] },
        { cpus: "2-9", flags: ["domain"] },
      ],
      ["bootArguments.mitigations", undefined, "off"],
      ["bootArguments.skewTick", true, undefined],
      ["extraBootArguments.crashkernel", undefined, "256M"],
      ["sysctls.vm.stat_interval", 10, 120],
      ["processor.turbo", false, true],
      ["kvm.kvm.nx_huge_pages", undefined, "never"],
    ]);
    await expect(explainProfile(changed)).toMatchFileSnapshot(golden("overridden"));
  });

  it("adds to the record of earlier ones, and undoes them", () => {
    fc.assert(
      fc.property(profile, fc.integer({ min: 11, max: 1000 }), (any, interval) => {
        const once = override(any, { sysctls: { "vm.stat_interval": interval } });
        const back = override(once, { sysctls: { "vm.stat_interval": 10 } });
        expect(settingsOf(back)).toEqual(settingsOf(any));
        expect(back.overridden.length).toBe(2);
        expect(override(any, {})).toEqual(any);
      }),
    );
  });

  it("is refused with everything that is wrong", async () => {
    const wrong = {
      sysctl: { "vm.swappiness": 1 },
      processor: { govenor: "performance" },
      memory: { transparentHugepages: null, ksm: null, defrag: null },
      sysctls: { "kernel.sched_rt_period_us": -1, swappiness: 10 },
      bootArguments: { mce: "off", nohzful: "2-3", nohzFull: "three" },
    } as unknown as Parameters<typeof override>[1];
    await expect(`${refusalOf(() => override(made, wrong))}\n`).toMatchFileSnapshot(
      golden("override-refused"),
    );
  });
});
