import { CpuSet } from "../units/cpuset.ts";
import { unreadable } from "./parse-error.ts";
import { filesOf, type Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

export interface ObservedNode {
  readonly node: number;
  readonly cpus: CpuSet;
  readonly memoryTotalKib: number;
  readonly memoryFreeKib: number;
  readonly distances: readonly number[];
}

/** NUMA nodes with memory, CPUs and distances. Nodes of memory alone have an empty CPU list. */
export const numaNodes: Probe<readonly ObservedNode[]> = {
  name: "numa-nodes",
  ask: {
    kind: "files",
    patterns: ["cpulist", "distance", "meminfo"].map((file) => `/sys/devices/system/node/node[0-9]*/${file}`),
  },
  parse: (answer) => {
    const files = filesOf(answer);
    const nodes = [...files.keys()]
      .flatMap((path) => /node(\d+)\/meminfo$/.exec(path)?.[1] ?? [])
      .map(Number);
    if (nodes.length === 0) throw unreadable("the NUMA nodes", answer);
    return nodes
      .sort((a, b) => a - b)
      .map((node) => {
        const lines = (file: string) => files.get(`/sys/devices/system/node/node${node}/${file}`) ?? [];
        const memory = (key: string) =>
          Number(
            lines("meminfo")
              .join("\n")
              .match(new RegExp(`${key}:\\s*(\\d+) kB`))?.[1] ?? 0,
          );
        return {
          node,
          cpus: CpuSet.parse(lines("cpulist")[0] ?? ""),
          memoryTotalKib: memory("MemTotal"),
          memoryFreeKib: memory("MemFree"),
          distances: (lines("distance")[0] ?? "")
            .trim()
            .split(/\s+/)
            .filter(Boolean)
            .map((distance) => wholeNumberOf(`a distance of NUMA node ${node}`, distance)),
        };
      });
  },
};
