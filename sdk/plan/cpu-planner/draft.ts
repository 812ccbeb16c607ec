import type { CpuDemand, PortDemand, VnfDemand } from "../../schema/cpu-demand.ts";
import type { PageSize } from "../../schema/hugepages.ts";
import { type CpuList, CpuSet } from "../../units/cpuset.ts";
import type { Finding } from "./finding.ts";
import type { PlannerFacts, Topology } from "./topology.ts";

/** What a CPU is for. The first three need it alone and isolated; the others share. */
export type Role =
  | "pmd"
  | "vcpu"
  | "generator"
  | "housekeeping"
  | "lcore"
  | "emulator"
  | "io-thread"
  | "co-load";

export const isExclusive = (role: Role): boolean => role === "pmd" || role === "vcpu" || role === "generator";

/** CPUs of one role, owner and NUMA node, and why these. */
export interface Claim {
  readonly role: Role;
  /** VNF, generator or load. */
  readonly owner?: string;
  /** Property path of the demand that it comes from. */
  readonly property: string;
  readonly cpus: readonly number[];
  readonly reason: string;
}

/** Claim in words: `vcpu of l2fwd`. */
export const claimant = ({ role, owner }: Pick<Claim, "role" | "owner">): string =>
  owner === undefined ? role : `${role} of ${owner}`;

/** Who answers for a claim: two claims of one tenant disturb nobody else. */
export const tenant = ({ role, owner }: Pick<Claim, "role" | "owner">): string => {
  if (role === "housekeeping") return "the system";
  return role === "pmd" || role === "lcore" ? "the switch" : `${owner}`;
};

export interface PlacedPort {
  readonly name: string;
  readonly demand: PortDemand;
  readonly numaNode: number | undefined;
}

export interface PlacedVnf {
  readonly name: string;
  readonly demand: VnfDemand;
  /** Node that was decided on; undefined where none has room. */
  readonly numaNode: number | undefined;
  /** CPUs of each vCPU: one, unless chosen otherwise by hand. Empty where there was no room. */
  readonly pins: readonly CpuSet[];
  readonly emulator: CpuSet;
  readonly ioThreads: CpuSet;
  /** vCPUs, memory and host node of each guest NUMA cell. */
  readonly cells: readonly {
    readonly vcpus: CpuSet;
    readonly memory: string;
    readonly numaNode: number | undefined;
  }[];
}

/** Huge pages for one user on a node. */
export interface PageUse {
  readonly what: string;
  readonly count: number;
  /** Without margins from practice; what is below this can't work. */
  readonly needed: number;
}

/** Huge pages of one size on one node. */
export interface NodeMemory {
  readonly numaNode: number;
  readonly size: PageSize;
  readonly count: number;
  readonly needed: number;
  readonly uses: readonly PageUse[];
}

/** A plan before it is judged: the rules read this and nothing else. */
export interface Draft {
  readonly facts: PlannerFacts;
  readonly demand: CpuDemand;
  readonly topology: Topology;
  readonly nodeOfNic: NicNodes;
  readonly claims: readonly Claim[];
  readonly claimsOf: ReadonlyMap<number, readonly Claim[]>;
  readonly ports: readonly PlacedPort[];
  readonly vnfs: readonly PlacedVnf[];
  /** What the kernel isolates, and what it does not. */
  readonly isolated: CpuSet;
  readonly housekeeping: CpuSet;
  readonly memory: readonly NodeMemory[];
  /** What could not be placed or names what is not there. */
  readonly findings: readonly Finding[];
}

/** Node of a NIC: a number, `unknown` where the firmware does not say, `missing` where there is no such NIC. */
export type NicNodes = (address: string) => number | "unknown" | "missing";

export function nicNodes(
  facts: PlannerFacts,
  topology: Topology,
  overrides: CpuDemand["nics"] = {},
): NicNodes {
  const known = new Map(facts.nics.map(({ address, numaNode }) => [address, numaNode]));
  const [first, ...others] = topology.nodes;
  return (address) => {
    const node = overrides[address]?.numaNode ?? known.get(address);
    if (!known.has(address)) return "missing";
    if (node !== undefined && node >= 0) return node;
    return first !== undefined && others.length === 0 ? first.numaNode : "unknown";
  };
}

/** All CPUs of a role. */
export function cpusOf(claims: readonly Claim[], ...roles: readonly Role[]): CpuSet {
  return CpuSet.of(claims.flatMap(({ role, cpus }) => (roles.includes(role) ? cpus : [])));
}

export const list = (cpus: Iterable<number>): CpuList => CpuSet.of(cpus).format();

/** Nodes of CPUs, ascending. */
export function nodesOf(topology: Topology, cpus: Iterable<number>): number[] {
  const nodes = new Set<number>();
  for (const cpu of cpus) {
    const core = topology.coreOf.get(cpu);
    if (core !== undefined) nodes.add(core.numaNode);
  }
  return [...nodes].sort((a, b) => a - b);
}

/** `node 0`, `nodes 0 and 1`. */
export function nodesInWords(nodes: readonly number[]): string {
  if (nodes.length === 0) return "no node";
  return nodes.length === 1
    ? `node ${nodes[0]}`
    : `nodes ${nodes.slice(0, -1).join(", ")} and ${nodes.at(-1)}`;
}
