import type { PolicyResource } from "@pulumi/policy";
import { type Card, cardsFrom } from "./cards.ts";
import { type CpuClaim, cpus, type Gap, type Know, known, type MemoryDemand } from "./claims.ts";
import { type Guest, guestDemand, guestFrom } from "./guests.ts";
import { flag, keys, later, number, positions, type Reading, text, titleOf } from "./property.ts";
import { type Switch, switchDemand, switchFrom } from "./switches.ts";
import { type Topology, topologyOf } from "./topology.ts";

/** Benchmarks that have a generator of their own. */
export const GENERATING = [
  "bench:Traffic",
  "bench:Throughput",
  "bench:FrameLoss",
  "bench:BackToBack",
  "bench:Soak",
  "bench:SystemRecovery",
  "bench:FlowSetup",
  "bench:Outage",
  "bench:CriticalLoad",
] as const;

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
  /** Whether it is an emulated server, whose timings mean nothing: it may be laid out as no real one is. */
  readonly emulated: boolean;
  /** The emulated server that it is, where this stack makes it. */
  readonly server: PolicyResource | undefined;
  /** All resources on it. */
  readonly members: readonly PolicyResource[];
  readonly topology: Topology | undefined;
  readonly claims: readonly CpuClaim[];
  readonly guests: readonly Guest[];
  readonly switches: readonly Switch[];
  readonly ports: readonly SwitchPort[];
  readonly pools: readonly Pool[];
  readonly cards: readonly Card[];
  readonly demands: readonly MemoryDemand[];
  readonly benchmarks: readonly PolicyResource[];
  readonly facts: readonly PolicyResource[];
  readonly gaps: readonly Gap[];
}

/** Each part is read when a policy first asks for it: most ask for a few. */
export function machineFrom(
  name: string,
  members: readonly PolicyResource[],
  server: PolicyResource | undefined,
): Machine {
  const byType = new Map<string, PolicyResource[]>();
  for (const member of members) {
    const alike = byType.get(member.type);
    if (alike === undefined) byType.set(member.type, [member]);
    else alike.push(member);
  }
  const of = (type: string): readonly PolicyResource[] => byType.get(`nfvlab:${type}`) ?? [];
  const facts = of("host:Facts");
  const switches = part((know) => of("ovs:Daemon").map((daemon) => switchFrom(daemon, know)));
  const guests = part((know) => of("libvirt:Domain").map((domain) => guestFrom(domain, know)));
  const demands = part((know) => [
    ...guests.get().flatMap(({ resource, name }) => guestDemand(resource, name, know)),
    ...switches.get().flatMap(({ resource, socketMemory }) => switchDemand(resource, socketMemory)),
  ]);
  const claims = part((know) => [
    ...of("components:TunedHost").flatMap((host) => [
      ...cpus(know, host, "housekeeping", ["cpus", "housekeeping"], "housekeeping", name),
      ...cpus(know, host, "isolated", ["cpus", "isolated"], "the isolated set", name),
    ]),
    ...switches
      .get()
      .flatMap(({ resource, pmd }) => [
        ...(pmd === undefined ? [] : [pmd]),
        ...cpus(know, resource, "lcore", ["lcoreCpus"], "the switch's main threads", "switch"),
      ]),
    ...guests.get().flatMap(({ vcpus, helpers }) => [...vcpus, ...helpers]),
    ...of("traffic:Forwarder").flatMap((forwarder) => {
      const title = titleOf(forwarder);
      const role = sleeps(forwarder) ? "process" : "forwarder";
      return cpus(know, forwarder, role, ["cpus"], `forwarder ${title}`, title);
    }),
    ...of("lxc:Container").flatMap((container) => {
      const title = titleOf(container);
      return cpus(know, container, "process", ["cpus"], `container ${title}`, title);
    }),
    ...GENERATING.flatMap((type) => of(type)).flatMap((benchmark) =>
      cpus(know, benchmark, "generator", ["generator", "cpus"], "the generator", "generator"),
    ),
  ]);
  const pools = part((know) => [
    ...of("host:Hugepages").flatMap((pool) => poolFrom(pool, know)),
    ...of("host:BootArguments").flatMap((boot) => bootPoolsFrom(boot, know)),
  ]);
  const ports = later(() => of("ovs:Port").map(portFrom));
  const emulated = later(
    () => server !== undefined || facts.some((each) => flag(each, "identity", "emulated") === true),
  );
  const topology = later(() => topologyOf(facts[0], server));
  const cards = later(() =>
    cardsFrom(of("pci:VirtualFunctions"), of("pci:VirtualFunction"), {
      ...{ guests: guests.get(), ports: ports(), containers: of("lxc:Container") },
    }),
  );
  return {
    ...{ name, server, members, facts },
    benchmarks: members.filter(({ type }) => type.startsWith("nfvlab:bench:")),
    get emulated() {
      return emulated();
    },
    get topology() {
      return topology();
    },
    get claims() {
      return claims.get();
    },
    get guests() {
      return guests.get();
    },
    get switches() {
      return switches.get();
    },
    get ports() {
      return ports();
    },
    get cards() {
      return cards();
    },
    get pools() {
      return pools.get();
    },
    get demands() {
      return demands.get();
    },
    get gaps() {
      return [switches, guests, demands, claims, pools].flatMap((each) => each.gaps());
    },
  };
}

/** A part of a machine, with what it would have needed to know. */
function part<T>(read: (know: Know) => readonly T[]) {
  const gaps: Gap[] = [];
  const get = later(() => read(known(gaps)));
  return {
    get,
    gaps: (): readonly Gap[] => {
      get();
      return gaps;
    },
  };
}

/** Reads every part of some machines, so that what can't be known of any is told. */
export function readWhole(machines: readonly Machine[]): void {
  for (const { emulated, topology, cards, gaps } of machines) void [emulated, topology, cards, gaps];
}

/** Resources of one type among some, named without `nfvlab:`. */
export function ofType(
  resources: readonly PolicyResource[],
  ...types: readonly string[]
): readonly PolicyResource[] {
  const tokens = new Set(types.map((type) => `nfvlab:${type}`));
  return resources.filter(({ type }) => tokens.has(type));
}

function sleeps(forwarder: PolicyResource): boolean {
  const idle = text(forwarder, "idle");
  return typeof idle === "string" && !/^0+\D/.test(idle);
}

function portFrom(port: PolicyResource): SwitchPort {
  return {
    resource: port,
    bridge: text(port, "bridge"),
    socketPath: text(port, "interface", "socketPath"),
    devargs: text(port, "interface", "devargs"),
  };
}

/** Pools that a boot fills, node by node; of pages that the kernel spreads over the nodes the facts tell where they came to lie. */
function bootPoolsFrom(boot: PolicyResource, know: Know): Pool[] {
  const list = ["arguments", "hugepages"] as const;
  return (know(boot, "pages", list, positions(boot, ...list)) ?? []).flatMap((index) => {
    const size = know(boot, "pages", [...list, index, "size"], text(boot, ...list, index, "size"));
    const counts = [...list, index, "count"];
    return (know(boot, "pages", counts, keys(boot, ...counts)) ?? []).flatMap((node) => {
      const count = know(boot, "pages", [...counts, node], number(boot, ...counts, node));
      return size === undefined || count === undefined
        ? []
        : [{ resource: boot, numaNode: Number(node), size, count }];
    });
  });
}

function poolFrom(pool: PolicyResource, know: Know): Pool[] {
  const numaNode = know(pool, "pages", ["numaNode"], number(pool, "numaNode"));
  const size = know(pool, "pages", ["size"], text(pool, "size"));
  const count = know(pool, "pages", ["count"], number(pool, "count"));
  if (numaNode === undefined || size === undefined || count === undefined) return [];
  return [{ resource: pool, numaNode, size, count }];
}
