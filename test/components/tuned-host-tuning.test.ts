import { describe, expect, it } from "vitest";
import { CyclictestBenchmark } from "../../components/benchmarks.ts";
import type { TunedHostArgs } from "../../components/tuned-host.ts";
import { planTuning } from "../../sdk/plan/tuning-profile/plan.ts";
import type { TuningOverrides, TuningPlan } from "../../sdk/schema/tuning-plan.ts";
import { workedHost } from "../plan/tuning-ground.ts";
import { evaluated, named, outline, register } from "./program.ts";
import { aHost, answers, golden, host, thrown } from "./testbed.ts";

const cpus = { housekeeping: "0,10-20,30-39", isolated: "1-9,21-29" };
const planned = (profile: "nfv" | "realtime", overrides?: TuningOverrides): TuningPlan =>
  // As it comes from the provider: plain data.
  JSON.parse(JSON.stringify(planTuning({ profile, cpus, overrides }, workedHost())));
const tuning = planned("nfv");
const tuned = (args: Partial<TunedHostArgs> = {}) => aHost({ cpus: tuning.cpus, tuning, ...args });
const booting = {
  ...answers,
  "nfvlab:host:BootArguments": { pending: ["nohz_full=1-9,21-29"] },
  "nfvlab:host:Reboot": { bootId: "boot-2" },
};

const BOOT = [
  "dut-boot-arguments",
  "dut-irq-balance",
  "dut-module-kvm",
  "dut-module-kvm_intel",
  "dut-systemd-cpus",
];
const RUNNING = [
  ...[
    "dut-sysctls",
    "dut-memory-management",
    "dut-machine-checks",
    "dut-cpu-frequency",
    "dut-cpu-idle",
    "dut-workqueues",
  ],
  "dut-irq-affinity",
];

describe("a host that is tuned by a plan", () => {
  it("has every knob: arguments and modules, a reboot, facts, then what a boot takes away", async () => {
    const registered = await register(() => tuned({ reboot: { allow: true } }), { answers: booting });
    expect(outline(registered).sort()).toEqual(
      [
        "stack > dut (nfvlab:components:TunedHost)",
        "dut > dut-boot-arguments (nfvlab:host:BootArguments)",
        "dut > dut-module-kvm (nfvlab:host:ModuleParameters)",
        "dut > dut-module-kvm_intel (nfvlab:host:ModuleParameters)",
        "dut > dut-reboot (nfvlab:host:Reboot)",
        "dut > dut-facts (nfvlab:host:Facts)",
        "dut > dut-hugepages-node1-2MiB (nfvlab:host:Hugepages)",
        "dut > dut-sysctls (nfvlab:host:Sysctls)",
        "dut > dut-memory-management (nfvlab:host:MemoryManagement)",
        "dut > dut-machine-checks (nfvlab:host:MachineChecks)",
        "dut > dut-cpu-frequency (nfvlab:host:CpuFrequency)",
        "dut > dut-cpu-idle (nfvlab:host:CpuIdle)",
        "dut > dut-workqueues (nfvlab:host:Workqueues)",
        "dut > dut-irq-affinity (nfvlab:host:IrqAffinity)",
        "dut > dut-irq-balance (nfvlab:host:IrqBalance)",
        "dut > dut-systemd-cpus (nfvlab:host:SystemdCpus)",
      ].sort(),
    );
    const waits = (name: string) => named(registered, name).waitsFor;
    expect(waits("dut-boot-arguments")).toEqual([]);
    for (const module of BOOT.slice(1)) expect(waits(module)).toEqual(["dut-boot-arguments"]);
    expect(waits("dut-reboot")).toEqual(BOOT);
    expect(waits("dut-facts")).toEqual([...BOOT, "dut-reboot"].sort());
    for (const name of RUNNING) expect(waits(name)).toEqual(["dut-facts"]);
    expect(waits("dut-hugepages-node1-2MiB")).toEqual(["dut-facts", "dut-reboot"]);
  });

  it("gives each resource what the plan has for it", async () => {
    const registered = await register(() => tuned({ reboot: { allow: true, bootTimeout: "300s" } }), {
      answers: booting,
    });
    const inputs = (name: string) => named(registered, name).inputs;
    const { resources } = tuning;
    expect(inputs("dut-boot-arguments")).toEqual({
      ...resources.bootArguments,
      ...{ host, name: "dut", rebootOnDelete: "allow" },
    });
    expect(inputs("dut-reboot")).toEqual({
      ...{ host, allow: true, bootTimeout: "300s", reason: "profile nfv" },
      triggers: [resources.bootArguments?.arguments],
    });
    expect(inputs("dut-module-kvm_intel")).toEqual({
      host,
      module: "kvm_intel",
      parameters: { ple_gap: 0 },
    });
    expect(inputs("dut-memory-management")).toEqual({ ...resources.memoryManagement, host });
    expect(inputs("dut-machine-checks")).toEqual({ ignoreCorrected: true, host });
    expect(inputs("dut-cpu-frequency")).toEqual({ ...resources.cpuFrequency, host, name: "dut" });
    expect(inputs("dut-cpu-idle")).toEqual({ dmaLatency: "1us", host, name: "dut" });
    expect(inputs("dut-workqueues")).toEqual({ ...resources.workqueues, host });
    expect(inputs("dut-irq-balance")).toEqual({ bannedCpus: "1-9,21-29", host });
    expect(inputs("dut-systemd-cpus")).toEqual({ cpuAffinity: "0,10-20,30-39", host });
    expect(inputs("dut-irq-affinity")).toEqual({ ...resources.irqAffinity, host });
  });

  it("is of the boot that its arguments brought about, and so are its facts and pages", async () => {
    const registered = await register(() => tuned({ reboot: { allow: true } }), { answers: booting });
    expect(named(registered, "dut").outputs).toMatchObject({ bootId: "boot-2" });
    for (const name of ["dut-facts", "dut-hugepages-node1-2MiB"])
      expect(named(registered, name).inputs).toMatchObject({ triggers: ["boot-2"] });
  });

  it("is measured after all of it, and again after a boot", async () => {
    const registered = await register(
      () => {
        new CyclictestBenchmark("timers", { on: tuned({ reboot: { allow: true } }) });
      },
      { answers: booting },
    );
    const { waitsFor, inputs } = named(registered, "timers-run");
    expect(waitsFor).toEqual(expect.arrayContaining([...BOOT, "dut-reboot", ...RUNNING]));
    expect(inputs["triggers"]).toEqual(["boot-2"]);
  });

  it("merges its own kernel parameters with those of the plan", async () => {
    const sysctls = { "kernel.sched_rr_timeslice_ms": 10, "vm.swappiness": "10" };
    const registered = await register(() => tuned({ sysctls }), { answers: booting });
    expect(named(registered, "dut-sysctls").inputs).toMatchObject({
      values: { ...tuning.resources.sysctls?.values, ...sysctls },
    });
  });

  it("has no swap where that is asked for, beside a plan or by it", async () => {
    const asked = await register(() => tuned({ swap: "off" }), { answers: booting });
    expect(named(asked, "dut-swap")).toMatchObject({ inputs: { host }, waitsFor: ["dut-facts"] });
    const resources = { moduleParameters: [], swap: {} };
    const chosen = await register(() => tuned({ tuning: { ...tuning, resources } }), { answers });
    expect(named(chosen, "dut-swap").inputs).toEqual({ host });
    const left = await register(() => tuned(), { answers: booting });
    expect(left.some(({ name }) => name === "dut-swap")).toBe(false);
  });

  it("is not rebooted where nobody allowed it, and at delete only where that is allowed", async () => {
    const waiting = await register(() => tuned(), { answers: booting });
    expect(waiting.some(({ name }) => name === "dut-reboot")).toBe(false);
    expect(named(waiting, "dut-boot-arguments").inputs).not.toHaveProperty("rebootOnDelete");
    expect(named(waiting, "dut-facts").inputs).toEqual({ host });
    const kept = await register(() => tuned({ reboot: { allow: true, onDelete: "deny" } }), {
      answers: booting,
    });
    expect(named(kept, "dut-boot-arguments").inputs).not.toHaveProperty("rebootOnDelete");
  });

  it("has nothing of what the plan has nothing for", async () => {
    const nothing = {
      ...tuning,
      resources: { moduleParameters: [], sysctls: { values: { "vm.swappiness": 10 } } },
    };
    const registered = await register(() => tuned({ tuning: nothing, hugepages: [] }), { answers });
    expect(registered.map(({ name }) => name)).toEqual(["dut", "dut-facts", "dut-sysctls"]);
  });

  it("says all that does not go together", async () => {
    const pools = { hugepages: [{ size: "1GiB" as const, count: { 0: 12 } }] };
    const twice = planned("nfv", { bootArguments: pools });
    const conflicts = ["tuned runs on dut with the profile balanced and sets the same"];
    const text = await evaluated(() =>
      thrown(() =>
        aHost({
          cpus: { housekeeping: "0,10-20,30-39", isolated: "1-9" },
          tuning: { ...twice, conflicts },
          sysctls: { "vm.swappiness": 60 },
          hugepages: [
            { size: "1GiB", count: 12, numaNode: 0 },
            { size: "1GiB", count: 2, numaNode: 1 },
          ],
        }),
      ),
    );
    await expect(text).toMatchFileSnapshot(golden("tuned-host-tuning"));
  });

  it("is not given a reboot for nothing", async () => {
    const text = await evaluated(() => thrown(() => aHost({ reboot: { allow: true } })));
    expect(text).toContain("reboot: nothing is tuned that waits for a reboot");
  });
});
