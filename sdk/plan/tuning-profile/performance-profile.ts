import type { BootHugepages } from "../../schema/boot-arguments.ts";
import { readBootWords } from "./boot-words.ts";
import { setting } from "./low-latency.ts";
import { nfv } from "./nfv.ts";
import { cpuSet, PAGE_SIZES, problemsOf } from "./performance-profile-problems.ts";
import { type PerformanceProfile, readPerformanceProfile, refusal } from "./performance-profile-shape.ts";
import {
  type Isolation,
  type PlacedSetting,
  type ProcessorVendor,
  placedSettings,
  recordedSettings,
  type Section,
  type TuningProfile,
} from "./profile.ts";

/** A field and the settings that it became, or that it took out of what profiles have. */
export interface AppliedField {
  readonly field: string;
  readonly settings: readonly string[];
}

export interface FieldNotApplied {
  readonly field: string;
  readonly value: string;
  readonly reason: string;
}

export interface PerformanceProfileImport {
  readonly profile: TuningProfile;
  /** Whether the object asks for a real-time kernel, which no tuning installs. */
  readonly realTimeKernel: boolean;
  readonly applied: readonly AppliedField[];
  /** Every other field, with the reason. A field of which a part was applied is in both. */
  readonly notApplied: readonly FieldNotApplied[];
}

/**
 * A Kubernetes PerformanceProfile v2 in our own terms, for one host. Fields become settings as the node tuning operator has them; what the operator
 * adds by itself comes from `nfv`. Nothing is lost in silence: each field is in `applied` or `notApplied`. Changes nothing.
 *
 * @throws InputError `performance-profile` that names everything that is wrong: YAML, fields that there are not, with the nearest right name, and what the
 *   operator itself refuses
 * @example
 * const { profile } = performanceProfileToTuning(text, { vendor: "intel" });
 * bootArgumentsOf(profile).hugepages; // [{ size: "1GiB", count: { "0": 16 } }]
 */
export function performanceProfileToTuning(
  text: string,
  { vendor }: { readonly vendor: ProcessorVendor },
): PerformanceProfileImport {
  const object = readPerformanceProfile(text);
  const problems = problemsOf(object);
  if (problems.length > 0) throw refusal(problems);
  const reading = new Reading(object, vendor);
  reading.cpus();
  reading.workload();
  reading.power();
  reading.interrupts();
  reading.hugepages();
  reading.kernel();
  reading.cluster();
  reading.additionalArguments();
  return reading.result();
}

class Reading {
  readonly #object: PerformanceProfile;
  readonly #spec: PerformanceProfile["spec"];
  readonly #vendor: ProcessorVendor;
  readonly #isolation: Isolation;
  readonly #base: TuningProfile;
  readonly #settings: Map<string, PlacedSetting>;
  readonly #applied = new Map<string, string[]>();
  readonly #notApplied: FieldNotApplied[] = [];
  readonly #name: string;

  constructor(object: PerformanceProfile, vendor: ProcessorVendor) {
    const { cpu, realTimeKernel } = object.spec;
    this.#object = object;
    this.#spec = object.spec;
    this.#vendor = vendor;
    this.#name = object.metadata?.name ?? "performance-profile";
    this.#isolation = {
      housekeeping: cpuSet(cpu.reserved).union(cpuSet(cpu.shared)),
      isolated: cpuSet(cpu.isolated).union(cpuSet(cpu.ovsDpdk)),
    };
    this.#base = nfv(this.#isolation, { vendor, realTimeKernel: realTimeKernel?.enabled === true });
    this.#settings = new Map(
      placedSettings(this.#base.settings).map((placed) => [`${placed.section}.${placed.key}`, placed]),
    );
  }

  result(): PerformanceProfileImport {
    return {
      profile: {
        name: this.#name,
        summary: `as the PerformanceProfile ${this.#name}`,
        settings: recordedSettings([...this.#settings.values()]),
        leftOut: [
          ...this.#base.leftOut.filter(
            ({ what }) => what !== "idle=poll" || !this.#settings.has("bootArguments.idle"),
          ),
          {
            what: "kernel.timer_migration=1",
            source: "cluster-node-tuning-operator",
            reason: "it is for pods that come and go: what is pinned here stays",
          },
        ],
        overridden: [],
      },
      realTimeKernel: this.#spec.realTimeKernel?.enabled === true,
      applied: [...this.#applied].map(([field, settings]) => ({ field, settings: [...new Set(settings)] })),
      notApplied: this.#notApplied,
    };
  }

  cpus(): void {
    const { cpu } = this.#spec;
    const { isolated, housekeeping } = this.#isolation;
    const lists = ["nohzFull", "rcuNocbs"] as const;
    for (const field of [
      "spec.cpu.isolated",
      ...(cpuSet(cpu.ovsDpdk).size > 0 ? ["spec.cpu.ovsDpdk"] : []),
    ]) {
      for (const key of lists)
        this.#put(field, "bootArguments", key, isolated.format(), "CPUs of the workload");
    }
    for (const field of ["spec.cpu.reserved", ...(cpuSet(cpu.shared).size > 0 ? ["spec.cpu.shared"] : [])]) {
      this.#put(field, "systemd", "cpuAffinity", housekeeping.format(), "daemons stay on CPUs of the system");
      this.#put(
        field,
        "kernel",
        "workqueueCpus",
        housekeeping.format(),
        "kernel workers stay on CPUs of the system",
      );
    }
    if (cpu.balanceIsolated === false) {
      this.#put(
        "spec.cpu.balanceIsolated",
        "bootArguments",
        "isolcpus",
        { cpus: isolated.format(), flags: ["domain", "managed_irq"] },
        "threads stay where they were pinned",
      );
    } else {
      this.#take("spec.cpu.balanceIsolated", "bootArguments", "isolcpus");
      const reason =
        "the scheduler balances isolated CPUs; managed interrupts come to them, since isolcpus=managed_irq alone isolates nothing else";
      this.#leave("spec.cpu.balanceIsolated", cpu.balanceIsolated ?? "true, by default", reason);
    }
    this.#leaveIfThere(
      "spec.cpu.ovsDpdk",
      cpu.ovsDpdk,
      "poll-mode threads: give the list to the switch as its CPUs",
    );
    this.#leaveIfThere(
      "spec.cpu.offlined",
      cpu.offlined,
      "no CPU is switched off: leave these out of CPU plans",
    );
  }

  workload(): void {
    const hints = this.#spec.workloadHints;
    const field = "spec.workloadHints.realTime";
    if (hints?.realTime === false) {
      this.#take(field, "bootArguments", "nosoftlockup");
      this.#take(field, "bootArguments", "tsc");
      for (const key of ["kernel.hung_task_timeout_secs", "kernel.nmi_watchdog", "vm.stat_interval"])
        this.#take(field, "sysctls", key);
    } else {
      this.#put(
        field,
        "sysctls",
        "kernel.sched_rt_runtime_us",
        -1,
        "a real-time thread is not stopped each second",
      );
      for (const thread of ["ksoftirqd", "ktimers", "rcuc"]) {
        this.#put(
          field,
          "kernelThreads",
          thread,
          { policy: "fifo", priority: 11 },
          "it runs before what is not real-time",
        );
      }
      this.#words(field, ["rcutree.kthread_prio=11"]);
    }
    this.#leaveIfThere(
      "spec.workloadHints.mixedCpus",
      hints?.mixedCpus,
      "a plug-in of the kubelet's shares CPUs among pods; here spec.cpu.shared is the system's",
    );
  }

  power(): void {
    const { workloadHints: hints, hardwareTuning } = this.#spec;
    const pstate =
      this.#vendor === "intel" ? "intelPstate" : this.#vendor === "amd" ? "amdPstate" : undefined;
    const high = "spec.workloadHints.highPowerConsumption";
    if (hints?.highPowerConsumption === true) {
      this.#put(high, "bootArguments", "processorMaxCstate", 1, "no idle state that takes long to leave");
      if (this.#vendor === "intel")
        this.#put(high, "bootArguments", "intelIdleMaxCstate", 0, "so that processor.max_cstate counts");
      if (hints.realTime !== false) this.#put(high, "bootArguments", "idle", "poll", "no idle state at all");
    } else this.#heeded(high, hints?.highPowerConsumption);
    const pods = "spec.workloadHints.perPodPowerManagement";
    if (hints?.perPodPowerManagement === true) {
      if (pstate !== undefined)
        this.#put(pods, "bootArguments", pstate, "passive", "governors choose frequencies");
      for (const { section, key } of [...this.#settings.values()])
        if (section === "processor") this.#take(pods, section, key);
      this.#leave(
        pods,
        true,
        "frequencies are set for each pod by the runtime: here by the host's resources",
      );
    } else this.#heeded(pods, hints?.perPodPowerManagement);
    for (const name of ["isolatedCpuFreq", "reservedCpuFreq"] as const) {
      const field = `spec.hardwareTuning.${name}`;
      const frequency = hardwareTuning?.[name];
      if (frequency === undefined) continue;
      if (pstate !== undefined && hints?.perPodPowerManagement !== true)
        this.#put(
          field,
          "bootArguments",
          pstate,
          "active",
          "the processor's own driver heeds bounds of frequencies",
        );
      this.#leave(field, frequency, "no setting bounds frequencies, in kHz, by CPU");
    }
  }

  interrupts(): void {
    const { globallyDisableIrqLoadBalancing: wanted, cpu } = this.#spec;
    const field = "spec.globallyDisableIrqLoadBalancing";
    const { isolated, housekeeping } = this.#isolation;
    if (wanted === true) {
      const why = "interrupts stay on CPUs of the system";
      this.#put(field, "bootArguments", "irqaffinity", housekeeping.format(), why);
      this.#put(field, "interrupts", "defaultCpus", housekeeping.format(), why);
      this.#put(field, "interrupts", "unbalancedCpus", isolated.format(), why);
      return;
    }
    this.#take(field, "bootArguments", "irqaffinity");
    this.#take(field, "interrupts", "defaultCpus");
    this.#take(field, "interrupts", "unbalancedCpus");
    this.#leave(
      field,
      wanted ?? "false, by default",
      "pods switch it off for their own CPUs, and there are none here: interrupts may come to isolated CPUs; true keeps them off",
    );
    const pmd = cpuSet(cpu.ovsDpdk);
    if (pmd.size === 0) return;
    const rest = isolated.union(housekeeping).minus(pmd).format();
    this.#put(
      "spec.cpu.ovsDpdk",
      "bootArguments",
      "irqaffinity",
      rest,
      "new interrupts keep off poll-mode threads",
    );
  }

  hugepages(): void {
    const { defaultHugepagesSize, pages = [] } = this.#spec.hugepages ?? {};
    if (defaultHugepagesSize !== undefined) {
      this.#put(
        "spec.hugepages.defaultHugepagesSize",
        "bootArguments",
        "defaultHugepagesz",
        PAGE_SIZES[defaultHugepagesSize],
        "the size that nobody named",
      );
    }
    const pools: BootHugepages[] = [];
    for (const [size, text] of Object.entries(PAGE_SIZES).map(([name, long]) => [name, long] as const)) {
      const own = pages.map((page, index) => ({ ...page, index })).filter((page) => page.size === size);
      const spread = own.find(({ node }) => node === undefined);
      const byNode = own.filter(({ node }) => node !== undefined);
      for (const { index, count = 0 } of spread === undefined ? [] : byNode) {
        const reason = `the kernel takes one form for each size, and spec.hugepages.pages[${spread?.index}] spreads ${size} over all nodes: use Hugepages`;
        this.#leave(`spec.hugepages.pages[${index}]`, count, reason);
      }
      const taken = spread === undefined ? byNode : [spread];
      for (const { index } of taken.filter(({ count = 0 }) => count === 0))
        this.#leave(`spec.hugepages.pages[${index}]`, 0, "no page is asked for");
      const some = taken.filter(({ count = 0 }) => count > 0);
      if (some.length === 0) continue;
      pools.push({
        size: text,
        count:
          spread === undefined
            ? Object.fromEntries(some.map(({ node = 0, count = 0 }) => [`${node}`, count]))
            : (spread.count ?? 0),
      });
      for (const { index } of some)
        this.#put(
          `spec.hugepages.pages[${index}]`,
          "bootArguments",
          "hugepages",
          pools,
          "taken while memory is whole",
        );
    }
  }

  kernel(): void {
    const { realTimeKernel, kernelPageSize } = this.#spec;
    const operator = "cluster-node-tuning-operator";
    const devices = "devices of guests behind the IOMMU, the host's own past it";
    if (this.#vendor === "intel") this.#add("bootArguments", "intelIommu", "on", operator, devices);
    if (this.#vendor !== "other") this.#add("bootArguments", "iommu", "pt", operator, devices);
    this.#leaveIfThere(
      "spec.realTimeKernel.enabled",
      realTimeKernel?.enabled,
      realTimeKernel?.enabled === true
        ? "no tuning installs a kernel: boot the machine with a real-time one; settings that it lacks are left out"
        : "heeded: an ordinary kernel",
    );
    this.#heeded("spec.kernelPageSize", kernelPageSize);
  }

  cluster(): void {
    const { nodeSelector, machineConfigLabel, machineConfigPoolSelector, numa, net } = this.#spec;
    const selector = "a lab names its hosts: give the profile to those that the label would choose";
    this.#leaveIfThere("spec.nodeSelector", labels(nodeSelector), selector);
    this.#leaveIfThere("spec.machineConfigLabel", labels(machineConfigLabel), selector);
    this.#leaveIfThere("spec.machineConfigPoolSelector", labels(machineConfigPoolSelector), selector);
    this.#leaveIfThere(
      "spec.numa.topologyPolicy",
      numa?.topologyPolicy,
      "the kubelet places pods by it: a CPU plan places guests by NUMA node",
    );
    const queues = `queues belong to a NIC: set ${cpuSet(this.#spec.cpu.reserved).size} where it is declared`;
    this.#leaveIfThere("spec.net.userLevelNetworking", net?.userLevelNetworking, queues);
    for (const [index, device] of (net?.devices ?? []).entries())
      this.#leave(`spec.net.devices[${index}]`, labels(device) ?? "", queues);
    for (const [name, value] of Object.entries(this.#object.metadata ?? {})) {
      if (name === "name") this.#applied.set("metadata.name", []);
      else if (name !== "annotations")
        this.#leave(`metadata.${name}`, JSON.stringify(value), "the cluster keeps it");
    }
    for (const [name, value] of Object.entries(this.#object.metadata?.annotations ?? {}))
      this.#leave(
        `metadata.annotations["${name}"]`,
        value,
        "it tells the operator what to do in the cluster",
      );
    if ("status" in this.#object) this.#leave("status", "", "the operator wrote it");
  }

  additionalArguments(): void {
    for (const [index, line] of (this.#spec.additionalKernelArgs ?? []).entries())
      this.#words(
        `spec.additionalKernelArgs[${index}]`,
        line.split(/\s+/).filter((word) => word !== ""),
      );
  }

  #words(field: string, words: readonly string[]): void {
    const { read, refused } = readBootWords(words.map((text) => ({ text, tag: field })));
    for (const { word, section, key, value } of read)
      this.#put(field, section, key, value, `asked for as ${word.text}`);
    for (const { word, reason } of refused) this.#leave(field, word.text, reason);
  }

  #put(field: string, section: Section, key: string, value: unknown, reason: string): void {
    this.#add(section, key, value, `PerformanceProfile ${this.#name} ${field}`, reason);
    this.#note(field, `${section}.${key}`);
  }

  #add(section: Section, key: string, value: unknown, source: string, reason: string): void {
    this.#settings.set(`${section}.${key}`, { section, key, setting: setting(value, source, reason) });
  }

  #take(field: string, section: Section, key: string): void {
    if (this.#settings.delete(`${section}.${key}`)) this.#note(field, `${section}.${key}`);
  }

  #note(field: string, place: string): void {
    this.#applied.set(field, [...(this.#applied.get(field) ?? []), place]);
  }

  #leave(field: string, value: string | number | boolean, reason: string): void {
    this.#notApplied.push({ field, value: `${value}`, reason });
  }

  #leaveIfThere(field: string, value: string | number | boolean | undefined, reason: string): void {
    if (value !== undefined) this.#leave(field, value, reason);
  }

  /** A field that says what is so anyway. */
  #heeded(field: string, value: string | boolean | undefined): void {
    this.#leaveIfThere(field, value, "heeded: it is so without");
  }
}

function labels(map: Readonly<Record<string, string | undefined>> | undefined): string | undefined {
  return map === undefined
    ? undefined
    : Object.entries(map)
        .map(([name, value]) => (value ? `${name}=${value}` : name))
        .join(", ");
}
