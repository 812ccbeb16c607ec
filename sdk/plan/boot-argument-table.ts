import type { BootArgument } from "../observe/boot-arguments.ts";
import type { BootEvidence, BootLog } from "../observe/boot-evidence.ts";
import type { BootArgumentSet } from "../schema/boot-arguments.ts";
import { CpuSet } from "../units/cpuset.ts";
import { bytes } from "../units/size.ts";
import { spelled } from "./boot-parameter-names.ts";

/** All that a running kernel shows of its command line. */
export interface Shown extends BootEvidence {
  readonly iommus: readonly string[];
  readonly log: BootLog;
}

export type FieldName = Exclude<keyof BootArgumentSet, "extra" | "unlisted" | "hugepages">;
export type Fields = { readonly [F in FieldName]-?: NonNullable<BootArgumentSet[F]> };

/** How one field is written for the kernel, read back from a line, and seen in force. */
export interface Row<T> {
  /** The kernel's name. */
  readonly name: string;
  /** The value as the kernel reads it; undefined for a flag. */
  readonly write: (value: T) => string | undefined;
  /** Undefined for what the field can't say. */
  readonly read: (text: string | undefined) => T | undefined;
  /** Its own evidence beside the command line; without it the line is all there is. */
  readonly holds?: (value: T, shown: Shown) => boolean;
}

const CPU = "/sys/devices/system/cpu";
const CLOCK = "/sys/devices/system/clocksource/clocksource0";
const MACHINE_CHECK = "/sys/devices/system/machinecheck/machinecheck0";
const KERNEL = "/proc/sys/kernel";

const word = <T extends string>(
  name: string,
  words: readonly T[],
  holds?: Row<NoInfer<T>>["holds"],
): Row<T> => ({
  name,
  write: (value) => value,
  read: (text) => words.find((candidate) => candidate === text),
  ...(holds && { holds }),
});

const flag = (name: string, holds: NonNullable<Row<true>["holds"]>): Row<true> => ({
  name,
  write: () => undefined,
  read: (text) => (text === undefined ? true : undefined),
  holds,
});

const toggle = (name: string, on: string, off: string, holds?: Row<boolean>["holds"]): Row<boolean> => ({
  name,
  write: (value) => (value ? on : off),
  read: (text) => (text === on ? true : text === off ? false : undefined),
  ...(holds && { holds }),
});

const whole = (name: string, max: number, path: string): Row<number> => ({
  name,
  write: (value) => `${value}`,
  read: (text = "") => (/^(0|[1-9]\d{0,3})$/.test(text) && Number(text) <= max ? Number(text) : undefined),
  holds: (value, { files }) => files.get(path) === `${value}`,
});

const cpus = (name: string, holds?: (value: CpuSet, shown: Shown) => boolean): Row<string> => ({
  name,
  write: (value) => CpuSet.parse(value).format(),
  read: (text) => cpusOf(text)?.format(),
  ...(holds && { holds: (value: string, shown: Shown) => holds(CpuSet.parse(value), shown) }),
});

const file =
  (path: string, text: string) =>
  (_: unknown, { files }: Shown) =>
    files.get(path) === text;
const onOff =
  (path: string) =>
  (value: boolean, { files }: Shown) =>
    files.get(path) === (value ? "1" : "0");

/** In the order in which they are written. */
export const table: { readonly [F in FieldName]-?: Row<Fields[F]> } = {
  isolcpus: {
    name: "isolcpus",
    write: ({ cpus: list, flags = [] }) =>
      [...FLAGS.filter((one) => flags.includes(one)), CpuSet.parse(list).format()].join(","),
    read: readIsolcpus,
    holds: ({ cpus: list }, { files }) => sameCpus(files.get(`${CPU}/isolated`), CpuSet.parse(list)),
  },
  nohzFull: cpus("nohz_full", (set, { files }) => sameCpus(files.get(`${CPU}/nohz_full`), set)),
  rcuNocbs: cpus("rcu_nocbs", (set, { log }) => {
    const offloaded = loggedIn(log, /Offload RCU callbacks from CPUs: (.*?)\.?$/);
    // Those of nohz_full come on top.
    return offloaded === undefined ? !log.complete : set.isSubsetOf(cpusOf(offloaded) ?? CpuSet.empty);
  }),
  rcuNocbPoll: flag("rcu_nocb_poll", (_, { log }) => logged(log, /Poll for callbacks from no-CBs CPUs/)),
  irqaffinity: cpus("irqaffinity", (set, { files }) => {
    const mask = files.get("/proc/irq/default_smp_affinity");
    // The kernel adds the CPU that it boots on.
    return mask !== undefined && CpuSet.fromMask(mask).equals(set.union(CpuSet.of([0])));
  }),
  kthreadCpus: cpus("kthread_cpus"),
  defaultHugepagesz: {
    name: "default_hugepagesz",
    write: (size) => size.slice(0, 2),
    read: (text = "") => pageSizeOf(text),
    holds: (size, { files }) =>
      new RegExp(`^Hugepagesize:\\s+${bytes(size) / 1024} kB$`, "m").test(files.get("/proc/meminfo") ?? ""),
  },
  transparentHugepage: word(
    "transparent_hugepage",
    ["always", "madvise", "never"],
    (value, { files }) =>
      files.get("/sys/kernel/mm/transparent_hugepage/enabled")?.includes(`[${value}]`) === true,
  ),
  numaBalancing: toggle("numa_balancing", "enable", "disable", (value, { files }) => {
    const now = files.get(`${KERNEL}/numa_balancing`);
    // A kernel that can't balance has no such file.
    return now === undefined ? !value : (now !== "0") === value;
  }),
  intelIommu: word(
    "intel_iommu",
    ["on", "off"],
    (value, { iommus }) => iommus.some((name) => name.startsWith("dmar")) === (value === "on"),
  ),
  amdIommu: word(
    "amd_iommu",
    ["off", "force_enable", "force_isolation", "pgtbl_v1", "pgtbl_v2"],
    (value, { iommus }) => iommus.some((name) => name.startsWith("ivhd")) === (value !== "off"),
  ),
  iommu: word("iommu", ["pt", "nopt", "off", "force"], (value, { files, iommus }) => {
    const types = [...files].flatMap(([path, text]) =>
      /^\/sys\/kernel\/iommu_groups\/\d+\/type$/.test(path) ? [text] : [],
    );
    if (value === "pt") return types.includes("identity");
    if (value === "nopt") return types.some((type) => type.startsWith("DMA"));
    return value === "off" ? types.length === 0 : iommus.length > 0;
  }),
  intelPstate: word(
    "intel_pstate",
    ["disable", "passive", "active", "no_hwp"],
    pstate(`${CPU}/intel_pstate/status`),
  ),
  amdPstate: word(
    "amd_pstate",
    ["disable", "passive", "active", "guided"],
    pstate(`${CPU}/amd_pstate/status`),
  ),
  idle: word("idle", ["poll", "halt", "nomwait"], (value, { log }) =>
    value === "poll" ? logged(log, /polling idle threads/) : true,
  ),
  processorMaxCstate: whole("processor.max_cstate", 9, "/sys/module/processor/parameters/max_cstate"),
  intelIdleMaxCstate: {
    ...whole("intel_idle.max_cstate", 9, "/sys/module/intel_idle/parameters/max_cstate"),
    holds: (value, { files }) =>
      files.get("/sys/module/intel_idle/parameters/max_cstate") === `${value}` &&
      (value > 0 || files.get(`${CPU}/cpuidle/current_driver`) !== "intel_idle"),
  },
  nosoftlockup: flag("nosoftlockup", file(`${KERNEL}/soft_watchdog`, "0")),
  nmiWatchdog: toggle("nmi_watchdog", "1", "0", onOff(`${KERNEL}/nmi_watchdog`)),
  nowatchdog: flag("nowatchdog", file(`${KERNEL}/watchdog`, "0")),
  tsc: word("tsc", ["reliable", "nowatchdog", "recalibrate", "unstable"], (value, { files }) => {
    const clock = files.get(`${CLOCK}/current_clocksource`);
    return value === "unstable" ? clock !== "tsc" : clock === "tsc";
  }),
  clocksource: word(
    "clocksource",
    ["tsc", "hpet", "acpi_pm", "kvm-clock", "jiffies"],
    (value, { files }) => files.get(`${CLOCK}/current_clocksource`) === value,
  ),
  hpet: word("hpet", ["disable", "force", "verbose"], (value, { files }) => {
    const available = (files.get(`${CLOCK}/available_clocksource`) ?? "").split(/\s+/);
    return value === "verbose" || available.includes("hpet") === (value === "force");
  }),
  mce: word("mce", ["ignore_ce", "dont_log_ce", "no_cmci"], (value, { files }) => {
    const name = value === "no_cmci" ? "cmci_disabled" : value;
    return files.get(`${MACHINE_CHECK}/${name}`) === "1";
  }),
  skewTick: toggle("skew_tick", "1", "0"),
  nohz: toggle("nohz", "on", "off"),
  audit: toggle("audit", "1", "0", (value, { log }) =>
    value
      ? logged(log, /audit: (enabled|initializing netlink subsys \(enabled\))/)
      : logged(log, /audit: (disabled|initializing netlink subsys \(disabled\))/),
  ),
  mitigations: word("mitigations", ["off", "auto", "auto,nosmt"], (value, { files }) => {
    const open = ["spectre_v1", "spectre_v2"].every((name) =>
      /^(Vulnerable|Not affected)/.test(files.get(`${CPU}/vulnerabilities/${name}`) ?? ""),
    );
    const closed = !/^Vulnerable/.test(files.get(`${CPU}/vulnerabilities/spectre_v2`) ?? "");
    return value === "off" ? open : closed;
  }),
  nosmt: {
    name: "nosmt",
    write: (value) => (value === true ? undefined : value),
    read: (text) => (text === undefined ? true : text === "force" ? "force" : undefined),
    holds: (_, { files }) => files.get(`${CPU}/smt/active`) !== "1",
  },
  rcuNormalAfterBoot: toggle("rcupdate.rcu_normal_after_boot", "1", "0", (value, { files }) =>
    value
      ? files.get("/sys/kernel/rcu_normal") === "1"
      : files.get("/sys/module/rcupdate/parameters/rcu_normal_after_boot") === "0",
  ),
  nohzFullPatienceDelay: whole(
    "rcutree.nohz_full_patience_delay",
    5000,
    "/sys/module/rcutree/parameters/nohz_full_patience_delay",
  ),
  pcieAspm: word("pcie_aspm", ["off", "force"], (value, { log }) =>
    logged(log, value === "off" ? /PCIe ASPM is disabled/ : /PCIe ASPM is forcibly enabled/),
  ),
  preempt: word("preempt", ["none", "voluntary", "full", "lazy"], (value, { files, log }) => {
    const modes = files.get("/sys/kernel/debug/sched/preempt");
    return modes === undefined
      ? logged(log, new RegExp(`Dynamic Preempt: ${value}`))
      : modes.includes(`(${value})`);
  }),
};

const FLAGS = ["domain", "nohz", "managed_irq"] as const;

export const fieldNames = Object.keys(table) as readonly FieldName[];

/** The kernel's name of each argument that has a field, and the field. */
export const fieldOfParameter: ReadonlyMap<string, FieldName | "hugepages"> = new Map([
  ...fieldNames.map((field) => [table[field].name, field] as const),
  ["hugepages", "hugepages"],
  ["hugepagesz", "hugepages"],
]);

/** The field that an argument of this name belongs to, however it is spelled. */
export function fieldFor(name: string): FieldName | "hugepages" | undefined {
  for (const [known, field] of fieldOfParameter) if (spelled(known) === spelled(name)) return field;
  return undefined;
}

/** One argument as it stands on a line. */
export function formatArgument({ name, value }: BootArgument): string {
  return value === undefined ? name : `${name}=${value}`;
}

export function pageSizeOf(text: string): "2MiB" | "1GiB" | undefined {
  return /^(2M|2048K)$/i.test(text) ? "2MiB" : /^(1G|1024M)$/i.test(text) ? "1GiB" : undefined;
}

function readIsolcpus(text = ""): Fields["isolcpus"] | undefined {
  const words = text.split(",");
  const flags = FLAGS.filter((one) => words.includes(one));
  const list = cpusOf(words.filter((one) => !(FLAGS as readonly string[]).includes(one)).join(","));
  if (list === undefined || list.size === 0) return undefined;
  return { cpus: list.format(), ...(flags.length > 0 && { flags }) };
}

/** A CPU list that is one and not empty. */
export function cpusOf(text: string | undefined): CpuSet | undefined {
  if (text === undefined) return undefined;
  try {
    const set = CpuSet.parse(text);
    return set.size === 0 ? undefined : set;
  } catch {
    return undefined;
  }
}

function sameCpus(text: string | undefined, set: CpuSet): boolean {
  return cpusOf(text)?.equals(set) === true;
}

function pstate(path: string) {
  return (value: string, { files }: Shown): boolean => {
    const status = files.get(path);
    const off = status === undefined || status === "off" || status === "disable";
    return value === "disable" ? off : value === "no_hwp" ? !off : status === value;
  };
}

function loggedIn({ lines }: BootLog, pattern: RegExp): string | undefined {
  for (const line of lines) {
    const match = pattern.exec(line);
    if (match !== null) return match[1] ?? match[0];
  }
  return undefined;
}

/** Whether the kernel said so; where the beginning of its log is lost, nobody knows better than the command line. */
function logged(log: BootLog, pattern: RegExp): boolean {
  return loggedIn(log, pattern) !== undefined || !log.complete;
}
