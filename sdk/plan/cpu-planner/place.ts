import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { Board } from "./board.ts";
import { cpusOf, type Draft, nicNodes, type PlacedPort } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { isolationOf } from "./isolation.ts";
import { planMemory, switchPools } from "./memory.ts";
import { byName } from "./name-order.ts";
import { chooseNodes } from "./node-choice.ts";
import { claimChosenByHand } from "./place-by-hand.ts";
import { claimHousekeeping } from "./place-housekeeping.ts";
import { claimCoLoads, placeGenerators } from "./place-loads.ts";
import { claimLcore, claimPollMode } from "./place-switch.ts";
import { placeVnfs } from "./place-vnfs.ts";
import { checkReferences } from "./references.ts";
import { type PlannerFacts, topologyOf } from "./topology.ts";

/**
 * Gives every demand its CPUs. What was chosen by hand comes first, then the system, the switch, guests, generators and loads; whoever comes later
 * takes whole cores of what is left. Nothing is judged here.
 */
export function place(facts: PlannerFacts, demand: CpuDemand): Draft {
  const topology = topologyOf(facts);
  const nodeOfNic = nicNodes(facts, topology, demand.nics);
  const board = new Board(topology);
  const findings: Finding[] = [...checkReferences(facts, demand, topology, nodeOfNic)];

  claimChosenByHand(board, demand);
  claimHousekeeping(board, demand);
  const choices = chooseNodes(facts, demand, board, nodeOfNic);
  const ports = byName(demand.switch?.ports).map(([name, port]): PlacedPort => {
    const node = nodeOfNic(port.nic);
    return { name, demand: port, numaNode: typeof node === "number" ? node : undefined };
  });
  claimPollMode(board, demand, ports, choices, findings);
  claimLcore(board, demand, ports);
  const vnfs = placeVnfs(board, demand, choices, findings);
  const generators = placeGenerators(board, demand, nodeOfNic, findings);
  claimCoLoads(board, demand, findings);

  const pmdCount = cpusOf(board.claims, "pmd").size;
  const memoryNodes = facts.numaNodes
    .filter(({ memoryTotalKib }) => memoryTotalKib > 0)
    .map(({ node }) => node);
  return {
    facts,
    demand,
    topology,
    nodeOfNic,
    claims: board.claims,
    claimsOf: board.claimsOf,
    ports,
    vnfs,
    ...isolationOf(demand, board),
    memory: planMemory(demand, memoryNodes, switchPools(demand, ports, vnfs, pmdCount), vnfs, generators),
    findings,
  };
}
