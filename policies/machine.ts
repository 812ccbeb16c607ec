import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { bytes } from "../sdk/units/size.ts";
import { keys, number, type Path, positions, type Reading, text, UNKNOWN } from "./property.ts";
import { type Topology, topologyOf } from "./topology.ts";

/** What a CPU is used for. */
export type CpuRole = "housekeeping" | "isolated" | "pmd" | "lcore" | "vcpu" | "emulator";

/** Where in the stack a value was said, so that a sentence can name what to change. */
export interface Where {
  readonly urn: string;
  readonly resource: string;
  /** Property path as the program writes it: `vcpuPins[0]`. */
  readonly property: string;
}

/** A set of CPUs that one resource claims for one role. */
export interface CpuClaim extends Where {
  readonly role: CpuRole;
  readonly cpus: CpuSet;
  /** The list as written. */
  readonly written: string;
  /** Whose they are, for sentences: `vCPU 0 of vnf`. */
  readonly holder: string;
  /** Name of the guest, of the switch, of the host: two claims of one tenant have the same. */
  readonly tenant: string;
}

/** A value that a policy would need and that isn't known yet. */
export interface Gap extends Where {
  /** What it would tell: who runs where, how much memory is taken, how many pages there are. */
  readonly about: "cpus" | "memory" | "pages";
}

/** Huge-page memory that a guest or a switch takes from one node. */
export interface MemoryDemand extends Where {
  readonly bytes: number;
  readonly numaNode: number;
  /** Size of the pages it must be of; undefined where any will do. */
  readonly pageSize?: string;
  readonly holder: string;
}

export interface Guest {
  readonly resource: PolicyResource;
  readonly name: string;
  readonly numaNode: Reading<number>;
  readonly vcpus: readonly CpuClaim[];
  /** Sockets of its vhost-user NICs by the NIC's name. */
  readonly sockets: ReadonlyMap<string, Reading<string>>;
}

export interface Switch {
  readonly resource: PolicyResource;
  readonly pmd: CpuClaim | undefined;
  /** Bytes by NUMA node; undefined where the daemon takes memory as it needs it. */
  readonly socketMemory: ReadonlyMap<number, Reading<number>> | undefined;
}

export interface SwitchPort {
  readonly resource: PolicyResource;
  readonly bridge: Reading<string>;
  readonly socketPath: Reading<string>;
  /** PCI address or name of a virtual device, for a dpdk port. */
  readonly devargs: Reading<string>;
}

export interface Pool {
  readonly resource: PolicyResource;
  readonly numaNode: number;
  readonly size: string;
  readonly count: number;
}

/** One machine with everything that the stack puts on it; nothing in it was asked of the machine. */
export interface Machine {
  readonly name: string;
  readonly topology: Topology | undefined;
  readonly claims: readonly CpuClaim[];
  readonly guests: readonly Guest[];
  readonly switches: readonly Switch[];
  readonly ports: readonly SwitchPort[];
  readonly pools: readonly Pool[];
  readonly demands: readonly MemoryDemand[];
  readonly benchmarks: readonly PolicyResource[];
  readonly facts: readonly PolicyResource[];
  readonly gaps: readonly Gap[];
}

export function machineFrom(
  name: string,
  members: readonly PolicyResource[],
  server: PolicyResource | undefined,
): Machine {
  const of = (type: string) => members.filter((member) => member.type === `nfvlab:${type}`);
  const gaps: Gap[] = [];
  const know = known(gaps);
  const tuned = of("components:TunedHost");
  const facts = of("host:Facts");
  const switches = of("ovs:Daemon").map((daemon) => switchFrom(daemon, know));
  const guests = of("libvirt:Domain").map((domain) => guestFrom(domain, know));
  const demands = [
    ...guests.flatMap(({ resource, name }) => guestDemand(resource, name, know)),
    ...switches.flatMap(({ resource, socketMemory }) => switchDemand(resource, socketMemory)),
  ];
  const claims = [
    ...tuned.flatMap((host) => [
      ...cpus(know, host, "housekeeping", ["cpus", "housekeeping"], "housekeeping", name),
      ...cpus(know, host, "isolated", ["cpus", "isolated"], "the isolated set", name),
    ]),
    ...switches.flatMap(({ resource, pmd }) => [
      ...(pmd === undefined ? [] : [pmd]),
      ...cpus(know, resource, "lcore", ["lcoreCpus"], "the switch's main threads", "switch"),
    ]),
    ...guests.flatMap(({ resource, name: guest, vcpus }) => [
      ...vcpus,
      ...cpus(know, resource, "emulator", ["emulatorCpus"], `the emulator threads of ${guest}`, guest),
    ]),
  ];
  return {
    name,
    topology: topologyOf(facts[0], server),
    claims,
    guests,
    switches,
    ports: of("ovs:Port").map(portFrom),
    pools: of("host:Hugepages").flatMap((pool) => poolFrom(pool, know)),
    demands,
    benchmarks: members.filter(({ type }) => type.startsWith("nfvlab:bench:")),
    facts,
    gaps,
  };
}

/** Takes a reading for granted, or notes that it isn't known. */
type Know = <T>(
  resource: PolicyResource,
  about: Gap["about"],
  path: Path,
  reading: Reading<T>,
) => T | undefined;

function known(gaps: Gap[]): Know {
  return (resource, about, path, reading) => {
    if (reading !== UNKNOWN) return reading as Exclude<typeof reading, typeof UNKNOWN>;
    gaps.push({ ...where(resource, path), about });
    return undefined;
  };
}

export function where(resource: PolicyResource, path: Path): Where {
  return { urn: resource.urn, resource: resource.name, property: written(path) };
}

function written(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

function cpus(
  know: Know,
  resource: PolicyResource,
  role: CpuRole,
  path: Path,
  holder: string,
  tenant: string,
): CpuClaim[] {
  const list = know(resource, "cpus", path, text(resource, ...path));
  if (list === undefined) return [];
  return [{ ...where(resource, path), role, cpus: CpuSet.parse(list), written: list, holder, tenant }];
}

function switchFrom(daemon: PolicyResource, know: Know): Switch {
  const [pmd] = cpus(know, daemon, "pmd", ["pmdCpus"], "the poll-mode threads", "switch");
  const nodes = know(daemon, "memory", ["socketMemory"], keys(daemon, "socketMemory"));
  const socketMemory = nodes?.map((node) => {
    const size = know(daemon, "memory", ["socketMemory", node], text(daemon, "socketMemory", node));
    return [Number(node), size === undefined ? UNKNOWN : bytes(size)] as const;
  });
  return { resource: daemon, pmd, socketMemory: socketMemory && new Map(socketMemory) };
}

function switchDemand(daemon: PolicyResource, socketMemory: Switch["socketMemory"]): MemoryDemand[] {
  return [...(socketMemory ?? [])].flatMap(([numaNode, amount]) =>
    typeof amount === "number"
      ? [
          {
            ...where(daemon, ["socketMemory", String(numaNode)]),
            bytes: amount,
            numaNode,
            holder: "the switch",
          },
        ]
      : [],
  );
}

function guestFrom(domain: PolicyResource, know: Know): Guest {
  const declared = text(domain, "name");
  const name = typeof declared === "string" ? declared : domain.name;
  const pins = know(domain, "cpus", ["vcpuPins"], positions(domain, "vcpuPins")) ?? [];
  const nics = keys(domain, "nics");
  return {
    resource: domain,
    name,
    numaNode: number(domain, "numaNode"),
    vcpus: pins.flatMap((index) =>
      cpus(know, domain, "vcpu", ["vcpuPins", index], `vCPU ${index} of ${name}`, name),
    ),
    sockets:
      nics === UNKNOWN
        ? new Map([["nics", UNKNOWN]])
        : new Map((nics ?? []).map((nic) => [nic, text(domain, "nics", nic, "socketPath")])),
  };
}

function guestDemand(domain: PolicyResource, guest: string, know: Know): MemoryDemand[] {
  const memory = know(domain, "memory", ["memory"], text(domain, "memory"));
  const pageSize = know(domain, "memory", ["pageSize"], text(domain, "pageSize"));
  const numaNode = know(domain, "memory", ["numaNode"], number(domain, "numaNode"));
  if (memory === undefined || pageSize === undefined || numaNode === undefined) return [];
  return [{ ...where(domain, ["memory"]), bytes: bytes(memory), pageSize, numaNode, holder: guest }];
}

function portFrom(port: PolicyResource): SwitchPort {
  return {
    resource: port,
    bridge: text(port, "bridge"),
    socketPath: text(port, "interface", "socketPath"),
    devargs: text(port, "interface", "devargs"),
  };
}

function poolFrom(pool: PolicyResource, know: Know): Pool[] {
  const numaNode = know(pool, "pages", ["numaNode"], number(pool, "numaNode"));
  const size = know(pool, "pages", ["size"], text(pool, "size"));
  const count = know(pool, "pages", ["count"], number(pool, "count"));
  if (numaNode === undefined || size === undefined || count === undefined) return [];
  return [{ resource: pool, numaNode, size, count }];
}
