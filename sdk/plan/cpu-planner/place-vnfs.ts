import type { CpuDemand, VnfDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Board } from "./board.ts";
import { cpusOf, type PlacedVnf } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { type NodeChoice, threadsOf, vhostQueues } from "./node-choice.ts";
import { claimByNode } from "./place-by-hand.ts";
import { coreCount, tooFew } from "./too-few-cores.ts";
import type { Core, Topology } from "./topology.ts";

/** Cores for the vCPUs of each guest, on its node, and housekeeping CPUs for its other threads. */
export function placeVnfs(
  board: Board,
  demand: CpuDemand,
  choices: ReadonlyMap<string, NodeChoice>,
  findings: Finding[],
): PlacedVnf[] {
  // Guests that need wide cores come first: a narrow one can do with any.
  const placed = byName(demand.vnfs)
    .sort(([, a], [, b]) => threadsOf(b) - threadsOf(a))
    .map(([name, vnf]) => placeVnf(board, name, vnf, choices.get(name), findings));
  const order = byName(demand.vnfs).map(([name]) => name);
  placed.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return placed.map((vnf) => ({ ...vnf, ...claimEmulator(board, vnf) }));
}

function placeVnf(
  board: Board,
  name: string,
  vnf: VnfDemand,
  choice: NodeChoice | undefined,
  findings: Finding[],
): PlacedVnf {
  const home = choice?.numaNode;
  const cells = (vnf.cells ?? []).map((cell) => ({ ...cell, vcpus: CpuSet.parse(cell.vcpus) }));
  const pins: CpuSet[] = (vnf.pins ?? []).map((pin) => CpuSet.parse(pin));
  if (vnf.pins === undefined) {
    const all = Array.from({ length: vnf.vcpus }, (_, vcpu) => vcpu);
    const nodeOf = (vcpu: number) =>
      board.node(cells.find(({ vcpus }) => vcpus.has(vcpu))?.numaNode)?.numaNode ?? home;
    for (const numaNode of [...new Set(all.map(nodeOf))]) {
      const vcpus = all.filter((vcpu) => nodeOf(vcpu) === numaNode);
      const threads = threadsOf(vnf);
      const needed = Math.ceil(vcpus.length / threads);
      const free = board.freeCores(board.node(numaNode)).filter(({ cpus }) => cpus.length >= threads);
      if (free.length < needed) {
        findings.push(tooFew(`vnfs.${name}.vcpus`, name, numaNode, needed, free.length, threads));
        continue;
      }
      const polling = cpusOf(board.claims, "pmd");
      const { cores, why } = inOneCache(
        free,
        needed,
        vhostQueues(vnf) > 0 ? polling : CpuSet.empty,
        board.topology,
      );
      const cpus = cores.flatMap((core) => core.cpus.slice(0, threads)).slice(0, vcpus.length);
      for (const [at, vcpu] of vcpus.entries()) pins[vcpu] = CpuSet.of(cpus.slice(at, at + 1));
      board.claim({
        role: "vcpu",
        owner: name,
        property: `vnfs.${name}`,
        cpus,
        reason: `${coreCount(needed)} for ${vcpus.length} vCPUs on node ${numaNode}, ${numaNode === home ? choice?.because : "which a cell of it names"}; ${why}`,
      });
    }
  }
  const memoryOf = (vcpus: CpuSet) => {
    const cpu = pins[vcpus.first ?? 0]?.first;
    return (cpu === undefined ? undefined : board.topology.coreOf.get(cpu)?.numaNode) ?? home;
  };
  const everything = CpuSet.of(pins.keys());
  return {
    name,
    demand: vnf,
    numaNode: home,
    pins: pins.filter((pin) => pin !== undefined),
    emulator: CpuSet.empty,
    ioThreads: CpuSet.empty,
    cells:
      vnf.cells === undefined
        ? [
            {
              vcpus: everything,
              memory: vnf.memory,
              numaNode: board.node(vnf.numaNode)?.numaNode ?? memoryOf(everything),
            },
          ]
        : cells.map(({ vcpus, memory, numaNode }) => ({
            vcpus,
            memory,
            numaNode: numaNode ?? memoryOf(vcpus),
          })),
  };
}

/** Cores behind one last-level cache where one has enough of them, else behind as few as can be. */
function inOneCache(
  free: readonly Core[],
  needed: number,
  near: CpuSet,
  topology: Topology,
): { cores: Core[]; why: string } {
  const caches = [...new Set(free.map(({ cache }) => cache))].map((cache) => ({
    cache,
    cores: free.filter((core) => core.cache === cache),
    near: [...near].some((cpu) => topology.coreOf.get(cpu)?.cache === cache),
  }));
  const fitting = caches.filter(({ cores }) => cores.length >= needed);
  // The fullest cache that has room keeps the emptier ones whole for larger guests.
  const best = fitting.sort((a, b) => Number(b.near) - Number(a.near) || a.cores.length - b.cores.length)[0];
  if (best !== undefined) {
    const only =
      caches.length === 1 ? "" : best.near ? ", which poll-mode threads share" : ", the fullest with room";
    return {
      cores: best.cores.slice(0, needed),
      why: `the lowest that were free behind the last-level cache of CPUs ${best.cache.cpus}${only}`,
    };
  }
  const spread = caches.sort((a, b) => b.cores.length - a.cores.length).flatMap(({ cores }) => cores);
  const cores = spread.slice(0, needed).sort((a, b) => (a.cpus[0] ?? 0) - (b.cpus[0] ?? 0));
  const used = new Set(cores.map(({ cache }) => cache.cpus));
  return { cores, why: `behind ${used.size} last-level caches, as none has ${needed} free cores` };
}

function claimEmulator(board: Board, vnf: PlacedVnf): Pick<PlacedVnf, "emulator" | "ioThreads"> {
  const system = cpusOf(board.claims, "housekeeping");
  const node = vnf.cells[0]?.numaNode ?? vnf.numaNode;
  const local = [...system].filter((cpu) => board.topology.coreOf.get(cpu)?.numaNode === node);
  const cpus = local.length > 0 ? local : [...system];
  const where =
    local.length > 0 ? `housekeeping CPUs of node ${node}` : "housekeeping CPUs, as its node has none";
  const auto = (role: "emulator" | "io-thread", property: string) =>
    claimByNode(board, { role, owner: vnf.name, property, reason: where }, cpus);
  const { emulator, ioThreads } = vnf.demand;
  if (emulator === undefined) auto("emulator", `vnfs.${vnf.name}.emulator`);
  if (ioThreads !== undefined && ioThreads.cpus === undefined)
    auto("io-thread", `vnfs.${vnf.name}.ioThreads`);
  return {
    emulator: emulator === undefined ? CpuSet.of(cpus) : CpuSet.parse(emulator.cpus),
    ioThreads:
      ioThreads === undefined
        ? CpuSet.empty
        : ioThreads.cpus === undefined
          ? CpuSet.of(cpus)
          : CpuSet.parse(ioThreads.cpus),
  };
}
