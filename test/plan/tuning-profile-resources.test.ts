import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { machineOf, vendorOf } from "../../sdk/plan/tuning-profile/machine-of.ts";
import { nfv } from "../../sdk/plan/tuning-profile/nfv.ts";
import { override } from "../../sdk/plan/tuning-profile/override.ts";
import { placedSettings, settingsOf } from "../../sdk/plan/tuning-profile/profile.ts";
import { realtime } from "../../sdk/plan/tuning-profile/realtime.ts";
import { realtimeGuest } from "../../sdk/plan/tuning-profile/realtime-guest.ts";
import { resourceArguments } from "../../sdk/plan/tuning-profile/resource-arguments.ts";
import { tunedToProfile } from "../../sdk/plan/tuning-profile/tuned-import.ts";
import { bootArguments } from "../../sdk/schema/boot-arguments.ts";
import { cpuFrequency } from "../../sdk/schema/cpu-frequency.ts";
import { cpuIdle } from "../../sdk/schema/cpu-idle.ts";
import { irqAffinity } from "../../sdk/schema/irq-affinity.ts";
import { irqBalance } from "../../sdk/schema/irq-balance.ts";
import { kernelThreads } from "../../sdk/schema/kernel-threads.ts";
import { machineChecks } from "../../sdk/schema/machine-checks.ts";
import { memoryManagement } from "../../sdk/schema/memory-management.ts";
import { moduleParameters } from "../../sdk/schema/module-parameters.ts";
import { sysctls } from "../../sdk/schema/sysctls.ts";
import { systemdCpus } from "../../sdk/schema/systemd-cpus.ts";
import { workqueues } from "../../sdk/schema/workqueues.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { factsOf, twoSockets } from "./cpu-planner-machines.ts";

const isolation = { housekeeping: CpuSet.parse("0-1"), isolated: CpuSet.parse("2-7") };
const made = nfv(isolation, { vendor: "intel" });

it.each([
  ["Intel(R) Xeon(R) Gold 6338N CPU @ 2.20GHz", "intel"],
  ["AMD EPYC 9354 32-Core Processor", "amd"],
  ["QEMU Virtual CPU version 2.5+", "other"],
])("%s is of %s", (model, vendor) => {
  expect(vendorOf(model)).toBe(vendor);
});

it("facts of a host say what profiles ask", () => {
  const facts = factsOf(twoSockets);
  const machine = machineOf(facts);
  expect(machine).toMatchObject({ realTimeKernel: facts.kernel.realtime, vendor: vendorOf(facts.cpuModel) });
  const text = "[irqbalance]\nbanned_cpus=${f:calc_isolated_cores:1}\n";
  expect(settingsOf(tunedToProfile("own", text, {}, machine).profile).interrupts.unbalancedCpus).toBe(
    "1-9,11-39",
  );
});

describe("the resources of a profile", () => {
  it("take what it says", () => {
    const profile = fc.tuple(
      fc.constantFrom(nfv, realtime, realtimeGuest),
      fc.constantFrom("intel", "amd", "other"),
    );
    fc.assert(
      fc.property(profile, ([of, vendor]) => {
        const {
          moduleParameters: modules,
          unapplied,
          ...single
        } = resourceArguments(of(isolation, { vendor: vendor as "intel" }), "0-7");
        const definitions = {
          bootArguments,
          sysctls,
          memoryManagement,
          machineChecks,
          cpuFrequency,
          cpuIdle,
          workqueues,
          irqAffinity,
          irqBalance,
          systemdCpus,
          kernelThreads,
        };
        for (const [name, given] of Object.entries(single)) {
          const { shape } = definitions[name as keyof typeof definitions].inputs;
          for (const [field, value] of Object.entries(given ?? {})) {
            const schema = (
              shape as Readonly<Record<string, { safeParse: (v: unknown) => { error?: unknown } }>>
            )[field];
            expect(schema?.safeParse(value).error, `${name}.${field}`).toBeUndefined();
          }
        }
        for (const { module, parameters } of modules) {
          expect(moduleParameters.inputs.shape.module.safeParse(module).error).toBeUndefined();
          expect(moduleParameters.inputs.shape.parameters.safeParse(parameters).error).toBeUndefined();
        }
        for (const { reason } of unapplied) expect(reason).not.toBe("");
      }),
    );
  });

  it("are these for nfv", () => {
    const { bootArguments: boot, sysctls: values, ...rest } = resourceArguments(made, "0-7");
    expect(boot?.arguments).toEqual(settingsOf(made).bootArguments);
    expect(values?.values).toEqual(settingsOf(made).sysctls);
    expect(rest).toEqual({
      memoryManagement: { transparentHugepages: "never", ksm: false },
      cpuFrequency: { cpus: "0-7", governor: "performance", energyPerfBias: 0, turbo: false },
      cpuIdle: { dmaLatency: "3us" },
      workqueues: { cpus: "0-1", writebackCpus: "0-1" },
      irqAffinity: { cpus: "0-1", defaultCpus: "0-1" },
      moduleParameters: [
        { module: "kvm", parameters: { kvmclock_periodic_sync: 0 } },
        { module: "kvm_intel", parameters: { ple_gap: 0 } },
      ],
      irqBalance: { bannedCpus: "2-7" },
      systemdCpus: { cpuAffinity: "0-1" },
      machineChecks: { ignoreCorrected: true },
      unapplied: [],
    });
  });

  it("bound idling by the first state that the machine has", () => {
    const latency = (states: { name: string; latency: number }[], profile = made) =>
      resourceArguments(profile, "0-7", states).cpuIdle?.dmaLatency;
    expect(
      latency([
        { name: "POLL", latency: 0 },
        { name: "C1", latency: 2 },
      ]),
    ).toBe("2us");
    expect(
      latency([
        { name: "POLL", latency: 0 },
        { name: "C1", latency: 0 },
      ]),
    ).toBe("3us");
    const named = override(made, { processor: { idleBound: [{ state: "C1E" }] } });
    expect(latency([{ name: "C1E", latency: 10 }], named)).toBe("10us");
    const { unapplied, ...rest } = resourceArguments(named, "0-7");
    expect(rest).not.toHaveProperty("cpuIdle");
    expect(unapplied[0]).toEqual({
      setting: "processor.idleBound",
      reason: "the machine has none of its states",
    });
  });

  it("lose no setting: each is an argument or named", () => {
    const profile = override(realtime(isolation, { vendor: "intel" }), {
      processor: {
        minimumPerformance: 50,
        maximumPerformance: 90,
        resumeLatency: "20us",
        energyPerformancePreference: "performance",
      },
      memory: { defrag: "never" },
      unlistedBootArguments: { "lab.mark": true },
    });
    const { unapplied, ...given } = resourceArguments(profile, "0-7");
    const text = JSON.stringify(given);
    const named = unapplied.map(({ setting }) => setting);
    const elsewhere = [
      "processor.idleBound",
      "interrupts.defaultCpus",
      "interrupts.unbalancedCpus",
      "kernel.workqueueCpus",
      "kernel.ignoreCorrectedErrors",
    ];
    for (const { section, key } of placedSettings(profile.settings)) {
      const place = `${section}.${key}`;
      const isGiven = text.includes(`"${section === "kvm" ? key.split(".")[1] : key}":`);
      expect(isGiven || named.includes(place) || elsewhere.includes(place), place).toBe(true);
    }
    expect(given.cpuIdle).toEqual({ cpus: "0-7", resumeLatency: "20us", dmaLatency: "3us" });
  });
});
