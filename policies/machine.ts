import type { PolicyResource } from "@pulumi/policy";
import { type Card, cardsFrom } from "./cards.ts";
import { type CpuClaim, cpus, type Gap, type Know, known, type MemoryDemand } from "./claims.ts";
import { type Guest, guestDemand, guestFrom } from "./guests.ts";
import { flag, keys, number, positions, type Reading, text, titleOf } from "./property.ts";
import { type Switch, switchDemand, switchFrom } from "./switches.ts";
import { type Topology, topologyOf } from "./topology.ts";

/** Benchmarks that have a generator of their own. */
export const GENERATING = [
  "bench:Traffic",
  "bench:Throughput",
  "bench:FrameLoss",
  "bench:BackToBack",
  "bench:Soak",
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

export function machineFrom(
  name: string,
  members: readonly PolicyResource[],
  server: PolicyResource | undefined,
): Machine {
  const of = (type: string) => ofType(members, type);
  const gaps: Gap[] = [];
  const know = known(gaps);
  const tuned = of("components:TunedHost");
  const facts = of("host:Facts");
  const switches = of("ovs:Daemon").map((daemon) => switchFrom(daemon, know));
  const guests = of("libvirt:Domain").map((domain) => guestFrom(domain, know));
  const containers = of("lxc:Container");
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
    ...guests.flatMap(({ vcpus, helpers }) => [...vcpus, ...helpers]),
    ...of("traffic:Forwarder").flatMap((forwarder) => {
      const title = titleOf(forwarder);
      const role = sleeps(forwarder) ? "process" : "forwarder";
      return cpus(know, forwarder, role, ["cpus"], `forwarder ${title}`, title);
    }),
    ...containers.flatMap((container) => {
      const title = titleOf(container);
      return cpus(know, container, "process", ["cpus"], `container ${title}`, title);
    }),
    ...GENERATING.flatMap((type) => of(type)).flatMap((benchmark) =>
      cpus(know, benchmark, "generator", ["generator", "cpus"], "the generator", "generator"),
    ),
  ];
  const ports = of("ovs:Port").map(portFrom);
  return {
    name,
    emulated: server !== undefined || facts.some((each) => flag(each, "identity", "emulated") === true),
    server,
    members,
    topology: topologyOf(facts[0], server),
    claims,
    guests,
    switches,
    ports,
    cards: cardsFrom(of("pci:VirtualFunctions"), of("pci:VirtualFunction"), { guests, ports, containers }),
    pools: [
      ...of("host:Hugepages").flatMap((pool) => poolFrom(pool, know)),
      ...of("host:BootArguments").flatMap((boot) => bootPoolsFrom(boot, know)),
    ],
    demands,
    benchmarks: members.filter(({ type }) => type.startsWith("nfvlab:bench:")),
    facts,
    gaps,
  };
}

/** Resources of one type among some, named without `nfvlab:`. */
export function ofType(
  resources: readonly PolicyResource[],
  ...types: readonly string[]
): readonly PolicyResource[] {
  return resources.filter(({ type }) => types.some((each) => type === `nfvlab:${each}`));
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
