import type {
  ReportedBridge,
  ReportedCpu,
  ReportedGuest,
  ReportedHost,
  ReportedNode,
  ReportedPort,
} from "../report/experiment.ts";
import type { HostFacts } from "../schema/facts.ts";
import { CpuSet } from "../units/cpuset.ts";
import { type StateResource, text, texts } from "./state-resource.ts";

/** What a stack has of one machine. */
export interface HostResources {
  readonly name: string;
  /** Absent, or without CPUs, where nobody has looked at it yet. */
  readonly facts?: StateResource | undefined;
  readonly tuned?: StateResource | undefined;
  /** The emulated server that it is, whose declaration tells the nodes before anybody has looked. */
  readonly server?: StateResource | undefined;
  readonly resources: readonly StateResource[];
}

type Use = Pick<ReportedCpu, "role" | "guest" | "contenders">;

/** A machine as a report sees it: its CPUs with who uses them, its bridges, its guests. */
export function hostOf({ name, facts, tuned, server, resources }: HostResources): ReportedHost {
  const here = (type: string) => resources.filter((resource) => resource.type === type);
  const ports = here("nfvlab:ovs:Port");
  const guests = here("nfvlab:libvirt:Domain").map(guestOf);
  const uses = usesOf(tuned, here("nfvlab:ovs:Daemon"), guests);
  const known = factsOf(facts);
  const pools = here("nfvlab:host:Hugepages");
  return {
    name,
    emulated: known?.identity.emulated ?? server !== undefined,
    description:
      known === undefined
        ? "as the program declares it: nobody has looked at it yet"
        : `${known.cpuModel}, Linux ${known.kernel.release}`,
    nodes: layoutOf(known, server, uses).map(({ node, cpus }) => ({
      node,
      cpus: cpus.map(
        ({ cpu, core }): ReportedCpu => ({ cpu, core, ...(uses.get(cpu) ?? { role: "other" as const }) }),
      ),
      hugepages: pools
        .filter((pool) => node === null || pool.outputs?.["numaNode"] === node)
        .map((pool) => `${text(pool, "count")} × ${text(pool, "size")}`),
    })),
    bridges: here("nfvlab:ovs:Bridge").map((bridge) => bridgeOf(bridge, ports)),
    guests,
  };
}

function factsOf(facts: StateResource | undefined): HostFacts | undefined {
  const found = facts?.outputs as unknown as HostFacts | undefined;
  return Array.isArray(found?.cpus) && found.cpus.length > 0 ? found : undefined;
}

type Layout = Pick<ReportedNode, "node"> & { readonly cpus: readonly { cpu: number; core: number }[] };

/** Where CPUs lie by facts, else by an emulated server's declaration, else those that somebody claims, on a node that isn't known. */
function layoutOf(
  facts: HostFacts | undefined,
  server: StateResource | undefined,
  uses: ReadonlyMap<number, Use>,
): Layout[] {
  if (facts !== undefined) {
    const cores = new Map(facts.cpus.map(({ cpu, core }) => [cpu, core]));
    const cpusOf = (list: string) =>
      [...CpuSet.parse(list)].map((cpu) => ({ cpu, core: cores.get(cpu) ?? cpu }));
    return facts.numaNodes.map(({ node, cpus }) => ({ node, cpus: cpusOf(cpus) }));
  }
  const alone = (cpus: Iterable<number>) => [...cpus].map((cpu) => ({ cpu, core: cpu }));
  const declared = server?.outputs?.["numaNodes"];
  if (Array.isArray(declared))
    return declared.map(({ cpus }: { cpus?: unknown }, node) => ({ node, cpus: alone(cpusIn(cpus)) }));
  const claimed = [...uses.keys()].sort((one, other) => one - other);
  return claimed.length === 0 ? [] : [{ node: null, cpus: alone(claimed) }];
}

/** A list that a preview can't know yet is no list. */
function cpusIn(list: unknown): CpuSet {
  const nobody = CpuSet.parse("");
  if (typeof list !== "string") return nobody;
  try {
    return CpuSet.parse(list);
  } catch {
    return nobody;
  }
}

/** Who uses which CPU. Where several claim one for themselves, the one who keeps it busiest is named, and all of them are its contenders. */
function usesOf(
  tuned: StateResource | undefined,
  daemons: readonly StateResource[],
  guests: readonly ReportedGuest[],
): Map<number, Use> {
  const uses = new Map<number, Use>();
  const claims = new Map<number, string[]>();
  const cpus = tuned?.outputs?.["cpus"] as { housekeeping?: string; isolated?: string } | undefined;
  const give = (list: unknown, use: Use, claim?: string) => {
    for (const cpu of cpusIn(list)) {
      if (claim !== undefined) claims.set(cpu, [...(claims.get(cpu) ?? []), claim]);
      const contenders = claims.get(cpu) ?? [];
      uses.set(cpu, contenders.length > 1 ? { ...use, contenders } : use);
    }
  };
  give(cpus?.isolated, { role: "isolated" });
  give(cpus?.housekeeping, { role: "housekeeping" }, "housekeeping");
  for (const { name, vcpuPins } of guests)
    for (const [vcpu, pin] of vcpuPins.entries())
      give(pin, { role: "vcpu", guest: { name, vcpu } }, `vCPU ${vcpu} of ${name}`);
  for (const daemon of daemons) give(daemon.outputs?.["pmdCpus"], { role: "pmd" }, "poll-mode thread");
  return uses;
}

function bridgeOf(bridge: StateResource, ports: readonly StateResource[]): ReportedBridge {
  return {
    name: text(bridge, "name"),
    addresses: texts(bridge.outputs?.["addresses"]),
    ports: ports.filter((port) => text(port, "bridge") === text(bridge, "name")).map(portOf),
  };
}

function portOf(port: StateResource): ReportedPort {
  const {
    kind = "",
    socketPath,
    devargs,
    addresses,
  } = (port.outputs?.["interface"] ?? {}) as {
    kind?: string;
    socketPath?: string;
    devargs?: string;
    addresses?: readonly string[];
  };
  return {
    name: text(port, "name"),
    kind,
    peer: devargs ?? texts(addresses).join(", "),
    ...(socketPath !== undefined && { socket: socketPath }),
    up: port.outputs?.["up"] === true,
  };
}

function guestOf(domain: StateResource): ReportedGuest {
  const nics = (domain.outputs?.["nics"] ?? {}) as Record<string, { socketPath?: string; address?: string }>;
  return {
    name: text(domain, "name"),
    memory: text(domain, "memory"),
    numaNode: Number(domain.outputs?.["numaNode"]),
    vcpuPins: texts(domain.outputs?.["vcpuPins"]),
    running: domain.outputs?.["running"] === true,
    nics: Object.entries(nics).map(([name, { socketPath, address = "" }]) => ({
      name,
      address,
      ...(socketPath !== undefined && { socket: socketPath }),
    })),
  };
}
