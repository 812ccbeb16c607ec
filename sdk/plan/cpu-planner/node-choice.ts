import type { CpuDemand, VnfDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { bytes } from "../../units/size.ts";
import type { Board } from "./board.ts";
import type { NicNodes } from "./draft.ts";
import { byName } from "./name-order.ts";
import { pollModeCores, pollModeNeed } from "./poll-mode.ts";
import type { PlannerFacts } from "./topology.ts";

/** The node of a VNF, and why that. */
export interface NodeChoice {
  readonly numaNode: number | undefined;
  readonly because: string;
}

type Vnf = readonly [name: string, demand: VnfDemand];

/** Memory that a node keeps for the system: 4 GiB, or a tenth of it where that is more. */
export const systemBytes = (memoryTotalKib: number): number =>
  Math.max(4 * 2 ** 30, memoryTotalKib * 1024 * 0.1);

export const threadsOf = (vnf: VnfDemand): number => vnf.threadsPerCore ?? 1;

export const coresOf = (vnf: VnfDemand): number =>
  vnf.pins === undefined ? Math.ceil(vnf.vcpus / threadsOf(vnf)) : 0;

/** The most queue pairs of a vhost-user NIC; 0 without one. */
export const vhostQueues = (vnf: VnfDemand): number =>
  Math.max(
    0,
    ...Object.values(vnf.nics ?? {}).map((nic) => (nic.kind === "vhost-user" ? (nic.queues ?? 1) : 0)),
  );

/** Whether a VNF may leave the node of the rest of its chains. */
export function mayCross(demand: CpuDemand, name: string): boolean {
  const chains = Object.values(demand.chains ?? {}).filter(({ path }) => path.includes(name));
  return (
    demand.vnfs?.[name]?.allowCrossNuma === true ||
    (chains.length > 0 && chains.every(({ allowCrossNuma }) => allowCrossNuma === true))
  );
}

/**
 * Decides the node of each VNF: its own where it names one (by number, pins, cells or SR-IOV NICs), else that of its chains' ports, else that of
 * the VNFs it is chained with, else the one with most free cores that holds them all.
 */
export function chooseNodes(
  facts: PlannerFacts,
  demand: CpuDemand,
  board: Board,
  nodeOfNic: NicNodes,
): Map<string, NodeChoice> {
  const vnfs = byName(demand.vnfs);
  const chosen = new Map<string, NodeChoice>();
  const budget = new Budget(facts, demand, board, nodeOfNic);
  const settle = ([name, vnf]: Vnf, choice: NodeChoice) => {
    const away = mayCross(demand, name) && !isFixed(vnf) ? budget.nearest(choice.numaNode, [vnf]) : undefined;
    const final =
      away === undefined || away === choice.numaNode
        ? choice
        : {
            numaNode: away,
            because: `the nearest to node ${choice.numaNode} with room, as it may cross nodes`,
          };
    chosen.set(name, final);
    if (final.numaNode !== undefined) budget.use(final.numaNode, vnf);
  };

  for (const vnf of vnfs) {
    const choice = ownNode(vnf[1], board, nodeOfNic) ?? chainNode(vnf[0], demand, nodeOfNic);
    if (choice !== undefined) settle(vnf, choice);
  }
  for (const group of groupsOf(vnfs, demand)) {
    const open = group.filter(([name]) => !chosen.has(name));
    if (open.length === 0) continue;
    const mate = group.find(([name]) => chosen.has(name));
    const node =
      mate === undefined ? budget.roomiest(open.map(([, vnf]) => vnf)) : chosen.get(mate[0])?.numaNode;
    const because = mate === undefined ? "the one with most free cores" : `where ${mate[0]} of its chain is`;
    for (const vnf of open) settle(vnf, { numaNode: node, because });
  }
  return chosen;
}

/** A VNF whose node is not ours to choose. */
function isFixed({ numaNode, cells, pins }: VnfDemand): boolean {
  return numaNode !== undefined || pins !== undefined || cells?.[0]?.numaNode !== undefined;
}

function ownNode(vnf: VnfDemand, board: Board, nodeOfNic: NicNodes): NodeChoice | undefined {
  // A node that is not there has been reported; without it the rest of the demand can still be judged.
  const named = (node: number | undefined) => board.node(node)?.numaNode;
  const own = named(vnf.numaNode);
  if (own !== undefined) return { numaNode: own, because: "which it names" };
  const cell = named(vnf.cells?.[0]?.numaNode);
  if (cell !== undefined) return { numaNode: cell, because: "which its first cell names" };
  const pin = CpuSet.parse(vnf.pins?.[0] ?? "").first;
  const core = pin === undefined ? undefined : board.topology.coreOf.get(pin);
  if (core !== undefined) return { numaNode: core.numaNode, because: "where its pins are" };
  for (const [, nic] of byName(vnf.nics)) {
    const node = nic.kind === "sr-iov" ? nodeOfNic(nic.address) : "unknown";
    if (typeof node === "number") return { numaNode: node, because: "where its NIC is" };
  }
  return undefined;
}

function chainNode(name: string, demand: CpuDemand, nodeOfNic: NicNodes): NodeChoice | undefined {
  for (const [chain, { path }] of byName(demand.chains)) {
    if (!path.includes(name)) continue;
    for (const hop of path) {
      const nic = demand.switch?.ports?.[hop]?.nic;
      const node = nic === undefined ? "unknown" : nodeOfNic(nic);
      if (typeof node === "number") return { numaNode: node, because: `where chain ${chain} has its ports` };
    }
  }
  return undefined;
}

/** VNFs that hang together by chains, each group and all groups in the order of names. */
function groupsOf(vnfs: readonly Vnf[], demand: CpuDemand): Vnf[][] {
  const groupOf = new Map<string, Vnf[]>(vnfs.map((vnf) => [vnf[0], [vnf]]));
  for (const { path } of Object.values(demand.chains ?? {})) {
    const groups = new Set(path.flatMap((hop) => groupOf.get(hop) ?? []).map(([name]) => groupOf.get(name)));
    const merged = [...groups].flatMap((group) => group ?? []);
    for (const [name] of merged) groupOf.set(name, merged);
  }
  const order = new Map(vnfs.map(([name], index) => [name, index]));
  const at = ([name]: Vnf) => order.get(name) ?? 0;
  const groups = [...new Set(groupOf.values())].map((group) => group.sort((a, b) => at(a) - at(b)));
  return groups.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : at(a) - at(b)));
}

/** What the nodes have left while VNFs are spread over them, before any core is named. */
class Budget {
  readonly #facts: PlannerFacts;
  readonly #demand: CpuDemand;
  readonly #board: Board;
  readonly #ports: readonly { readonly numaNode: number; readonly rxQueues: number }[];
  readonly #vnfs = new Map<number, VnfDemand[]>();

  constructor(facts: PlannerFacts, demand: CpuDemand, board: Board, nodeOfNic: NicNodes) {
    this.#facts = facts;
    this.#demand = demand;
    this.#board = board;
    this.#ports = Object.values(demand.switch?.ports ?? {}).flatMap(({ nic, rxQueues = 1 }) => {
      const numaNode = nodeOfNic(nic);
      return typeof numaNode === "number" ? [{ numaNode, rxQueues }] : [];
    });
  }

  use(numaNode: number, vnf: VnfDemand): void {
    this.#vnfs.set(numaNode, [...(this.#vnfs.get(numaNode) ?? []), vnf]);
  }

  /** The node itself where the VNFs fit, else the nearest one where they do; undefined where none has room. */
  nearest(numaNode: number | undefined, vnfs: readonly VnfDemand[]): number | undefined {
    const all = this.#facts.numaNodes;
    const distances = all.find(({ node }) => node === numaNode)?.distances ?? [];
    const distance = (node: number) =>
      node === numaNode ? 0 : (distances[all.findIndex((other) => other.node === node)] ?? 255);
    return this.#board.topology.nodes
      .map((node) => node.numaNode)
      .filter((node) => this.#left(node, vnfs) >= 0)
      .sort((a, b) => distance(a) - distance(b) || a - b)[0];
  }

  /** Where the VNFs fit by cores and memory; by cores alone if memory is short everywhere; else where most cores are free. */
  roomiest(vnfs: readonly VnfDemand[]): number | undefined {
    const nodes = this.#board.topology.nodes.map(({ numaNode }) => ({
      numaNode,
      left: this.#left(numaNode, vnfs),
      holds: this.#memoryLeft(numaNode, vnfs) >= 0,
    }));
    const rank = ({ left, holds }: { left: number; holds: boolean }) => (left < 0 ? 0 : holds ? 2 : 1);
    return nodes.sort((a, b) => rank(b) - rank(a) || b.left - a.left || a.numaNode - b.numaNode)[0]?.numaNode;
  }

  /** Cores that would stay free, negative where the VNFs do not fit. */
  #left(numaNode: number, more: readonly VnfDemand[]): number {
    const vnfs = [...(this.#vnfs.get(numaNode) ?? []), ...more];
    const free = this.#board.freeCores(this.#board.node(numaNode));
    const need = pollModeNeed(
      this.#demand.switch,
      this.#ports.filter((port) => port.numaNode === numaNode),
      vnfs.flatMap((vnf) => (vhostQueues(vnf) > 0 ? [{ queues: vhostQueues(vnf) }] : [])),
    );
    const polling = pollModeCores(free, need, this.#demand.switch?.pmd?.siblings ?? "poll");
    if (polling === undefined) return -1;
    const rest = free.filter((core) => !polling.includes(core));
    // Wide cores serve narrow wishes too, so counting by width tells whether all fit.
    return Math.min(
      ...[...new Set([1, ...vnfs.map(threadsOf)])].map(
        (width) =>
          rest.filter(({ cpus }) => cpus.length >= width).length -
          vnfs.filter((vnf) => threadsOf(vnf) >= width).reduce((sum, vnf) => sum + coresOf(vnf), 0),
      ),
    );
  }

  #memoryLeft(numaNode: number, more: readonly VnfDemand[]): number {
    const total = this.#facts.numaNodes.find(({ node }) => node === numaNode)?.memoryTotalKib ?? 0;
    const used = [...(this.#vnfs.get(numaNode) ?? []), ...more].reduce(
      (sum, { memory }) => sum + bytes(memory),
      0,
    );
    return total * 1024 - systemBytes(total) - used;
  }
}
