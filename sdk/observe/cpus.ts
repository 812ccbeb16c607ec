import { CpuSet } from "../units/cpuset.ts";
import { unreadable } from "./parse-error.ts";
import { filesOf, type Probe } from "./probe.ts";

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

export interface ObservedCpus {
  readonly online: CpuSet;
  readonly isolated: CpuSet;
  readonly nohzFull: CpuSet;
  readonly simultaneousMultithreading: boolean;
  readonly cpus: readonly ObservedCpu[];
  readonly caches: readonly ObservedCache[];
}

const CPU = "/sys/devices/system/cpu";
const NODE = "/sys/devices/system/node";

/** Processors, their siblings, caches and nodes, and which of them the kernel leaves alone. */
export const cpuTopology: Probe<ObservedCpus> = {
  name: "cpu-topology",
  ask: {
    kind: "files",
    patterns: [
      ...["online", "isolated", "nohz_full", "smt/active", "cpu[0-9]*/online"].map(
        (file) => `${CPU}/${file}`,
      ),
      ...["thread_siblings_list", "core_id", "physical_package_id"].map(
        (file) => `${CPU}/cpu[0-9]*/topology/${file}`,
      ),
      ...["level", "type", "size", "shared_cpu_list"].map((file) => `${CPU}/cpu[0-9]*/cache/index*/${file}`),
      ...["scaling_governor", "cpuinfo_max_freq"].map((file) => `${CPU}/cpu[0-9]*/cpufreq/${file}`),
      `${NODE}/node[0-9]*/cpulist`,
    ],
  },
  parse: (answer) => {
    const files = filesOf(answer);
    const text = (path: string) => files.get(path)?.[0]?.trim();
    const numbers = [
      ...new Set(
        [...files.keys()].flatMap((path) => /^\/sys\/devices\/system\/cpu\/cpu(\d+)\//.exec(path)?.[1] ?? []),
      ),
    ].map(Number);
    const online = CpuSet.parse(text(`${CPU}/online`) ?? "");
    if (online.size === 0) throw unreadable("the list of CPUs that are online", answer);
    const nodes = [...files].flatMap(([path, lines]) => {
      const node = /node(\d+)\/cpulist$/.exec(path)?.[1];
      return node === undefined ? [] : [{ node: Number(node), cpus: CpuSet.parse(lines[0] ?? "") }];
    });
    const caches = cachesOf(files);
    const cpus = numbers
      .sort((a, b) => a - b)
      .map((cpu): ObservedCpu => {
        const at = (file: string) => text(`${CPU}/cpu${cpu}/${file}`);
        const governor = at("cpufreq/scaling_governor");
        const frequency = at("cpufreq/cpuinfo_max_freq");
        const shared = caches.filter(
          ({ type, cpus: list }) => type === "Unified" && CpuSet.parse(list).has(cpu),
        );
        const lastLevel = shared.reduce<ObservedCache | undefined>(
          (last, cache) => (cache.level > (last?.level ?? 0) ? cache : last),
          undefined,
        );
        return {
          cpu,
          online: online.has(cpu),
          package: Number(at("topology/physical_package_id") ?? -1),
          core: Number(at("topology/core_id") ?? -1),
          numaNode: nodes.find(({ cpus: list }) => list.has(cpu))?.node ?? 0,
          siblings: CpuSet.parse(at("topology/thread_siblings_list") ?? `${cpu}`).format(),
          lastLevelCache: lastLevel?.cpus ?? `${cpu}`,
          ...(governor !== undefined && { governor }),
          ...(frequency !== undefined && { maxFrequencyKhz: Number(frequency) }),
        };
      });
    return {
      online,
      isolated: CpuSet.parse(text(`${CPU}/isolated`) ?? ""),
      nohzFull: CpuSet.parse(text(`${CPU}/nohz_full`) ?? ""),
      simultaneousMultithreading: text(`${CPU}/smt/active`) === "1",
      cpus,
      caches,
    };
  },
};

/** Each cache once, though every CPU that shares it shows it. */
function cachesOf(files: ReadonlyMap<string, readonly string[]>): ObservedCache[] {
  const caches = new Map<string, ObservedCache>();
  for (const [path, lines] of files) {
    const folder = /^(.*\/cache\/index\d+)\/level$/.exec(path)?.[1];
    if (folder === undefined) continue;
    const at = (file: string) => files.get(`${folder}/${file}`)?.[0]?.trim() ?? "";
    const cache = {
      level: Number(lines[0]),
      type: at("type") as ObservedCache["type"],
      sizeKib: kibOf(at("size")),
      cpus: CpuSet.parse(at("shared_cpu_list")).format(),
    };
    caches.set(JSON.stringify(cache), cache);
  }
  const firstCpu = ({ cpus }: ObservedCache) => CpuSet.parse(cpus).first ?? 0;
  return [...caches.values()].sort(
    (a, b) => a.level - b.level || a.type.localeCompare(b.type) || firstCpu(a) - firstCpu(b),
  );
}

function kibOf(size: string): number {
  const match = /^(\d+)([KMG])?$/.exec(size);
  return match === null
    ? 0
    : Number(match[1]) * { K: 1, M: 1024, G: 1024 ** 2 }[(match[2] ?? "K") as "K" | "M" | "G"];
}
