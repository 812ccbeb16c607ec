import { bytes } from "../../sdk/units/size.ts";
import type { MemoryDemand } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { property, size } from "../sentence.ts";

/**
 * On every node the guests and the switch together take no more huge pages than the machine has there.
 *
 * Whoever starts last gets nothing: a guest fails with `unable to map backing store for guest RAM`, and OVS silently halves its packet buffers.
 * A guest takes whole pages of its own size; the switch takes its memory from any size on the node.
 *
 * Pages count as declared by Hugepages resources; where none is declared, as the facts saw them.
 *
 * Change `count` of the pool, `memory` of the domain or `socketMemory` of the daemon.
 *
 * @severity high
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/memory/ and https://docs.kernel.org/admin-guide/mm/hugetlbpage.html
 */
export const hugepagesSufficient = labPolicy({
  name: "hugepages-sufficient",
  description: "Guests and switch take no more huge pages than their NUMA node has.",
  severity: "high",
  checks: ["P16"],
  remediationSteps: "Raise the pool's count, or lower the guests' memory or the switch's socketMemory.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/memory/",
  notApplicable: ({ machines, unplaced }) =>
    unplaced.length === 0 && machines.every(({ demands, gaps }) => demands.length === 0 && gaps.length === 0)
      ? "nothing in this stack takes huge pages"
      : undefined,
  judge: ({ machines, unplaced }, { violation, pending }) => {
    for (const machine of machines) {
      const gaps = machine.gaps.filter(({ about }) => about !== "cpus");
      for (const gap of gaps) {
        pending(`${gap.property} of ${gap.resource}`, "whether the huge pages suffice", gap.urn);
      }
      // A pool that is not known yet may be what seems to be missing.
      const isComplete = gaps.every(({ about }) => about !== "pages");
      for (const node of new Set(machine.demands.map(({ numaNode }) => numaNode))) {
        const demands = machine.demands.filter(({ numaNode, bytes }) => numaNode === node && bytes > 0);
        const [first] = demands;
        if (first === undefined) continue;
        const shortage = shortageOn(node, demands, machine);
        if (shortage?.kind === "unknown") {
          const missing = `how many pages of ${shortage.pageSize} node ${node} of ${machine.name} has`;
          pending(missing, "whether they suffice", first.urn);
        } else if (shortage !== undefined && isComplete) violation(shortage.message, first.urn);
      }
    }
    for (const { name, urn } of unplaced.filter(({ type }) => /:(Domain|Daemon|Hugepages)$/.test(type))) {
      pending(`host of ${name}`, "whether the huge pages suffice", urn);
    }
  },
});

const PAGE_SIZES = ["2MiB", "1GiB"] as const;

type Shortage =
  | { readonly kind: "short"; readonly message: string }
  | { readonly kind: "unknown"; readonly pageSize: string };

/** Guests first, each with pages of its own size; the switch gets what is left of any size. */
function shortageOn(node: number, demands: readonly MemoryDemand[], machine: Machine): Shortage | undefined {
  const short = (has: string, needed: string): Shortage => ({
    kind: "short",
    message:
      `node ${node} of ${machine.name} has ${has}, needed are ${needed}: ` +
      `${demands.map((demand) => `${demand.holder} takes ${property(demand, size(demand.bytes))}`).join(", ")}; ` +
      "raise the pool's count or lower the demand.",
  });
  let left = 0;
  let unknown: Shortage | undefined;
  for (const pageSize of PAGE_SIZES) {
    const needed = demands
      .filter((demand) => demand.pageSize === pageSize)
      .reduce((sum, demand) => sum + Math.ceil(demand.bytes / bytes(pageSize)), 0);
    const pages = pagesOn(node, pageSize, machine);
    if (pages === undefined) {
      unknown ??= { kind: "unknown", pageSize };
      if (needed > 0) return unknown;
    } else if (needed > pages.count) {
      return short(`${pages.count} pages of ${pageSize} (${pages.source})`, `${needed}`);
    } else left += (pages.count - needed) * bytes(pageSize);
  }
  const needed = demands
    .filter(({ pageSize }) => pageSize === undefined)
    .reduce((sum, demand) => sum + demand.bytes, 0);
  if (needed <= left) return undefined;
  return (
    unknown ??
    short(`${size(left)} of huge pages left for the switch (${pools(node, machine)})`, size(needed))
  );
}

interface Pages {
  readonly count: number;
  readonly source: string;
}

function pagesOn(node: number, pageSize: string, { pools, topology }: Machine): Pages | undefined {
  const declared = pools.filter((pool) => pool.numaNode === node && pool.size === pageSize);
  if (declared.length > 0) {
    return {
      count: Math.max(...declared.map(({ count }) => count)),
      source: declared.map(({ resource }) => resource.name).join(", "),
    };
  }
  const seen = topology?.pagesSeen(node, pageSize);
  if (seen === undefined || topology === undefined) return undefined;
  return { count: seen, source: `no pool declared; ${topology.source}` };
}

function pools(node: number, machine: Machine): string {
  const declared = machine.pools.filter(({ numaNode }) => numaNode === node);
  return (
    declared.map(({ resource, count, size }) => `${count} x ${size}, ${resource.name}`).join("; ") ||
    "no pool declared"
  );
}
