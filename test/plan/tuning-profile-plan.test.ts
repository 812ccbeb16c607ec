import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostFactsOf, hostFactsProbes } from "../../sdk/observe/host-facts.ts";
import { factsOf } from "../../sdk/observe/probe.ts";
import { type TuningGround, tuningGroundProbes } from "../../sdk/observe/tuning-ground.ts";
import { groundPatterns } from "../../sdk/plan/tuning-profile/fitting.ts";
import { planTuning, type TuningMachine } from "../../sdk/plan/tuning-profile/plan.ts";
import {
  planTuning as definition,
  type TuningOverrides,
  TuningResources,
  type TuningSource,
} from "../../sdk/schema/tuning-plan.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { recordedMachine } from "../observe/recorded.ts";
import { refusalOf } from "./refusal.ts";
import { workedHost } from "./tuning-ground.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/tuning-profile", name);
const fixture = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures", name), "utf8");

/** What an emulated server answered to the one round trip of the function. */
function emulatedServer(): TuningMachine {
  const answers = recordedMachine("machine/debian-13/tuning-ground.txt");
  return {
    name: "dut",
    facts: hostFactsOf(factsOf(hostFactsProbes, answers)),
    ground: factsOf(tuningGroundProbes(groundPatterns), answers),
  };
}

/** The worked example: everything of node 0 but its first core is isolated. */
const worked = { housekeeping: "0,10-20,30-39", isolated: "1-9,21-29" };
const one = { housekeeping: "0-2", isolated: "3" };

describe("a tuning plan", () => {
  it.each([
    ["nfv", "nfv on the worked host", { profile: "nfv" as const, cpus: worked }, workedHost],
    [
      "realtime",
      "realtime on an emulated server",
      { profile: "realtime" as const, cpus: one },
      emulatedServer,
    ],
  ])("is this for %s", async (name, _, request, machine) => {
    const { explanation, ...plan } = planTuning(request, machine());
    expect(definition.outputs.safeParse({ ...plan, explanation }).error).toBeUndefined();
    await expect(`${JSON.stringify(plan, undefined, 2)}\n`).toMatchFileSnapshot(golden(`plan-${name}.json`));
    await expect(explanation).toMatchFileSnapshot(golden(`plan-${name}.txt`));
  });

  it("has the boot arguments of the worked example, where that and the profile agree", () => {
    const { bootLine } = planTuning({ profile: "nfv", cpus: worked }, workedHost());
    expect(bootLine.split(" ")).toEqual(
      expect.arrayContaining([
        "isolcpus=domain,managed_irq,1-9,21-29",
        "nohz_full=1-9,21-29",
        "rcu_nocbs=1-9,21-29",
        "irqaffinity=0,10-20,30-39",
        "nosoftlockup",
        "skew_tick=1",
        "tsc=reliable",
        "rcupdate.rcu_normal_after_boot=1",
      ]),
    );
  });

  it("is the same once it is in force", () => {
    const machine = workedHost();
    const { files } = machine.ground;
    // intel_pstate=disable leaves frequencies to ACPI's driver: other files for the same knobs.
    const later = new Map(
      [...files].map(([path, text]) =>
        path.endsWith("no_turbo") ? ["/sys/devices/system/cpu/cpufreq/boost", "0"] : [path, text],
      ) as [string, string][],
    );
    const request = { profile: "nfv" as const, cpus: worked };
    expect(planTuning(request, { ...machine, ground: { ...machine.ground, files: later } })).toEqual(
      planTuning(request, machine),
    );
  });

  it("loses nothing of a machine that lacks anything: each setting is an argument, or named with the reason", () => {
    const { ground } = workedHost();
    const files = [...ground.files];
    const lacking = fc.record({
      files: fc.subarray(files).map((some) => new Map(some)),
      sysctlPaths: fc.subarray([...ground.sysctlPaths]).map((some) => new Set(some)),
      kvm: fc.constantFrom("loaded", "built-in", "unknown").map((presence) => ({ ...ground.kvm, presence })),
      idleLatency: fc.constantFrom(undefined, 2_000_000_000),
      idleStates: fc.constantFrom([], ground.idleStates),
      irqBalance: fc
        .constantFrom("running", "missing")
        .map((presence) => ({ ...ground.irqBalance, presence })),
    }) as fc.Arbitrary<Partial<TuningGround>>;
    fc.assert(
      fc.property(fc.constantFrom("nfv", "realtime", "realtimeGuest"), lacking, (profile, change) => {
        const plan = planTuning({ profile: profile as "nfv", cpus: worked }, workedHost(change));
        expect(TuningResources.safeParse(plan.resources).error).toBeUndefined();
        const named = new Set(plan.unapplied.map(({ setting }) => setting));
        const { moduleParameters, sysctls, bootArguments, ...rest } = plan.resources;
        const given = new Set([
          ...Object.keys(bootArguments?.arguments ?? {}).map((field) => `bootArguments.${field}`),
          ...Object.keys(sysctls?.values ?? {}).map((key) => `sysctls.${key}`),
          ...moduleParameters.flatMap(({ module, parameters }) =>
            Object.keys(parameters).map((parameter) => `kvm.${module}.${parameter}`),
          ),
          ...Object.keys(rest.memoryManagement ?? {}).map((field) => `memory.${field}`),
          ...Object.keys({ ...rest.cpuFrequency, ...rest.cpuIdle }).map((field) => `processor.${field}`),
          ...(rest.cpuIdle?.dmaLatency === undefined ? [] : ["processor.idleBound"]),
          ...(rest.machineChecks === undefined ? [] : ["kernel.ignoreCorrectedErrors"]),
          ...(rest.workqueues === undefined ? [] : ["kernel.workqueueCpus"]),
          ...(rest.irqBalance === undefined ? [] : ["interrupts.unbalancedCpus"]),
          ...(rest.systemdCpus === undefined ? [] : ["systemd.cpuAffinity"]),
          ...Object.keys(rest.kernelThreads?.threads ?? {}).map((thread) => `kernelThreads.${thread}`),
          ...(rest.irqAffinity === undefined ? [] : ["interrupts.defaultCpus"]),
        ]);
        const lost = plan.settings.filter(({ setting }) => !given.has(setting) && !named.has(setting));
        expect(lost).toEqual([]);
        for (const { reason } of plan.unapplied) expect(reason).not.toBe("");
      }),
    );
  });

  it("has no argument that this kernel would leave pending for ever", () => {
    const { ground, facts } = workedHost();
    const files = new Map([...ground.files].filter(([path]) => !/nohz_full|rcu_normal/.test(path)));
    const otherClock = { ...facts, kernel: { ...facts.kernel, clocksource: "kvm-clock" } };
    const { resources, unapplied } = planTuning(
      { profile: "nfv", cpus: worked },
      { name: "dut", facts: otherClock, ground: { ...ground, files } },
    );
    expect(Object.keys(resources.bootArguments?.arguments ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/nohzFull|tsc|rcuNormalAfterBoot/)]),
    );
    expect(unapplied).toEqual(
      expect.arrayContaining([{ setting: "bootArguments.tsc", reason: "the clock here is kvm-clock" }]),
    );
  });

  it("of a guest is for the guest's own CPUs, as text for its kernel", () => {
    const cpus = { housekeeping: "0", isolated: "1-3" };
    const { bootLine, resources } = planTuning({ profile: "realtimeGuest", cpus }, workedHost());
    expect(bootLine).toContain("nohz_full=1-3");
    expect(bootLine).not.toContain("pstate");
    expect(resources).not.toHaveProperty("cpuFrequency");
    const beyond = { housekeeping: "0", isolated: "1-99" };
    expect(() => planTuning({ profile: "realtimeGuest", cpus: beyond }, workedHost())).not.toThrow();
  });

  it("takes other values, and keeps the record", () => {
    const overrides: TuningOverrides = {
      processor: { turbo: true, idleBound: null },
      sysctls: { "vm.stat_interval": 120 },
      bootArguments: { hugepages: [{ size: "1GiB", count: { 0: 12, 1: 2 } }] },
    };
    const plan = planTuning({ profile: "nfv", cpus: worked, overrides }, workedHost());
    expect(plan.resources.cpuFrequency?.turbo).toBe(true);
    expect(plan.resources).not.toHaveProperty("cpuIdle");
    expect(plan.bootLine).toContain("hugepagesz=1G hugepages=0:12,1:2");
    expect(plan.overridden.map(({ setting, from, to }) => [setting, from, to])).toEqual([
      ["bootArguments.hugepages", undefined, [{ size: "1GiB", count: { 0: 12, 1: 2 } }]],
      ["sysctls.vm.stat_interval", 10, 120],
      ["processor.turbo", false, true],
      ["processor.idleBound", [{ state: 1, unlessZero: true }, { microseconds: 3 }], undefined],
    ]);
  });

  it("reads a profile of tuned's with its parents and variables, and names what nothing came of", () => {
    const texts = {
      "lab-dut": fixture("tuned/lab-dut.conf"),
      "lab-base": fixture("tuned/lab-base.conf"),
      "/etc/tuned/lab-dut-variables.conf": fixture("tuned/lab-dut-variables.conf"),
    };
    const request = { profile: { tuned: { texts, main: "lab-dut" } } };
    const plan = planTuning(request, workedHost());
    expect(plan.cpus.isolated).toBe(plan.resources.bootArguments?.arguments.nohzFull ?? "none");
    expect(plan.notApplied).toContainEqual({
      at: "lab-dut [net] channels",
      value: expect.any(String),
      reason: expect.stringContaining("queues"),
    });
    expect(plan.explanation).toContain("lab-dut [net] channels");
    const { isolated } = plan.cpus;
    expect(planTuning({ ...request, cpus: plan.cpus }, workedHost()).cpus.isolated).toBe(isolated);
    expect(
      refusalOf(() => planTuning({ ...request, cpus: { housekeeping: "0", isolated: "39" } }, workedHost())),
    ).toContain("cpus.isolated: the boot arguments of the profile isolate other CPUs");
  });

  it("reads a PerformanceProfile", () => {
    const profile = { performanceProfile: fixture("performance-profile/dut.yaml") };
    const plan = planTuning({ profile }, workedHost());
    expect(plan.cpus).toEqual({ housekeeping: "0-1,18-21,38-39", isolated: "2-17,22-37" });
    expect(plan.resources.bootArguments?.arguments.hugepages).toBeDefined();
    expect(plan.notApplied.map(({ at }) => at)).toContain("spec.cpu.offlined");
    expect(plan.advice).toEqual([expect.stringContaining("without PREEMPT_RT")]);
  });

  it("says who tunes the machine already, as long as it does", () => {
    const request = { profile: "nfv" as const, cpus: worked };
    const plan = (change: Partial<TuningGround>) => planTuning(request, workedHost(change));
    expect(plan({ tunedProfile: "balanced" }).conflicts).toEqual([]);
    expect(plan({ running: ["tuned"] }).conflicts).toEqual([]);
    const { conflicts, explanation } = plan({ running: ["tuned"], tunedProfile: "balanced" });
    expect(conflicts).toEqual([
      "tuned runs on dut with the profile balanced and sets the same: end it there with `tuned-adm off`, or leave the tuning to it",
    ]);
    expect(explanation).toContain(`to end first\n  ${conflicts[0]}`);
    expect(plan({ running: ["irqbalance", "thermald", "ksmtuned"] }).advice).toEqual([
      "ksmtuned runs on dut and switches same-page merging on again: stop it",
      "thermald runs on dut and bounds frequencies: stop it",
    ]);
  });
});

describe("what can't be planned", () => {
  const refused = (
    profile: TuningSource,
    cpus?: { housekeeping: string; isolated: string },
    overrides?: unknown,
  ) => refusalOf(() => planTuning({ profile, cpus, overrides: overrides as TuningOverrides }, workedHost()));

  it("is refused with everything that is wrong", async () => {
    const wrong = {
      processor: { govenor: "performance", turbo: "no", idleBound: [] },
      extraBootArguments: { pcie_asmp: "off" },
      kernelThreads: { ksoftirqd: { policy: "fifo", priority: 0 } },
      kernel: { workqueueCpus: "all" },
    };
    const text = [
      refused("nfv", { housekeeping: "0-5", isolated: "0,5-9" }, wrong),
      refused("nfv", { housekeeping: "0-1", isolated: "2-99" }, { extraBootArguments: { pcie_asmp: "off" } }),
      refused("realtime"),
      refused({ tuned: { texts: { a: "[main]" }, main: "b" } }),
      refused({ tuned: { texts: { a: "no section" }, main: "a" } }),
      refused({ performanceProfile: fixture("performance-profile/wrong.yaml") }),
      refused("nfv", worked, { bootArguments: { isolcpus: { cpus: "1-15" } } }),
    ];
    await expect(`${text.join("\n\n")}\n`).toMatchFileSnapshot(golden("plan-refused.txt"));
  });

  it("is told to tools one by one", () => {
    let error: unknown;
    try {
      planTuning(
        { profile: "nfv", cpus: { housekeeping: "0", isolated: "50" }, overrides: { memory: { ksm: true } } },
        workedHost(),
      );
      planTuning(
        {
          profile: "nfv",
          cpus: { housekeeping: "0", isolated: "50" },
          overrides: { extraBootArguments: { pcie_asmp: "off" } },
        },
        workedHost(),
      );
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code: "tuning-plan", property: "cpus" });
  });

  it("isolates only CPUs that there are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (last) => {
        const cpus = { housekeeping: "0", isolated: CpuSet.parse(`1-${last}`).format() };
        const run = () => planTuning({ profile: "nfv", cpus }, workedHost());
        if (last < 40) expect(run().cpus.isolated).toBe(cpus.isolated);
        else expect(refusalOf(run)).toContain(`observed ${CpuSet.parse(`40-${last}`).format()}`);
      }),
    );
  });
});
