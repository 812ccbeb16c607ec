import type { CpuDemand, GeneratorDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Board } from "./board.ts";
import { type NicNodes, nodesOf } from "./draft.ts";
import type { Finding } from "./finding.ts";
import type { PlacedGenerator } from "./memory.ts";
import { byName } from "./name-order.ts";
import type { NodeChoice } from "./node-choice.ts";
import { tooFew } from "./too-few-cores.ts";

/** A core for each thread of a generator. */
export function placeGenerators(
  board: Board,
  demand: CpuDemand,
  nodeOfNic: NicNodes,
  findings: Finding[],
): PlacedGenerator[] {
  return byName(demand.generators).flatMap(([name, generator]): PlacedGenerator[] => {
    const { numaNode, because } = generatorNode(board, generator, nodeOfNic);
    if (generator.cpus === undefined) {
      const needed = generator.workers + 2;
      const free = board.freeCores(board.node(numaNode));
      if (free.length < needed) {
        findings.push(tooFew(`generators.${name}.workers`, name, numaNode, needed, free.length));
      } else {
        board.claim({
          role: "generator",
          owner: name,
          property: `generators.${name}`,
          cpus: [...CpuSet.of(free.slice(0, needed).flatMap(({ cpus }) => cpus.slice(0, 1)))],
          reason: `master, latency and ${generator.workers} worker CPUs, a core each, on node ${numaNode}, ${because}`,
        });
      }
    }
    return numaNode === undefined ? [] : [{ name, numaNode }];
  });
}

function generatorNode(board: Board, generator: GeneratorDemand, nodeOfNic: NicNodes): NodeChoice {
  const named = board.node(generator.numaNode)?.numaNode;
  if (named !== undefined) return { numaNode: named, because: "which it names" };
  const nic = (generator.nics ?? []).map(nodeOfNic).find((node) => typeof node === "number");
  if (typeof nic === "number") return { numaNode: nic, because: "where its NIC is" };
  const [byHand] = nodesOf(board.topology, CpuSet.parse(generator.cpus ?? ""));
  if (byHand !== undefined) return { numaNode: byHand, because: "where its CPUs are" };
  const roomiest = board.topology.nodes
    .map((node) => ({ numaNode: node.numaNode, free: board.freeCores(node).length }))
    .sort((a, b) => b.free - a.free || a.numaNode - b.numaNode)[0];
  return { numaNode: roomiest?.numaNode, because: "the one with most free cores" };
}

/** Whole cores for loads, of what everybody else has left. */
export function claimCoLoads(board: Board, demand: CpuDemand, findings: Finding[]): void {
  for (const [name, { numaNode, cpuCount, cpus: byHand }] of byName(demand.coLoads)) {
    if (byHand !== undefined || board.node(numaNode) === undefined) continue;
    const free = board.freeCores(board.node(numaNode));
    const left = free.flatMap(({ cpus }) => cpus);
    if (left.length < (cpuCount ?? 1)) {
      findings.push(tooFew(`coLoads.${name}`, name, numaNode, cpuCount ?? 1, left.length, undefined));
      continue;
    }
    board.claim({
      role: "co-load",
      owner: name,
      property: `coLoads.${name}`,
      cpus: [...CpuSet.of(left.slice(0, cpuCount))],
      reason: `${cpuCount === undefined ? "all CPUs" : "the lowest CPUs"} that were left on node ${numaNode}, which it names; one instance pinned to each`,
    });
  }
}
