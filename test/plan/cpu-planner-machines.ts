import type { PlannerFacts } from "../../sdk/plan/cpu-planner/topology.ts";
import type { CpuDemand } from "../../sdk/schema/cpu-demand.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

export interface MachineCore {
  readonly numaNode: number;
  /** Any name; cores of one name share their last-level cache. */
  readonly cache: string;
  readonly cpus: readonly number[];
}

export interface MachineNode {
  readonly node: number;
  readonly memoryMib: number;
  /** Pages by size, all of them free; sizes that are absent do not exist. */
  readonly pages?: Readonly<Record<string, number>>;
}

export interface Machine {
  readonly cores: readonly MachineCore[];
  readonly nodes: readonly MachineNode[];
  readonly offline?: readonly number[];
  readonly nics?: Readonly<Record<string, number>>;
  readonly kernelArguments?: string;
  readonly isolatedCpus?: string;
  readonly emulated?: boolean;
}

const NO_PAGES = { "2MiB": 0, "1GiB": 0 };

/** Facts of a made-up machine, as an observer would take them. */
export function factsOf(machine: Machine): PlannerFacts {
  const { cores, nodes, nics = {}, isolatedCpus = "", emulated = false } = machine;
  const offline = new Set(machine.offline ?? []);
  const online = (cpus: Iterable<number>) => CpuSet.of([...cpus].filter((cpu) => !offline.has(cpu)));
  const behind = new Map<string, number[]>();
  for (const { cache, cpus } of cores) behind.set(cache, [...(behind.get(cache) ?? []), ...cpus]);
  const caches = new Map([...behind].map(([cache, cpus]) => [cache, online(cpus).format()]));
  const onNode = (node: number) =>
    online(cores.filter((c) => c.numaNode === node).flatMap(({ cpus }) => cpus));
  return {
    hostname: "made-up",
    identity: { machineId: "m", bootId: "b", virtualization: emulated ? "qemu" : "none", emulated },
    kernel: {
      release: "6.1.0",
      version: "#1 SMP",
      realtime: false,
      arguments: machine.kernelArguments ?? "BOOT_IMAGE=/vmlinuz",
      isolatedCpus,
      nohzFullCpus: "",
      clocksource: "tsc",
    },
    cpuModel: "made-up",
    onlineCpus: online(cores.flatMap(({ cpus }) => cpus)).format(),
    simultaneousMultithreading: cores.some(({ cpus }) => cpus.length > 1),
    cpus: cores
      .flatMap(({ numaNode, cache, cpus }, core) => {
        const siblings = online(cpus).format();
        return cpus.map((cpu) =>
          offline.has(cpu)
            ? {
                cpu,
                online: false,
                package: -1,
                core: -1,
                numaNode: -1,
                siblings: `${cpu}`,
                lastLevelCache: `${cpu}`,
              }
            : {
                cpu,
                online: true,
                package: numaNode,
                core,
                numaNode,
                siblings,
                lastLevelCache: caches.get(cache)!,
              },
        );
      })
      .sort((a, b) => a.cpu - b.cpu),
    caches: [],
    numaNodes: nodes.map(({ node, memoryMib, pages = NO_PAGES }) => ({
      node,
      cpus: onNode(node).format(),
      memoryTotalKib: memoryMib * 1024,
      memoryFreeKib: memoryMib * 1024,
      distances: nodes.map((other) => (other.node === node ? 10 : 20 + Math.abs(other.node - node))),
      hugepages: Object.entries(pages).map(([size, total]) => ({ size, total, free: total, surplus: 0 })),
    })),
    nics: Object.entries(nics).map(([address, numaNode]) => ({
      address,
      vendor: "0x8086",
      device: "0x1583",
      numaNode,
      interfaces: [],
    })),
    versions: {},
  };
}

/** Two sockets of ten cores with two threads each, numbered as in the manual of OVS: the sibling of n is n+20. */
export const twoSockets: Machine = {
  cores: Array.from({ length: 20 }, (_, core) => ({
    numaNode: Math.floor(core / 10),
    cache: `l3-${Math.floor(core / 10)}`,
    cpus: [core, core + 20],
  })),
  nodes: [
    { node: 0, memoryMib: 65536 },
    { node: 1, memoryMib: 65536 },
  ],
  nics: { "0000:05:00.0": 0, "0000:05:00.1": 0, "0000:85:00.0": 1 },
};

/** The worked example: a guest between two ports of node 0, and load on all that is left of node 1. */
export const workedDemand: CpuDemand = {
  switch: {
    ports: { east: { nic: "0000:05:00.0" }, west: { nic: "0000:05:00.1" } },
    memory: { reservePages: 1 },
  },
  vnfs: {
    vnf1: {
      vcpus: 3,
      memory: "8GiB",
      pageSize: "1GiB",
      ioThreads: { count: 1 },
      realtime: { vcpus: "1-2", throttling: "kept" },
      nics: { east: { kind: "vhost-user" }, west: { kind: "vhost-user" } },
    },
  },
  chains: { pvp: { path: ["east", "vnf1", "west"] } },
  coLoads: { noise: { numaNode: 1 } },
  sparePages: { "1GiB": 2 },
};
