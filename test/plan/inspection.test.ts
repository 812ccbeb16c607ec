import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import { bootConfigurationOf } from "../../sdk/observe/boot-configuration.ts";
import type { ObservedBootLoader } from "../../sdk/observe/boot-loader.ts";
import type { ObservedFirmware } from "../../sdk/observe/firmware.ts";
import type { ObservedModule } from "../../sdk/observe/module-parameters.ts";
import type { Shown } from "../../sdk/plan/boot-argument-table.ts";
import { renderBootArguments } from "../../sdk/plan/boot-arguments.ts";
import { entryId } from "../../sdk/plan/boot-sets.ts";
import { inspectTuning, type TunedState } from "../../sdk/plan/inspection.ts";
import { inspectFirmware } from "../../sdk/plan/inspection-firmware.ts";
import { countVerdicts, explainInspection, summarize } from "../../sdk/plan/inspection-text.ts";
import { planSettings, settingsOf } from "../../sdk/plan/kernel-files.ts";
import { threadsService } from "../../sdk/plan/kernel-threads.ts";
import { holderText } from "../../sdk/plan/latency-holder.ts";
import { modprobePath, modprobeText } from "../../sdk/plan/module-parameters.ts";
import { sysctlFile, sysctlFilePath } from "../../sdk/plan/sysctls.ts";
import { dropIns, listsOf } from "../../sdk/plan/systemd-cpus.ts";
import { tmpfilesPath, tmpfilesText } from "../../sdk/plan/tmpfiles.ts";
import type { BootArgumentSet } from "../../sdk/schema/boot-arguments.ts";
import type { InspectedTuning } from "../../sdk/schema/inspection.ts";
import { afterwards, inputsOf, machineOf, parts } from "./kernel-machine.ts";

const CPU = "/sys/devices/system/cpu";
const golden = (name: string) => join(import.meta.dirname, "../golden/inspection", name);

/** A machine that nobody has tuned, with what is given of it. */
function machine(
  given: Partial<TunedState> & { readonly configuration?: Readonly<Record<string, string>> },
): TunedState {
  const { configuration = {}, ...rest } = given;
  return {
    files: new Map(),
    interrupts: new Map(),
    boot: bootConfigurationOf(new Map(Object.entries(configuration)), new Set()),
    shown: booted("quiet", {}),
    loader: menu("quiet"),
    sysctls: new Map(),
    modules: new Map(),
    pools: [],
    latencyLimit: 2_000_000_000,
    latencyHolders: new Map(),
    swap: {
      ...{ systemd: 257, areas: [], units: [], dropIns: new Map() },
      memory: { total: 2 ** 30, available: 2 ** 30, swapped: 0 },
    },
    irqBalance: {
      ...{ presence: "missing", path: undefined, text: undefined },
      ...{ environment: new Map(), knowsLists: true },
    },
    systemdCpus: { systemd: true, unified: true, effective: new Map(), files: new Map(), services: [] },
    kernelThreads: { threads: [], service: undefined },
    ...rest,
  };
}

function booted(line: string, files: Readonly<Record<string, string>>): Shown {
  return {
    ...{ bootId: "boot-1", kernelRelease: "6.12.0", commandLine: parseBootArguments(line), hugepages: [] },
    files: new Map(Object.entries(files)),
    iommus: [],
    log: { bootedAt: "", complete: true, lines: ["Linux version 6.12.0"] },
  };
}

/** A GRUB whose default has this line, with sets of ours staged beside it. */
function menu(line: string, sets: Readonly<Record<string, BootArgumentSet>> = {}): ObservedBootLoader {
  const own = { id: "debian", submenus: [], kernel: "/vmlinuz", arguments: parseBootArguments(line).kernel };
  const staged = new Map(
    Object.entries(sets).map(([name, set]) => [name, renderBootArguments(set)] as const),
  );
  const all = [...staged.values()].flat();
  return {
    kind: "grub-menu",
    ...{ system: "debian", commands: new Set(), device: "/dev/vda", fileSystem: "ext4", abstraction: "" },
    ...{ files: new Map(), hasFolder: true, menuDefault: "0", sets: staged },
    entries: [own, ...(all.length > 0 ? [{ ...own, id: entryId(all), own: all }] : [])],
  };
}

it("shows swap as one row, with what is on and what the next boot turns on", () => {
  const tuning: InspectedTuning = { resources: { swap: {} } };
  const { swap } = machine({});
  const unit = { name: "dev-sda2.swap", isActive: true, isEnabled: true, dropIns: [] };
  const area = { path: "/dev/sda2", unit: "dev-sda2.swap", priority: -2 };
  const row = (change: Partial<typeof swap>) =>
    inspectTuning(tuning, machine({ swap: { ...swap, ...change } }))[0];
  expect(row({})).toMatchObject({ knob: "swap", wanted: "off", effective: "off", verdict: "as wanted" });
  expect(row({ areas: [area], units: [unit] })).toMatchObject({
    ...{ effective: "/dev/sda2", configured: "dev-sda2.swap", verdict: "differs" },
  });
  expect(row({ areas: [area] })).toMatchObject({ configured: "off", verdict: "pending" });
  expect(row({ units: [unit] })).toMatchObject({ effective: "off", verdict: "differs" });
});

const verdicts = (tuning: InspectedTuning, state: TunedState) =>
  inspectTuning(tuning, state).map(({ verdict }) => verdict);

describe.each(parts)("an inspection of $part", (each) => {
  const { part, rows } = each;
  const path = tmpfilesPath(part);

  it("finds no difference on a host that was brought to the plan, and one wherever the plan has something to do", () => {
    fc.assert(
      fc.property(inputsOf(each), machineOf(each), (inputs, before) => {
        const tuning = { resources: { [part]: inputs } } as InspectedTuning;
        const settings = settingsOf(rows, inputs, before);
        const steps = planSettings(settings, before.files);
        const after = afterwards(steps, rows, before);
        const configuration = { [path]: tmpfilesText(settings) };
        expect(new Set(verdicts(tuning, machine({ ...after, configuration })))).toEqual(
          new Set(["as wanted"]),
        );
        // Without the files it is as wanted until the next boot.
        expect(new Set(verdicts(tuning, machine(after)))).toEqual(new Set(["as wanted"]));
        const untuned = inspectTuning(tuning, machine({ ...before }));
        expect(untuned.some(({ verdict }) => verdict === "differs")).toBe(steps.length > 0);
        // With the files alone the next boot brings what is missing.
        const staged = inspectTuning(tuning, machine({ ...before, configuration }));
        expect(staged.some(({ verdict }) => verdict === "differs")).toBe(false);
        expect(staged.some(({ pending }) => pending)).toBe(steps.length > 0);
      }),
      { numRuns: 40 },
    );
  });

  it("says what the machine does not have", () => {
    fc.assert(
      fc.property(inputsOf(each), (inputs) => {
        const none = machine({ files: new Map([[`${CPU}/online`, "0-69"]]) });
        const found = inspectTuning({ resources: { [part]: inputs } } as InspectedTuning, none);
        // Of interrupts a machine may have none.
        for (const { knob, verdict, note } of found)
          if (knob !== "irqAffinity.cpus")
            expect([verdict, note.length > 0]).toEqual(["not on this machine", true]);
      }),
      { numRuns: 20 },
    );
  });
});

const values = fc.dictionary(
  fc.constantFrom("vm.stat_interval", "vm.swappiness", "kernel.printk", "net.ipv4.ip_local_port_range"),
  fc.oneof(fc.nat(100), fc.constantFrom("4 4 1 7", "32768\t60999")),
  { minKeys: 1, noNullPrototype: true },
);

describe("an inspection of kernel parameters", () => {
  it("finds no difference once they are set, and tells what another file does at the next boot", () => {
    fc.assert(
      fc.property(values, (wanted) => {
        const tuning = { resources: { sysctls: { values: wanted } } };
        const set = new Map(Object.entries(wanted).map(([key, value]) => [key, `${value}`]));
        const ours = { [sysctlFilePath("tuned")]: sysctlFile(wanted) };
        expect(new Set(verdicts(tuning, machine({ sysctls: set, configuration: ours })))).toEqual(
          new Set(["as wanted"]),
        );
        const theirs = Object.keys(wanted)
          .map((key) => `${key} = 4711`)
          .join("\n");
        const found = inspectTuning(
          tuning,
          machine({ sysctls: set, configuration: { ...ours, "/etc/sysctl.d/99-admin.conf": theirs } }),
        );
        for (const { verdict, note, configured } of found)
          expect([verdict, note, configured]).toEqual([
            "differs",
            "the next boot brings 4711, says /etc/sysctl.d/99-admin.conf",
            "4711",
          ]);
        const untuned = new Map([...set].map(([key]) => [key, "-1"]));
        expect(new Set(verdicts(tuning, machine({ sysctls: untuned, configuration: ours })))).toEqual(
          new Set(["pending"]),
        );
        expect(new Set(verdicts(tuning, machine({ sysctls: new Map() })))).toEqual(
          new Set(["not on this machine"]),
        );
      }),
    );
  });
});

describe("an inspection of boot arguments", () => {
  const set: BootArgumentSet = {
    isolcpus: { cpus: "2-3", flags: ["domain", "managed_irq"] },
    nohzFull: "2-3",
    nmiWatchdog: false,
    skewTick: true,
    hugepages: [{ size: "2MiB", count: 64 }],
    extra: { threadirqs: true },
  };
  const tuning: InspectedTuning = { resources: { bootArguments: { arguments: set } } };
  const line =
    "quiet nohz_full=2-3 isolcpus=domain,managed_irq,2-3 nmi_watchdog=0 skew_tick=1 threadirqs hugepagesz=2M hugepages=64";
  const files = {
    [`${CPU}/isolated`]: "2-3",
    [`${CPU}/nohz_full`]: "2-3",
    "/proc/sys/kernel/nmi_watchdog": "0",
    "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages": "64",
  };
  const shown = { ...booted(line, files), hugepages: [{ sizeKib: 2048, pages: 64 }] };
  const of = (state: Partial<TunedState>) =>
    Object.fromEntries(
      inspectTuning(tuning, machine(state)).map(({ knob, verdict }) => [
        knob.replace("bootArguments.", ""),
        verdict,
      ]),
    );

  it("believes an argument only by its own trace, and says where there is none", () => {
    const tuned = {
      ...{ isolcpus: "as wanted", nohzFull: "as wanted", nmiWatchdog: "as wanted", hugepages: "as wanted" },
      ...{ skewTick: "not verifiable here", "extra.threadirqs": "not verifiable here" },
    };
    expect(of({ shown, loader: menu(line) })).toEqual(tuned);
    expect(of({ shown: { ...shown, files: new Map() }, loader: menu("quiet") })).toMatchObject({
      isolcpus: "differs",
      hugepages: "differs",
    });
  });

  it("does not show what stands on the command line alone as in force", () => {
    const [first] = inspectTuning(
      tuning,
      machine({ shown: { ...shown, files: new Map() }, loader: menu(line) }),
    );
    expect(first).toMatchObject({
      ...{ effective: "", configured: "isolcpus=domain,managed_irq,2-3", verdict: "differs" },
      note: "it stands on the command line, and the kernel does not show it in force",
    });
  });

  it("tells what waits for a boot, and what the next boot takes away", () => {
    const bare = { shown: booted("quiet", {}), loader: menu("quiet", { nfv: set }) };
    expect(new Set(Object.values(of(bare)))).toEqual(new Set(["pending"]));
    expect(of({ shown, loader: menu("quiet") })).toMatchObject({ isolcpus: "differs", nohzFull: "differs" });
    const [first] = inspectTuning(tuning, machine({ shown, loader: menu("quiet") }));
    expect(first?.note).toBe("the next boot brings nothing of it, says the boot menu");
  });

  it("does not guess what a variable of the menu stands for, nor a menu that it can't read", () => {
    expect(of({ shown, loader: menu("quiet $extra") })).toMatchObject({ nohzFull: "as wanted" });
    expect(of({ shown, loader: { ...menu("quiet"), entries: [] } })).toMatchObject({ nohzFull: "as wanted" });
  });
});

it("tells held latencies, module parameters and huge pages in their three states", () => {
  const tuning: InspectedTuning = {
    resources: {
      cpuIdle: { dmaLatency: "20us" },
      moduleParameters: [{ module: "kvm", parameters: { halt_poll_ns: 0, tdp_mmu: false, nothing: 1 } }],
    },
    hugepages: [
      { numaNode: 0, size: "2MiB", count: 64 },
      { numaNode: 1, size: "1GiB", count: 1 },
    ],
  };
  const kvm = (halt: string, tdp: string): ObservedModule => ({
    presence: "loaded",
    values: new Map([
      ["halt_poll_ns", { text: halt, writable: true }],
      ["tdp_mmu", { text: tdp, writable: false }],
    ]),
    known: new Set(["halt_poll_ns", "tdp_mmu"]),
    text: "",
  });
  const pools = [{ numaNode: 0, sizeKib: 2048, total: 64, free: 64, surplus: 0 }];
  const configuration = { [modprobePath("kvm")]: modprobeText("kvm", { halt_poll_ns: 0, tdp_mmu: false }) };
  const holders = new Map([["dut", { text: holderText("20us"), running: true }]]);
  expect(
    verdicts(
      tuning,
      machine({
        ...{
          latencyLimit: 20,
          latencyHolders: holders,
          modules: new Map([["kvm", kvm("0", "Y")]]),
          pools,
          configuration,
        },
      }),
    ),
  ).toEqual(["as wanted", "as wanted", "pending", "not on this machine", "as wanted", "not on this machine"]);
  expect(
    verdicts(tuning, machine({ latencyLimit: undefined, modules: new Map([["kvm", kvm("1", "N")]]) })),
  ).toEqual([
    ...["not verifiable here", "differs", "as wanted", "not on this machine"],
    ...["not on this machine", "not on this machine"],
  ]);
});

it("tells what services and kernel threads do", () => {
  const tuning: InspectedTuning = {
    resources: {
      irqBalance: { bannedCpus: "2-3" },
      systemdCpus: { cpuAffinity: "0-1", allowedCpus: { user: "0-1" } },
      kernelThreads: {
        threads: { ksoftirqd: { policy: "fifo", priority: 2 }, rcuc: { policy: "fifo", priority: 4 } },
      },
    },
  };
  const threads = { ksoftirqd: { policy: "fifo", priority: 2 } } as const;
  const softirqd = (policy: string, priority: number) => ({
    threads: [{ pid: 15, name: "ksoftirqd/0", policy, priority, cpus: "0", bound: true }],
    service: { text: threadsService(threads), enabled: true },
  });
  const effective = new Map([["manager", "0-1"]]);
  const files = dropIns(listsOf(tuning.resources.systemdCpus ?? {}));
  const irqBalance = (presence: "running" | "stopped", environment: Record<string, string>) => ({
    ...{ presence, path: "/etc/default/irqbalance", knowsLists: true },
    ...{ text: "IRQBALANCE_BANNED_CPULIST=2-3\n", environment: new Map(Object.entries(environment)) },
  });
  const systemdCpus = { systemd: true, unified: true, effective, files, services: [] };
  const of = (state: Partial<TunedState>) => verdicts(tuning, machine(state));
  const banned = { IRQBALANCE_BANNED_CPULIST: "2-3" };
  expect(
    of({ irqBalance: irqBalance("running", banned), systemdCpus, kernelThreads: softirqd("fifo", 2) }),
  ).toEqual([...["as wanted", "as wanted", "not verifiable here", "as wanted", "not on this machine"]]);
  expect(
    of({
      irqBalance: irqBalance("running", {}),
      systemdCpus: { ...systemdCpus, effective: new Map([["manager", "0-3"]]) },
      kernelThreads: softirqd("other", 0),
    }),
  ).toEqual(["pending", "pending", "not verifiable here", "pending", "not on this machine"]);
  expect(of({ irqBalance: irqBalance("stopped", {}) })[0]).toBe("as wanted");
  expect(of({})[0]).toBe("not on this machine");
});

describe("an inspection of firmware", () => {
  const firmware: ObservedFirmware = {
    ...{ machine: "Acme, Server 9, 1.2", smt: "on", boost: undefined, turboEngaged: undefined },
    ...{ idleStates: ["POLL", "C1", "C1E", "C6"], nodes: 2, sockets: 2 },
    ...{ acpiTables: new Set(["DMAR", "FACP"]), cpuFlags: new Set(["vmx"]) },
  };
  const of = (change: Partial<ObservedFirmware>, item: string, wanted: boolean, iommus: string[] = []) =>
    inspectFirmware({ [item]: wanted }, { ...firmware, ...change }, iommus)[0]?.verdict;

  it.each([
    [{}, "simultaneousMultithreading", false, "differs"],
    [{ smt: "off" }, "simultaneousMultithreading", true, "as wanted"],
    [{ smt: "notsupported" }, "simultaneousMultithreading", false, "as wanted"],
    [{ smt: undefined }, "simultaneousMultithreading", false, "not verifiable here"],
    [{}, "turbo", false, "not verifiable here"],
    [{ boost: true }, "turbo", false, "differs"],
    [{ boost: false }, "turbo", false, "not verifiable here"],
    [{ boost: false, turboEngaged: false }, "turbo", false, "as wanted"],
    [{}, "deepIdleStates", false, "differs"],
    [{ idleStates: ["POLL", "C1", "C1E"] }, "deepIdleStates", false, "as wanted"],
    [{ idleStates: ["POLL", "haltpoll idle"] }, "deepIdleStates", false, "not verifiable here"],
    [{ nodes: 1 }, "numa", true, "differs"],
    [{}, "iommu", true, "as wanted"],
    [{ acpiTables: new Set(["FACP"]) }, "iommu", true, "differs"],
    [{ acpiTables: undefined }, "iommu", true, "not verifiable here"],
    [{ cpuFlags: new Set(["fpu"]) }, "virtualization", true, "differs"],
    [{}, "usbLegacySupport", false, "not verifiable here"],
  ])("of %j judges %s wanted %s as %s", (change, item, wanted, verdict) => {
    expect(of(change, item, wanted)).toBe(verdict);
  });
});

it("is a table that people can read", async () => {
  const cpus = "0-3";
  const tuning: InspectedTuning = {
    profile: "nfv",
    resources: {
      bootArguments: {
        arguments: {
          isolcpus: { cpus: "2-3", flags: ["domain", "managed_irq"] },
          nohzFull: "2-3",
          skewTick: true,
        },
      },
      sysctls: { values: { "vm.stat_interval": 10, "kernel.numa_balancing": 0 } },
      cpuFrequency: { cpus, governor: "performance" },
      memoryManagement: { transparentHugepages: "never" },
      machineChecks: { ignoreCorrected: true },
      workqueues: { cpus: "0-1" },
    },
    settings: [
      {
        setting: "sysctls.vm.stat_interval",
        value: 10,
        source: "tuned network-latency [sysctl]",
        reason: "a tenth of the workers",
      },
      { setting: "kernel.ignoreCorrectedErrors", value: true, source: "tuned realtime [sysfs]", reason: "" },
      {
        setting: "kernelThreads.ksoftirqd",
        value: { policy: "fifo", priority: 2 },
        source: "tuned realtime",
        reason: "",
      },
    ],
    unapplied: [
      { setting: "kernelThreads.ksoftirqd", reason: "the kernel has no such thread" },
      { setting: "processor.turbo", reason: "nothing scales the frequency there" },
      { setting: "processor.minimumPerformance", reason: "CpuFrequency bounds frequencies in kHz" },
    ],
  };
  const state = machine({
    files: new Map([
      [`${CPU}/online`, cpus],
      ["/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]"],
      ["/sys/devices/virtual/workqueue/cpumask", "f"],
      ["/sys/devices/system/machinecheck/machinecheck0/ignore_ce", "0"],
    ]),
    sysctls: new Map([
      ["vm.stat_interval", "1"],
      ["kernel.numa_balancing", "0"],
    ]),
    shown: booted("quiet isolcpus=domain,managed_irq,2-3 skew_tick=1", {
      [`${CPU}/isolated`]: "2-3",
    }),
    loader: menu("quiet", { nfv: tuning.resources.bootArguments?.arguments ?? {} }),
    configuration: {
      [sysctlFilePath("tuned")]: sysctlFile({ "kernel.numa_balancing": 0 }),
      [tmpfilesPath("workqueues")]: "w- /sys/devices/virtual/workqueue/cpumask - - - - 3\n",
    },
  });
  const knobs = inspectTuning(tuning, state);
  const firmware = inspectFirmware(
    { simultaneousMultithreading: false, usbLegacySupport: false },
    {
      ...{
        machine: "Acme, Server 9, 1.2",
        smt: "on",
        boost: undefined,
        turboEngaged: undefined,
        idleStates: [],
      },
      ...{ nodes: 1, sockets: 1, acpiTables: undefined, cpuFlags: new Set<string>() },
    },
    [],
  );
  const summary = summarize(countVerdicts(knobs));
  const found = { knobs, firmware, machine: "Acme, Server 9, 1.2", rivals: ["tuned"], summary };
  await expect(explainInspection("dut beside profile nfv", found)).toMatchFileSnapshot(golden("table.txt"));
  await expect(`${JSON.stringify(knobs, null, 2)}\n`).toMatchFileSnapshot(golden("knobs.json"));
});
