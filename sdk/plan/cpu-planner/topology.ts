import type { HostFacts } from "../../schema/facts.ts";
import { type CpuList, CpuSet } from "../../units/cpuset.ts";

/** A process of somebody else that may run only on some of the machine's CPUs. */
export interface PinnedProcess {
  readonly pid: number;
  readonly command: string;
  /** Its Cpus_allowed_list. */
  readonly cpus: CpuList;
}

/** The PCIe link of a NIC as trained, and as it could be. */
export interface NicLink {
  readonly address: string;
  readonly width: number;
  readonly maxWidth: number;
  /** As sysfs writes it, for instance `16.0 GT/s PCIe`. */
  readonly speed: string;
  readonly maxSpeed: string;
}

/** Facts that the planner reads. What only some observers take is optional, and unchecked where absent. */
export type PlannerFacts = HostFacts & {
  readonly pinnedProcesses?: readonly PinnedProcess[];
  readonly nicLinks?: readonly NicLink[];
};

/** A physical core: its hardware threads that are online. */
export interface Core {
  readonly numaNode: number;
  /** CPUs of the node that share its last-level cache. */
  readonly cache: Cache;
  readonly cpus: readonly number[];
}

export interface Cache {
  readonly numaNode: number;
  /** CPUs that share it, as a list: its name. */
  readonly cpus: CpuList;
  readonly cores: readonly Core[];
}

export interface Node {
  readonly numaNode: number;
  readonly cpus: readonly number[];
  /** By their lowest CPU. */
  readonly caches: readonly Cache[];
  /** Cache by cache, in each by the lowest CPU. */
  readonly cores: readonly Core[];
}

/** CPUs that are online, as cores, caches and NUMA nodes. Nodes of memory alone are not in it: nothing can run there. */
export interface Topology {
  readonly online: CpuSet;
  readonly nodes: readonly Node[];
  readonly coreOf: ReadonlyMap<number, Core>;
}

export function topologyOf(facts: HostFacts): Topology {
  const online = facts.cpus.filter((cpu) => cpu.online);
  const byNode = grouped(online, ({ numaNode }) => Math.max(numaNode, 0));
  const coreOf = new Map<number, Core>();
  const nodes = [...byNode]
    .sort(([a], [b]) => a - b)
    .map(([numaNode, members]): Node => {
      const caches = [...grouped(members, ({ lastLevelCache }) => lastLevelCache).values()].map((sharing) => {
        const cores: Core[] = [];
        const cache: Cache = { numaNode, cpus: CpuSet.of(sharing.map(({ cpu }) => cpu)).format(), cores };
        for (const threads of grouped(sharing, ({ siblings }) => siblings).values()) {
          const core: Core = { numaNode, cache, cpus: threads.map(({ cpu }) => cpu).sort((a, b) => a - b) };
          cores.push(core);
          for (const cpu of core.cpus) coreOf.set(cpu, core);
        }
        cores.sort(byFirst);
        return cache;
      });
      caches.sort((a, b) => byFirst(a.cores[0], b.cores[0]));
      return {
        numaNode,
        cpus: members.map(({ cpu }) => cpu).sort((a, b) => a - b),
        caches,
        cores: caches.flatMap(({ cores }) => cores),
      };
    });
  return { online: CpuSet.of(coreOf.keys()), nodes, coreOf };
}

function grouped<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function byFirst(a: Pick<Core, "cpus"> | undefined, b: Pick<Core, "cpus"> | undefined): number {
  return (a?.cpus[0] ?? 0) - (b?.cpus[0] ?? 0);
}
