import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Board } from "./board.ts";
import { type Draft, isExclusive, nodesOf } from "./draft.ts";

/** The kernel's two lists. Where only one is given by hand, the other is its complement; where both are, a rule compares them. */
export function isolationOf(demand: CpuDemand, board: Board): Pick<Draft, "isolated" | "housekeeping"> {
  const { isolatedCpus: isolatedByHand, housekeepingCpus: housekeepingByHand } = demand.isolation ?? {};
  const { online } = board.topology;
  const housekeeping = housekeepingByHand === undefined ? undefined : CpuSet.parse(housekeepingByHand);
  const isolated =
    isolatedByHand === undefined
      ? housekeeping === undefined
        ? isolatedCpus(board)
        : online.minus(housekeeping)
      : CpuSet.parse(isolatedByHand);
  return { isolated, housekeeping: housekeeping ?? online.minus(isolated) };
}

/**
 * What the kernel should isolate: on nodes where something needs a CPU alone, every core but those that shared roles use. Idle siblings and spare
 * cores go with them, so that nothing of the system wakes beside what is measured; other nodes stay balanced.
 */
function isolatedCpus(board: Board): CpuSet {
  const active = new Set(
    nodesOf(
      board.topology,
      board.claims.flatMap(({ role, cpus }) => (isExclusive(role) ? cpus : [])),
    ),
  );
  const isolated: number[] = [];
  for (const node of board.topology.nodes) {
    if (!active.has(node.numaNode)) continue;
    for (const { cpus } of node.cores) {
      const claims = cpus.map((cpu) => board.claimsOf.get(cpu) ?? []);
      const shared = claims.some((roles) => roles.some(({ role }) => !isExclusive(role)));
      isolated.push(
        ...cpus.filter((_, at) => !shared || claims[at]?.some(({ role }) => isExclusive(role)) === true),
      );
    }
  }
  return CpuSet.of(isolated);
}
