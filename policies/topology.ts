import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { knownPositions, number, positions, text, UNKNOWN } from "./property.ts";

/** Which CPU lies where on a machine, as far as the stack knows. */
export interface Topology {
  /** Where this was learnt, for sentences: `facts of dut-facts`. */
  readonly source: string;
  /** NUMA nodes that have CPUs. */
  readonly nodes: readonly number[];
  nodeOf(cpu: number): number | undefined;
  cpusOf(node: number): CpuSet;
  /** Logical CPUs of one physical core, the given one among them; undefined where nothing says. */
  siblingsOf(cpu: number): CpuSet | undefined;
  /** NUMA node of a PCI function; -1 where the firmware does not say, undefined where nothing says. */
  nodeOfNic(address: string): number | undefined;
  /** Memory of a node in bytes; undefined where nothing says. */
  memoryOf(node: number): number | undefined;
  /** Huge pages seen on a node when the facts were taken; undefined where nothing says. */
  pagesSeen(node: number, size: string): number | undefined;
}

/** A machine's topology by its facts, once they are taken; before that, by the declaration of the emulated server that it is. */
export function topologyOf(
  facts: PolicyResource | undefined,
  server: PolicyResource | undefined,
): Topology | undefined {
  return (facts && topologyOfFacts(facts)) ?? (server && topologyOfServer(server));
}

function topologyOfFacts(facts: PolicyResource): Topology | undefined {
  const cpus = knownPositions(facts, "cpus");
  if (cpus.length === 0) return undefined;
  const nodes = new Map<number, number>();
  const cores = new Map<number, string>();
  for (const index of cpus) {
    const cpu = number(facts, "cpus", index, "cpu");
    const node = number(facts, "cpus", index, "numaNode");
    const core = text(facts, "cpus", index, "siblings");
    if (typeof cpu !== "number") continue;
    if (typeof node === "number") nodes.set(cpu, node);
    if (typeof core === "string") cores.set(cpu, core);
  }
  const nics = new Map<string, number>();
  for (const index of knownPositions(facts, "nics")) {
    const address = text(facts, "nics", index, "address");
    const node = number(facts, "nics", index, "numaNode");
    if (typeof address === "string" && typeof node === "number") nics.set(address, node);
  }
  const pages = new Map<string, number>();
  const known = new Set<number>();
  const memory = new Map<number, number>();
  for (const index of knownPositions(facts, "numaNodes")) {
    const node = number(facts, "numaNodes", index, "node");
    if (typeof node !== "number") continue;
    known.add(node);
    const total = number(facts, "numaNodes", index, "memoryTotalKib");
    if (typeof total === "number") memory.set(node, total * 1024);
    for (const pool of knownPositions(facts, "numaNodes", index, "hugepages")) {
      const size = text(facts, "numaNodes", index, "hugepages", pool, "size");
      const total = number(facts, "numaNodes", index, "hugepages", pool, "total");
      if (typeof size === "string" && typeof total === "number") pages.set(`${node} ${size}`, total);
    }
  }
  return {
    source: `facts of ${facts.name}`,
    nodes: distinct(nodes),
    memoryOf: (node) => memory.get(node),
    nodeOf: (cpu) => nodes.get(cpu),
    cpusOf: (node) => cpusOfNode(nodes, node),
    siblingsOf: (cpu) => {
      const core = cores.get(cpu);
      return core === undefined ? undefined : CpuSet.parse(core);
    },
    nodeOfNic: (address) => nics.get(address),
    pagesSeen: (node, size) => pages.get(`${node} ${size}`) ?? (known.has(node) ? 0 : undefined),
  };
}

function topologyOfServer(server: PolicyResource): Topology | undefined {
  const nodes = new Map<number, number>();
  for (const node of knownPositions(server, "numaNodes")) {
    const cpus = text(server, "numaNodes", node, "cpus");
    if (typeof cpus !== "string") return undefined;
    for (const cpu of CpuSet.parse(cpus)) nodes.set(cpu, node);
  }
  if (nodes.size === 0) return undefined;
  const bootArguments = positions(server, "bootArguments") ?? [];
  const bootsWithPages =
    bootArguments === UNKNOWN ||
    bootArguments.some((index) => {
      const argument = text(server, "bootArguments", index);
      return typeof argument !== "string" || argument.startsWith("hugepages=");
    });
  const declared = new Set(nodes.values());
  return {
    source: `numaNodes of ${server.name}`,
    nodes: distinct(nodes),
    memoryOf: () => undefined,
    nodeOf: (cpu) => nodes.get(cpu),
    cpusOf: (node) => cpusOfNode(nodes, node),
    // Its cores have one thread each.
    siblingsOf: (cpu) => (nodes.has(cpu) ? CpuSet.of([cpu]) : undefined),
    nodeOfNic: () => undefined,
    // A fresh server has the pages that its first boot asks for, and no others.
    pagesSeen: (node) => (bootsWithPages || !declared.has(node) ? undefined : 0),
  };
}

function distinct(nodes: ReadonlyMap<number, number>): number[] {
  return [...new Set(nodes.values())].sort((a, b) => a - b);
}

function cpusOfNode(nodes: ReadonlyMap<number, number>, node: number): CpuSet {
  return CpuSet.of([...nodes].flatMap(([cpu, on]) => (on === node ? [cpu] : [])));
}

/** Where CPUs are: `node 0 (CPU 0) and node 1 (CPUs 2-3)`. */
export function placement(cpus: CpuSet, topology: Topology): string {
  const nodes = [...new Set([...cpus].map((cpu) => topology.nodeOf(cpu)))];
  return nodes
    .map((node) => {
      const here = CpuSet.of([...cpus].filter((cpu) => topology.nodeOf(cpu) === node));
      return `${node === undefined ? "no node" : `node ${node}`} (CPU${here.size === 1 ? "" : "s"} ${here.format()})`;
    })
    .join(" and ");
}
