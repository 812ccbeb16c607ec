import { createHash } from "node:crypto";
import type { CpuDemand } from "../../schema/cpu-demand.ts";
import type { PageSize } from "../../schema/hugepages.ts";
import { type CpuList, CpuSet } from "../../units/cpuset.ts";
import { InputError } from "../../units/errors.ts";
import { bytes, formatSize, type Size } from "../../units/size.ts";
import { cpusOf, type Draft, isExclusive, list, nodesOf, type PageUse, type Role } from "./draft.ts";
import { asInputError, type Finding } from "./finding.ts";
import { byName, compareNames } from "./name-order.ts";
import { threadsOf } from "./node-choice.ts";
import { place } from "./place.ts";
import { rules } from "./rules.ts";
import { checkShape } from "./shape.ts";
import type { PlannerFacts } from "./topology.ts";

/** CPUs of one role and owner on one node, and why these. `idle` CPUs are siblings of working ones, `spare` ones are nobody's. */
export interface Assignment {
  readonly role: Role | "idle" | "spare";
  /** VNF, generator or load. */
  readonly owner?: string;
  readonly numaNode: number;
  readonly cpus: CpuList;
  readonly reason: string;
}

/** Where a guest goes: what a domain's definition says of CPUs and memory. */
export interface GuestPlacement {
  /** CPU of each vCPU. */
  readonly vcpuPins: readonly CpuList[];
  readonly emulatorCpus: CpuList;
  /** Empty where it has no I/O threads. */
  readonly ioThreadCpus: CpuList;
  /** What the guest sees: cores times threads are its vCPUs. */
  readonly topology: { readonly cores: number; readonly threads: number };
  readonly cells: readonly { readonly vcpus: CpuList; readonly memory: Size; readonly numaNode: number }[];
}

/** Where everything goes. Plain data: the same facts and the same demand give the same plan. */
export interface CpuPlan {
  /** SHA-256 of what is planned, without reasons and advice: equal where nothing on the machine would change. */
  readonly hash: string;
  readonly nodes: readonly {
    readonly numaNode: number;
    readonly cpus: CpuList;
    /** CPUs behind each last-level cache. */
    readonly caches: readonly CpuList[];
  }[];
  /** By node, role and owner. Every CPU that is online is in one at least. */
  readonly assignments: readonly Assignment[];
  /** What the kernel should isolate: isolcpus, nohz_full, rcu_nocbs. */
  readonly isolated: CpuList;
  /** All others: irqaffinity, and whatever the scheduler balances. */
  readonly housekeeping: CpuList;
  /** The housekeeping CPUs as /proc/irq/default_smp_affinity takes them. */
  readonly interruptMask: string;
  /** Absent where nothing polls. */
  readonly switch?: {
    readonly pmdCpus: CpuList;
    /** `pmd-cpu-mask`. */
    readonly pmdMask: string;
    readonly lcoreCpus: CpuList;
    /** `dpdk-lcore-mask`. */
    readonly lcoreMask: string;
    /** `dpdk-socket-mem` by NUMA node, with every node of the machine. */
    readonly socketMemory: Readonly<Record<string, Size>>;
  };
  readonly vnfs: Readonly<Record<string, GuestPlacement>>;
  readonly generators: Readonly<
    Record<string, { readonly master: number; readonly latency: number; readonly workers: CpuList }>
  >;
  /** CPUs of each load: one instance is pinned to each. */
  readonly coLoads: Readonly<Record<string, CpuList>>;
  readonly hugepages: readonly {
    readonly numaNode: number;
    readonly size: PageSize;
    readonly count: number;
    readonly uses: readonly PageUse[];
  }[];
  /** What is permitted but unwise, as sentences. */
  readonly advice: readonly { readonly rule: string; readonly message: string }[];
}

/**
 * Plans which CPU does what: the system's, the switch's, each guest's, generators' and loads', with the huge pages of them all. Whole physical
 * cores for everything that must not be disturbed; chains on one NUMA node, guests behind one last-level cache; CPU lists given by hand are kept and
 * judged like the planner's own. Changes nothing.
 *
 * @throws InputError `cpu-plan` that names everything that is wrong, whose cause is an AggregateError of one InputError a finding
 *   (`cpu-plan-b01` to `cpu-plan-b28`, `cpu-plan-cores`, `cpu-plan-demand`)
 * @example
 * const plan = planCpus(facts, demand);
 * plan.isolated; // "1-9,21-29"
 * plan.switch?.pmdMask; // "0x30000300"
 * plan.vnfs["l2fwd"]?.vcpuPins; // ["1", "2", "3"]
 */
export function planCpus(facts: PlannerFacts, demand: CpuDemand): CpuPlan {
  const misshapen = checkShape(demand);
  if (misshapen.length > 0) refuse(misshapen);
  const draft = place(facts, demand);
  const findings = [...draft.findings, ...Object.values(rules).flatMap((rule) => rule(draft))];
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) refuse(errors.map(asInputError));
  return planOf(
    draft,
    findings.filter(({ severity }) => severity === "advice"),
  );
}

function refuse(errors: readonly InputError[]): never {
  const sentences = errors.map(({ message }) => `\n  - ${message}`).join("");
  throw new InputError({
    code: "cpu-plan",
    problem: `no CPU plan can be made of this demand${sentences}`,
    cause: new AggregateError(errors),
  });
}

function planOf(draft: Draft, advice: readonly Finding[]): CpuPlan {
  const { topology, demand, isolated, housekeeping, memory, vnfs } = draft;
  const planned = {
    nodes: topology.nodes.map(({ numaNode, cpus, caches }) => ({
      numaNode,
      cpus: list(cpus),
      caches: caches.map((cache) => cache.cpus),
    })),
    isolated: isolated.format(),
    housekeeping: housekeeping.format(),
    interruptMask: housekeeping.toGroupedMask(),
    ...switchOf(draft),
    vnfs: Object.fromEntries(
      vnfs.map(({ name, demand: vnf, pins, emulator, ioThreads, cells }): [string, GuestPlacement] => [
        name,
        {
          vcpuPins: pins.map((pin) => pin.format()),
          emulatorCpus: emulator.format(),
          ioThreadCpus: ioThreads.format(),
          topology: { cores: vnf.vcpus / threadsOf(vnf), threads: threadsOf(vnf) },
          cells: cells.map((cell) => ({
            vcpus: cell.vcpus.format(),
            memory: formatSize(bytes(cell.memory)),
            numaNode: cell.numaNode ?? 0,
          })),
        },
      ]),
    ),
    generators: Object.fromEntries(
      byName(demand.generators).map(([name]) => {
        const [master = 0, latency = 0, ...workers] = ownedBy(draft, "generator", name);
        return [name, { master, latency, workers: list(workers) }];
      }),
    ),
    coLoads: Object.fromEntries(
      byName(demand.coLoads).map(([name]) => [name, list(ownedBy(draft, "co-load", name))]),
    ),
    hugepages: memory.map(({ numaNode, size, count, uses }) => ({ numaNode, size, count, uses })),
  };
  const assignments = [...assigned(draft), ...unassigned(draft)].sort(
    (a, b) =>
      a.numaNode - b.numaNode ||
      ORDER.indexOf(a.role) - ORDER.indexOf(b.role) ||
      compareNames(a.owner ?? "", b.owner ?? ""),
  );
  const roles = assignments.map(({ reason: _, ...assignment }) => assignment);
  return {
    hash: createHash("sha256")
      .update(JSON.stringify([planned, roles, rxqAffinities(demand)]))
      .digest("hex"),
    ...planned,
    assignments,
    advice: advice.map((finding) => ({ rule: finding.rule, message: asInputError(finding).message })),
  };
}

const ORDER: readonly Assignment["role"][] = [
  "housekeeping",
  "lcore",
  "emulator",
  "io-thread",
  "pmd",
  "vcpu",
  "generator",
  "co-load",
  "idle",
  "spare",
];

function rxqAffinities(demand: CpuDemand) {
  return byName(demand.switch?.ports).map(([name, { rxqAffinity }]) => [name, byName(rxqAffinity)]);
}

function ownedBy({ claims }: Draft, role: Role, owner: string): CpuSet {
  return CpuSet.of(
    claims.flatMap((claim) => (claim.role === role && claim.owner === owner ? claim.cpus : [])),
  );
}

function switchOf({ claims, facts, demand, memory }: Draft): Pick<CpuPlan, "switch"> {
  const pmd = cpusOf(claims, "pmd");
  if (pmd.size === 0) return {};
  const lcore = cpusOf(claims, "lcore");
  const size = demand.switch?.memory?.pageSize ?? "1GiB";
  const pagesOn = (node: number) =>
    memory
      .filter((wanted) => wanted.numaNode === node && wanted.size === size)
      .flatMap(({ uses }) => uses.filter(({ what }) => what === "switch"))
      .reduce((sum, { count }) => sum + count, 0);
  return {
    switch: {
      pmdCpus: pmd.format(),
      pmdMask: pmd.toMask(),
      lcoreCpus: lcore.format(),
      lcoreMask: lcore.toMask(),
      socketMemory: Object.fromEntries(
        facts.numaNodes.map(({ node }) => [String(node), formatSize(pagesOn(node) * bytes(size))]),
      ),
    },
  };
}

/** The claims, those of one role, owner and node together. */
function assigned({ claims, topology }: Draft): Assignment[] {
  const merged = new Map<string, Omit<Assignment, "cpus"> & { cpus: number[] }>();
  for (const { role, owner, cpus, reason } of claims) {
    const [numaNode = 0] = nodesOf(topology, cpus);
    const key = `${role}/${owner ?? ""}/${numaNode}`;
    const same = merged.get(key);
    if (same === undefined)
      merged.set(key, { role, numaNode, cpus: [...cpus], reason, ...(owner !== undefined && { owner }) });
    else same.cpus.push(...cpus);
  }
  return [...merged.values()].map(({ cpus, ...assignment }) => ({ ...assignment, cpus: list(cpus) }));
}

function unassigned({ topology, claimsOf, isolated }: Draft): Assignment[] {
  return topology.nodes.flatMap(({ numaNode, cores }): Assignment[] => {
    const rest = (working: boolean) =>
      cores
        .filter(({ cpus }) => cpus.some((cpu) => claimsOf.has(cpu)) === working)
        .flatMap(({ cpus }) => cpus.filter((cpu) => !claimsOf.has(cpu)));
    const alone = cores.some(({ cpus }) =>
      cpus.some((cpu) => claimsOf.get(cpu)?.some(({ role }) => isExclusive(role))),
    );
    const [idle, spare] = [rest(true), rest(false)];
    const kept = isolated.intersect(CpuSet.of(spare));
    return [
      {
        role: "idle",
        numaNode,
        cpus: list(idle),
        reason: "siblings of CPUs that work: left idle, so that those have their cores to themselves",
      } as const,
      {
        role: "spare",
        numaNode,
        cpus: list(spare),
        reason: !alone
          ? "nobody asked for them; the scheduler balances the system over them"
          : kept.size > 0
            ? "nobody asked for them; isolated, so that nothing wakes beside what is measured on this node"
            : "nobody asked for them",
      } as const,
    ].filter(({ cpus }) => cpus !== "");
  });
}
