import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Board } from "./board.ts";
import type { Claim, Role } from "./draft.ts";
import { byName } from "./name-order.ts";

const BY_HAND = "chosen by hand";

/** Claims by role, owner and node, so that each line of a plan speaks of one node. */
export function claimByNode(board: Board, claim: Omit<Claim, "cpus">, cpus: Iterable<number>): void {
  const byNode = new Map<number, number[]>();
  for (const cpu of CpuSet.of(cpus)) {
    const node = board.topology.coreOf.get(cpu)?.numaNode ?? -1;
    byNode.set(node, [...(byNode.get(node) ?? []), cpu]);
  }
  for (const [, members] of [...byNode].sort(([a], [b]) => a - b)) board.claim({ ...claim, cpus: members });
}

/** Whatever a demand lists CPUs for, good or bad: the rules judge it like the planner's own choice. */
export function claimChosenByHand(board: Board, demand: CpuDemand): void {
  const claim = (role: Role, property: string, text: string | undefined, owner?: string) =>
    claimByNode(
      board,
      { role, property, reason: BY_HAND, ...(owner !== undefined && { owner }) },
      CpuSet.parse(text ?? ""),
    );
  claim("housekeeping", "housekeeping.cpus", demand.housekeeping?.cpus);
  claim("pmd", "switch.pmd.cpus", demand.switch?.pmd?.cpus);
  claim("lcore", "switch.lcore.cpus", demand.switch?.lcore?.cpus);
  for (const [name, { pins, emulator, ioThreads }] of byName(demand.vnfs)) {
    // A vCPU has a claim of its own, so that two of one guest on one CPU are seen.
    for (const [vcpu, pin] of (pins ?? []).entries()) claim("vcpu", `vnfs.${name}.pins[${vcpu}]`, pin, name);
    claim("emulator", `vnfs.${name}.emulator.cpus`, emulator?.cpus, name);
    claim("io-thread", `vnfs.${name}.ioThreads.cpus`, ioThreads?.cpus, name);
  }
  for (const [name, { cpus }] of byName(demand.generators))
    claim("generator", `generators.${name}.cpus`, cpus, name);
  for (const [name, { cpus }] of byName(demand.coLoads)) claim("co-load", `coLoads.${name}.cpus`, cpus, name);
}
