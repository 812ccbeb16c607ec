import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Board } from "./board.ts";
import { cpusOf, type PlacedPort } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { type NodeChoice, vhostQueues } from "./node-choice.ts";
import { pollModeCores, pollModeNeed } from "./poll-mode.ts";
import { coreCount, tooFew } from "./too-few-cores.ts";

/** Cores that poll, on each node with ports of the switch. */
export function claimPollMode(
  board: Board,
  demand: CpuDemand,
  ports: readonly PlacedPort[],
  choices: ReadonlyMap<string, NodeChoice>,
  findings: Finding[],
): void {
  if (demand.switch?.pmd?.cpus !== undefined) return;
  const siblings = demand.switch?.pmd?.siblings ?? "poll";
  for (const node of board.topology.nodes) {
    const here = ports.filter(({ numaNode }) => numaNode === node.numaNode);
    const guests = byName(demand.vnfs).filter(
      ([name, vnf]) => vhostQueues(vnf) > 0 && choices.get(name)?.numaNode === node.numaNode,
    );
    const need = pollModeNeed(
      demand.switch,
      here.map(({ demand: { rxQueues = 1 } }) => ({ rxQueues })),
      guests.map(([, vnf]) => ({ queues: vhostQueues(vnf) })),
    );
    const free = board.freeCores(node);
    const cores = pollModeCores(free, need, siblings);
    if (cores === undefined) {
      findings.push(tooFew("switch.pmd", "the switch", node.numaNode, need.cores, free.length));
      continue;
    }
    const users = [...here.map(({ name }) => `port ${name}`), ...guests.map(([name]) => `guest ${name}`)];
    board.claim({
      role: "pmd",
      property: "switch.pmd",
      cpus: [...CpuSet.of(cores.flatMap(({ cpus }) => (siblings === "poll" ? cpus : cpus.slice(0, 1))))],
      reason: `${coreCount(cores.length)} on the node of ${users.join(", ")}, the highest that were free; ${siblings === "poll" ? "all hardware threads poll" : "one hardware thread of each polls"}`,
    });
  }
}

/** One housekeeping CPU for the switch's main threads. */
export function claimLcore(board: Board, demand: CpuDemand, ports: readonly PlacedPort[]): void {
  if (demand.switch?.lcore !== undefined) return;
  if (demand.switch === undefined && cpusOf(board.claims, "pmd").size === 0) return;
  const home = ports.map(({ numaNode }) => numaNode ?? -1).filter((node) => node >= 0);
  const system = [...cpusOf(board.claims, "housekeeping")];
  const local = system.filter((cpu) => board.topology.coreOf.get(cpu)?.numaNode === Math.min(...home));
  const cpu = local[0] ?? system[0];
  if (cpu === undefined) return;
  board.claim({
    role: "lcore",
    property: "switch.lcore",
    cpus: [cpu],
    reason: `the lowest housekeeping CPU${local.length === 0 ? "" : " on the node of the switch's ports"}`,
  });
}
