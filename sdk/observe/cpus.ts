import { CpuSet } from "../units/cpuset.ts";
import type { ListedCpu } from "./lscpu.ts";
import { unreadable } from "./parse-error.ts";
import { filesOf, type Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

export interface ObservedCpu {
  readonly cpu: number;
  readonly online: boolean;
  readonly package: number;
  readonly core: number;
  readonly numaNode: number;
  readonly siblings: string;
  readonly lastLevelCache: string;
  readonly governor?: string;
  readonly maxFrequencyKhz?: number;
}

export interface ObservedCache {
  readonly level: number;
  readonly type: "Data" | "Instruction" | "Unified";
  readonly sizeKib: number;
  readonly cpus: string;
}

/** What the kernel shows of processors in sysfs, beside what `lscpu` lists. */
export interface ObservedTopology {
  readonly online: CpuSet;
  readonly isolated: CpuSet;
  readonly nohzFull: CpuSet;
  readonly simultaneousMultithreading: boolean;
  /** Logical CPUs of one core, by each of them. Of CPUs that are offline there are none. */
  readonly siblings: ReadonlyMap<number, CpuSet>;
  /** Empty where nothing scales the frequency, as in most virtual machines. */
  readonly governors: ReadonlyMap<number, string>;
  readonly caches: readonly ObservedCache[];
}

const CPU = "/sys/devices/system/cpu";

/** Siblings, caches and governors, and which processors the kernel leaves alone. */
export const cpuTopology: Probe<ObservedTopology> = {
  name: "cpu-topology",
  ask: {
    kind: "files",
    patterns: [
      ...["online", "isolated", "nohz_full", "smt/active"].map((file) => `${CPU}/${file}`),
      `${CPU}/cpu[0-9]*/topology/thread_siblings_list`,
      `${CPU}/cpu[0-9]*/cpufreq/scaling_governor`,
      ...["level", "type", "size", "shared_cpu_list"].map((file) => `${CPU}/cpu[0-9]*/cache/index*/${file}`),
    ],
  },
  parse: (answer) => {
    const files = filesOf(answer);
    const text = (path: string) => files.get(path)?.[0]?.trim();
    const online = CpuSet.parse(text(`${CPU}/online`) ?? "");
    if (online.size === 0) throw unreadable("the list of CPUs that are online", answer);
    const byCpu = (file: RegExp) =>
      [...files].flatMap(([path, [line = ""]]) => {
        const cpu = new RegExp(`^${CPU}/cpu(\\d+)/${file.source}$`).exec(path)?.[1];
        return cpu === undefined ? [] : [[Number(cpu), line.trim()] as const];
      });
    return {
      online,
      isolated: CpuSet.parse(text(`${CPU}/isolated`) ?? ""),
      nohzFull: CpuSet.parse(text(`${CPU}/nohz_full`) ?? ""),
      simultaneousMultithreading: text(`${CPU}/smt/active`) === "1",
      siblings: new Map(
        byCpu(/topology\/thread_siblings_list/).map(([cpu, list]) => [cpu, CpuSet.parse(list)]),
      ),
      governors: new Map(byCpu(/cpufreq\/scaling_governor/)),
      caches: cachesOf(files),
    };
  },
};

/** Each processor with all that is known of it. */
export function cpusOf(listed: readonly ListedCpu[], topology: ObservedTopology): ObservedCpu[] {
  const lastLevel = new Map<number, string>();
  for (const { type, cpus } of topology.caches) {
    if (type === "Unified") for (const cpu of CpuSet.parse(cpus)) lastLevel.set(cpu, cpus);
  }
  return listed.map(({ cpu, online, core = -1, package: socket = -1, numaNode, maxFrequencyKhz }) => {
    const governor = topology.governors.get(cpu);
    return {
      cpu,
      online,
      package: socket,
      core,
      // A kernel without NUMA names no node: all is node 0. Of a CPU that is offline nobody knows.
      numaNode: numaNode ?? (online ? 0 : -1),
      siblings: topology.siblings.get(cpu)?.format() ?? `${cpu}`,
      lastLevelCache: lastLevel.get(cpu) ?? `${cpu}`,
      ...(governor !== undefined && { governor }),
      ...(maxFrequencyKhz !== undefined && { maxFrequencyKhz }),
    };
  });
}

/** Each cache once, though every CPU that shares it shows it; by level, so that the last is the last-level one. */
function cachesOf(files: ReadonlyMap<string, readonly string[]>): ObservedCache[] {
  const caches = new Map<string, ObservedCache & { readonly first: number }>();
  for (const [path, lines] of files) {
    const folder = /^(.*\/cache\/index\d+)\/level$/.exec(path)?.[1];
    if (folder === undefined) continue;
    const at = (file: string) => files.get(`${folder}/${file}`)?.[0]?.trim() ?? "";
    const shared = CpuSet.parse(at("shared_cpu_list"));
    const cache = {
      level: wholeNumberOf(path, lines[0]),
      type: at("type") as ObservedCache["type"],
      sizeKib: kibOf(at("size")),
      cpus: shared.format(),
    };
    caches.set(JSON.stringify(cache), { ...cache, first: shared.first ?? 0 });
  }
  return [...caches.values()]
    .sort((a, b) => a.level - b.level || a.type.localeCompare(b.type) || a.first - b.first)
    .map(({ first: _, ...cache }) => cache);
}

function kibOf(size: string): number {
  const match = /^(\d+)([KMG])?$/.exec(size);
  return match === null
    ? 0
    : Number(match[1]) * { K: 1, M: 1024, G: 1024 ** 2 }[(match[2] ?? "K") as "K" | "M" | "G"];
}
