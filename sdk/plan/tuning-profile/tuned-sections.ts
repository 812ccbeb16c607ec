import { cpuFrequency } from "../../schema/cpu-frequency.ts";
import { sysctls } from "../../schema/sysctls.ts";
import type { IdleBound, KvmParameter, ThreadScheduling } from "../../schema/tuning-plan.ts";
import { InputError } from "../../units/errors.ts";
import { checkSysctls } from "../sysctls.ts";
import { lookUp } from "./look-up.ts";
import type { Section } from "./profile.ts";
import { schemaIssue } from "./schema-issue.ts";
import { tunedCpuList } from "./tuned-functions.ts";

/** What comes of an option: settings, and what of it sets nothing. */
export interface Outcome {
  readonly set: ReadonlyArray<{ readonly section: Section; readonly key: string; readonly value: unknown }>;
  readonly reason?: string;
}

type Reader = (key: string, value: string) => Outcome;

const none = (reason: string): Outcome => ({ set: [], reason });
const one = (section: Section, key: string, value: unknown, reason?: string): Outcome => ({
  set: [{ section, key, value }],
  ...(reason !== undefined && { reason }),
});

const BOOTLOADER_OTHERS: Readonly<Record<string, string>> = {
  skip_grub_config: "who writes the boot loader's files is the resource's business",
  grub2_cfg_file: "who writes the boot loader's files is the resource's business",
};

const SCHEDULER_OTHERS =
  "moving tasks that run is the work of tuned's daemon: isolcpus and systemd.cpuAffinity keep them off from the start";

/** The plug-ins whose options are settings of a profile, but for [bootloader], whose lines are one command line together. */
export const tunedSections: Readonly<Record<string, Reader>> = {
  sysctl: (key, quoted) => {
    const value = quoted.replace(/^"(.*)"$/, "$1");
    if (/^[<>]/.test(value)) return none("it sets a value only where the one found is smaller or greater");
    return sysctl(key, value);
  },
  vm: (key, value) => {
    const ratio = /^(\d+)\s*%$/.exec(value)?.[1];
    switch (key) {
      case "transparent_hugepages":
      case "transparent_hugepage":
        return choice("memory", "transparentHugepages", value, ["always", "madvise", "never"]);
      case "transparent_hugepage.defrag":
        return choice("memory", "defrag", value, ["always", "defer", "defer+madvise", "madvise", "never"]);
      case "dirty_bytes":
        return ratio === undefined ? sysctl("vm.dirty_bytes", value) : sysctl("vm.dirty_ratio", ratio);
      case "dirty_background_bytes":
        return ratio === undefined
          ? sysctl("vm.dirty_background_bytes", value)
          : sysctl("vm.dirty_background_ratio", ratio);
      case "dirty_ratio":
      case "dirty_background_ratio":
        return sysctl(`vm.${key}`, value);
      default:
        return none("no option of [vm] that is known here");
    }
  },
  sysfs: (path, value) => {
    if (
      /^\/sys\/(devices\/virtual\/workqueue(\/\*)?|bus\/workqueue\/devices\/writeback)\/cpumask$/.test(path)
    ) {
      const cpus = tunedCpuList(/^0x/i.test(value) ? value : `0x${value}`);
      return cpus === undefined || cpus.size === 0
        ? none("its value is no CPU mask")
        : one("kernel", "workqueueCpus", cpus.format());
    }
    if (/^\/sys\/devices\/system\/machinecheck\/machinecheck[*0]\/ignore_ce$/.test(path))
      return toggle("kernel", "ignoreCorrectedErrors", value);
    if (path === "/sys/kernel/mm/ksm/run") {
      if (value === "0") return none("it keeps what is merged: a profile takes that apart, as 2 does");
      return value === "1" || value === "2"
        ? one("memory", "ksm", value === "1")
        : none("expected 0, 1 or 2");
    }
    if (path === "/sys/kernel/mm/transparent_hugepage/enabled")
      return choice("memory", "transparentHugepages", value, ["always", "madvise", "never"]);
    if (path === "/sys/devices/system/cpu/cpufreq/boost") return toggle("processor", "turbo", value);
    if (path === "/sys/devices/system/cpu/intel_pstate/no_turbo")
      return toggle("processor", "turbo", value, true);
    if (/^\/sys\/devices\/system\/cpu\/cpu\*\/cpufreq\/scaling_governor$/.test(path))
      return firstOf("governor", value);
    const [, module, parameter] =
      /^\/sys\/module\/(kvm|kvm_intel|kvm_amd)\/parameters\/(\w+)$/.exec(path) ?? [];
    if (module !== undefined) return one("kvm", `${module}.${parameter}` satisfies string, plain(value));
    return none("no setting of a profile stands for this file");
  },
  cpu: (key, value) => {
    switch (key) {
      case "force_latency":
        return idleBounds(value);
      case "governor":
        return firstOf("governor", value);
      case "energy_perf_bias":
        return firstOf("energyPerfBias", value);
      case "energy_performance_preference":
        return firstOf("energyPerformancePreference", value);
      case "min_perf_pct":
        return percent("minimumPerformance", value);
      case "max_perf_pct":
        return percent("maximumPerformance", value);
      case "no_turbo":
        return toggle("processor", "turbo", value, true);
      case "boost":
        return toggle("processor", "turbo", value);
      case "pm_qos_resume_latency_us":
        if (value === "n/a") return one("processor", "resumeLatency", "0us");
        return /^\d+$/.test(value)
          ? one("processor", "resumeLatency", Number(value) === 0 ? "unlimited" : `${Number(value)}us`)
          : none("expected microseconds or n/a");
      case "load_threshold":
      case "latency_low":
      case "latency_high":
        return none("it follows the load, which is the work of tuned's daemon");
      default:
        return none("no setting of a profile stands for it");
    }
  },
  systemd: (key, value) => {
    if (key !== "cpu_affinity") return none("[systemd] has cpu_affinity alone");
    return cpuList("systemd", "cpuAffinity", value);
  },
  irqbalance: (key, value) => {
    if (key !== "banned_cpus") return none("[irqbalance] has banned_cpus alone");
    return cpuList("interrupts", "unbalancedCpus", value);
  },
  scheduler: (key, value) => {
    if (key === "default_irq_smp_affinity" && value !== "calc" && value !== "ignore")
      return cpuList("interrupts", "defaultCpus", value);
    if (key.startsWith("group.")) return threadGroup(value);
    if (key === "default_irq_smp_affinity" || key === "irq_process")
      return none("it says how isolated_cores is taken");
    if (/^(sched_|numa_balancing_)/.test(key))
      return none("its file is in debugfs, under names that change with the kernel");
    return none(SCHEDULER_OTHERS);
  },
  modules: (module, value) => {
    if (!["kvm", "kvm_intel", "kvm_amd"].includes(module))
      return none("a profile sets parameters of KVM's modules alone");
    const options = value
      .replace(/^\+r,?\s*/, "")
      .split(/\s+/)
      .filter((option) => option !== "");
    const set = options.flatMap((option) => {
      const [, parameter, text] = /^(\w+)=(\S+)$/.exec(option) ?? [];
      const key = `${module}.${parameter}` as KvmParameter;
      return parameter === undefined || text === undefined
        ? []
        : [{ section: "kvm" as const, key, value: plain(text) }];
    });
    if (set.length < options.length) return { set, reason: "not all of its options are parameter=value" };
    return value.startsWith("+r")
      ? { set, reason: "modules are not loaded anew: parameters count from the next load" }
      : { set };
  },
};

/** Options of [bootloader] that are no part of the command line. */
export function otherBootloaderOption(key: string): string {
  return (
    lookUp(BOOTLOADER_OTHERS, key) ??
    "an initrd of tuned's own: what it does early, kernel and systemd settings do once the machine is up"
  );
}

/** Why nothing of a plug-in is a setting. */
export function foreignSection(type: string): string {
  const reasons: Readonly<Record<string, string>> = {
    acpi: "the platform's profile is for laptops",
    audio: "audio has no part in a lab",
    disk: "disks have no part in a profile",
    irq: "interrupts are set one by one by what knows their device",
    main: "[main] has summary and include",
    mounts: "mounts have no part in a profile",
    net: "queues and coalescing belong to a NIC: set them where the NIC is declared",
    rtentsk: "it holds a socket open, which takes a daemon",
    script: "what a script does cannot be read",
    scsi_host: "disks have no part in a profile",
    selinux: "SELinux's cache has no part in a profile",
    service: "services are started and stopped by who declares them",
    uncore: "uncore frequencies have no setting here",
    usb: "USB has no part in a lab",
    video: "panels and graphics have no part in a lab",
  };
  return lookUp(reasons, type) ?? "no plug-in of tuned's that is known here";
}

/** `cstate.id_no_zero:1|3`: the first that the machine has. */
function idleBounds(value: string): Outcome {
  const bounds: IdleBound[] = [];
  for (const item of value.split("|").map((each) => each.trim())) {
    const [, kind, unlessZero, state = ""] = /^cstate\.(id|name)(_no_zero)?:(\S+)$/.exec(item) ?? [];
    if (item.toLowerCase() === "none")
      return bounds.length > 0 ? one("processor", "idleBound", bounds) : none("None sets nothing");
    if (/^\d+$/.test(item)) bounds.push({ microseconds: Number(item) });
    else if (kind === "name" || (kind === "id" && /^\d+$/.test(state)))
      bounds.push({
        state: kind === "id" ? Number(state) : state,
        ...(unlessZero !== undefined && { unlessZero: true }),
      });
    else return none("expected microseconds, cstate.id:N or cstate.name:C1, with | between them");
  }
  return one("processor", "idleBound", bounds);
}

const POLICIES: Readonly<Record<string, ThreadScheduling["policy"]>> = {
  f: "fifo",
  r: "rr",
  o: "other",
  b: "batch",
  i: "idle",
};

/** `0:f:2:*:^\[ksoftirqd`: rule priority, policy, priority, affinity, expression over names. */
function threadGroup(value: string): Outcome {
  const [, , letter = "", priority = "", affinity, expression = ""] =
    /^(\d*):([^:]*):([^:]*):([^:]*):(.*)$/.exec(value) ?? [];
  const policy = lookUp(POLICIES, letter);
  if (affinity === undefined) return none("expected rule:policy:priority:affinity:expression");
  const thread = /^\^?(?:\\\[)?([a-z_]+[a-z])(?:\/?\.\*)?$/.exec(expression)?.[1];
  if (thread === undefined) return none("its expression is not the name of one kind of kernel thread");
  if (affinity !== "*") return none("a profile gives threads no CPUs: they follow irqaffinity and nohz_full");
  if (policy === undefined || !/^\d{1,2}$/.test(priority))
    return none("a policy f, r, o, b or i and a priority from 0 to 99 are expected");
  return one("kernelThreads", thread, { policy, priority: Number(priority) });
}

function sysctl(key: string, text: string): Outcome {
  const value = plain(text);
  const issue = schemaIssue(sysctls.inputs.shape.values.safeParse({ [key]: value }));
  if (issue !== undefined) return none(issue);
  try {
    checkSysctls({ [key]: value });
  } catch (refusal) {
    if (refusal instanceof InputError) return none(`${refusal.problem}: ${refusal.hint}`);
    throw refusal;
  }
  return one("sysctls", key, value);
}

function plain(text: string): string | number {
  return /^(0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
}

function choice(section: Section, key: string, value: string, values: readonly string[]): Outcome {
  return values.includes(value) ? one(section, key, value) : none(`expected ${values.join(", ")}`);
}

function toggle(section: Section, key: string, value: string, inverted = false): Outcome {
  const truth = ["1", "y", "yes", "t", "true"].includes(value.toLowerCase());
  if (!truth && !["0", "n", "no", "f", "false"].includes(value.toLowerCase())) return none("expected 0 or 1");
  return one(section, key, truth !== inverted);
}

function percent(key: string, value: string): Outcome {
  return /^\d{1,3}$/.test(value) && Number(value) <= 100
    ? one("processor", key, Number(value))
    : none("expected a percentage");
}

/** Names that tuned and the kernel have for biases. */
const BIASES: Readonly<Record<string, number>> = {
  performance: 0,
  "balance-performance": 4,
  normal: 6,
  "balance-power": 8,
  powersave: 15,
  power: 15,
};

/** `ondemand|powersave`: the first that there is, where a profile names one. */
function firstOf(key: "governor" | "energyPerfBias" | "energyPerformancePreference", value: string): Outcome {
  const [first = "", ...others] = value.split("|").map((each) => each.trim());
  const meant = key === "energyPerfBias" ? (lookUp(BIASES, first) ?? plain(first)) : first;
  const issue = schemaIssue(cpuFrequency.inputs.shape[key].safeParse(meant));
  if (issue !== undefined) return none(issue);
  const left = `a profile names one: ${others.join(", ")} left out`;
  return one("processor", key, meant, others.length === 0 ? undefined : left);
}

function cpuList(section: Section, key: string, value: string): Outcome {
  const list = tunedCpuList(value.replaceAll(/\s+/g, ","));
  return list === undefined || list.size === 0
    ? none("its value is no CPU list")
    : one(section, key, list.format());
}
