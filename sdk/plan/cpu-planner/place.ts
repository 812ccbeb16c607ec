import type { CpuDemand, GeneratorDemand, VnfDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { Board } from "./board.ts";
import {
  type Claim,
  cpusOf,
  type Draft,
  isExclusive,
  nicNodes,
  nodesOf,
  type PlacedPort,
  type PlacedVnf,
  type Role,
} from "./draft.ts";
import type { Finding } from "./finding.ts";
import { type PlacedGenerator, planMemory, switchPools } from "./memory.ts";
import { byName } from "./name-order.ts";
import { chooseNodes, type NodeChoice, threadsOf, vhostQueues } from "./node-choice.ts";
import { pollModeCores, pollModeNeed } from "./poll-mode.ts";
import { checkReferences } from "./references.ts";
import { type Core, type PlannerFacts, type Topology, topologyOf } from "./topology.ts";

const BY_HAND = "chosen by hand";

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
  const isolated =
    demand.isolation?.isolatedCpus !== undefined
      ? CpuSet.parse(demand.isolation.isolatedCpus)
      : demand.isolation?.housekeepingCpus !== undefined
        ? topology.online.minus(CpuSet.parse(demand.isolation.housekeepingCpus))
        : isolatedCpus(board);
  return {
    facts,
    demand,
    topology,
    nodeOfNic,
    claims: board.claims,
    claimsOf: board.claimsOf,
    ports,
    vnfs,
    isolated,
    housekeeping:
      demand.isolation?.housekeepingCpus === undefined
        ? topology.online.minus(isolated)
        : CpuSet.parse(demand.isolation.housekeepingCpus),
    memory: planMemory(demand, memoryNodes, switchPools(demand, ports, vnfs, pmdCount), vnfs, generators),
    findings,
  };
}

/** Claims by role, owner and node, so that each line of a plan speaks of one node. */
function claimByNode(board: Board, claim: Omit<Claim, "cpus">, cpus: Iterable<number>): void {
  const byNode = new Map<number, number[]>();
  for (const cpu of CpuSet.of(cpus)) {
    const node = board.topology.coreOf.get(cpu)?.numaNode ?? -1;
    byNode.set(node, [...(byNode.get(node) ?? []), cpu]);
  }
  for (const [, members] of [...byNode].sort(([a], [b]) => a - b)) board.claim({ ...claim, cpus: members });
}

function claimChosenByHand(board: Board, demand: CpuDemand): void {
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

function claimHousekeeping(board: Board, demand: CpuDemand): void {
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

function claimPollMode(
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

function claimLcore(board: Board, demand: CpuDemand, ports: readonly PlacedPort[]): void {
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

function placeVnfs(
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

function placeGenerators(
  board: Board,
  demand: CpuDemand,
  nodeOfNic: Draft["nodeOfNic"],
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

function generatorNode(board: Board, generator: GeneratorDemand, nodeOfNic: Draft["nodeOfNic"]): NodeChoice {
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

function claimCoLoads(board: Board, demand: CpuDemand, findings: Finding[]): void {
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

const coreCount = (count: number): string => (count === 1 ? "one core" : `${count} cores`);

function tooFew(
  property: string,
  who: string,
  numaNode: number | undefined,
  needed: number,
  free: number,
  threads: number | undefined = 1,
): Finding {
  const unit = threads === undefined ? "CPU" : "physical core";
  return {
    rule: "cores",
    severity: "error",
    property,
    problem: `${who} finds too few ${unit}s on ${numaNode === undefined ? "any node" : `node ${numaNode}`}`,
    observed: `${free} free${threads !== undefined && threads > 1 ? ` with ${threads} hardware threads` : ""}`,
    expected: `${needed}`,
    hint: "ask for fewer, name another node, or take CPUs from another role",
  };
}
