import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Board } from "./board.ts";

/** The lowest cores of each node for the system. */
export function claimHousekeeping(board: Board, demand: CpuDemand): void {
  if (demand.housekeeping?.cpus !== undefined) return;
  const { coresPerNode = 1 } = demand.housekeeping ?? {};
  for (const node of board.topology.nodes) {
    // The boot CPU's core is the system's even where somebody names it: B01 then says who.
    const boot = node.cores.filter(({ cpus }) => cpus.includes(0));
    const lowest = board
      .freeCores(node)
      .filter((core) => !boot.includes(core))
      .sort((a, b) => (a.cpus[0] ?? 0) - (b.cpus[0] ?? 0));
    const cores = [...boot, ...lowest].slice(0, coresPerNode);
    const which = cores.length === 1 ? "the lowest core" : `the ${cores.length} lowest cores`;
    board.claim({
      role: "housekeeping",
      property: "housekeeping",
      cpus: [...CpuSet.of(cores.flatMap(({ cpus }) => cpus))],
      reason: `${which} of node ${node.numaNode} that nobody names${boot.length === 0 ? "" : "; CPU 0 boots the machine and keeps interrupts that can't move"}`,
    });
  }
}
