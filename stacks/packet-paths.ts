/**
 * The ways of a packet into a network function, from the slowest to the fastest: a card that QEMU emulates (`e1000`, `rtl8139`), virtio by `vhost-net` and by `vhost-user`, a virtual
 * function (`sr-iov`), and a container's `veth`. The same frames go over each of them, one after another, from port to port through a function of its own, and are counted at both ends.
 *
 * Stands up an emulated server. For a real host set `connection` as a secret JSON, `housekeepingCpus`, `isolatedCpus`, of these `pmdCpus`, `generatorCpus`, and `vnfCpus`, a JSON of one CPU
 * for each rung by its name, with their `numaNode`, and the card as `pf`. `rungs` is a JSON list of those that are climbed, default all. `rate`, `count` and `frameSize` are of the
 * frames; `idle` is how long the generator sleeps that finds nothing to do, `0us` on a host whose figures are to mean something.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  type ChainEnd,
  type ChainMember,
  ContainerVnf,
  comparePaths,
  OvsDpdkBridge,
  ServiceChain,
  SriovVnf,
  switchedEnd,
  TapVnf,
  TrafficBenchmark,
  type TrafficBenchmarkArgs,
  TunedHost,
  VhostUserVnf,
} from "../components/index.ts";
import { traffic } from "../sdk/index.ts";
import { InputError } from "../sdk/units/errors.ts";
import { bridgedEnds } from "./bridged-ends.ts";
import { cardEnds } from "./card-ends.ts";
import { cpusOf, machineOf, switchMemory } from "./machine.ts";

interface Rung {
  readonly from: ChainEnd;
  readonly to: ChainEnd;
  readonly vnf: ChainMember & pulumi.Resource;
  readonly addresses?: NonNullable<TrafficBenchmarkArgs["addresses"]>;
}
/** Makes what a rung consists of; its function waits for `dependsOn`. */
type Build = (name: string, cpu: string, options: { readonly dependsOn: pulumi.Resource[] }) => Rung;

const config = new pulumi.Config();
const numaNode = config.getNumber("numaNode") ?? 0;
const { socketMemory, pagesAside } = switchMemory(numaNode);
const guest = { emulatorCpus: "0", memory: "256MiB", numaNode } as const;

const tapped =
  (model: "virtio" | "e1000" | "rtl8139", devices: string): Build =>
  (name, vcpus, options) => {
    const { bridges, from, to } = bridgedEnds(dut, name, devices);
    const nics = {
      in: { kind: "bridge", bridge: bridges.in, model },
      out: { kind: "bridge", bridge: bridges.out, model },
    } as const;
    const args = { ...guest, host: dut, vcpus, pageSize: "4KiB", forwards: true, nics } as const;
    return { from, to, vnf: new TapVnf(`${name}-vnf`, args, options) };
  };

const switched: Build = (name, vcpus, options) => {
  const ports = ["gen0", "gen1", "vnf-in", "vnf-out"] as const;
  const bridge = new OvsDpdkBridge("br0", {
    ...{ host: dut, pmdCpus: config.get("pmdCpus") ?? "2", socketMemory },
    vhostUserPorts: [...ports],
    // Else the switch would take every function of a card that is bound for DPDK, also the generator's.
    daemon: { restart: "allow", pmdSleepMax: "500us", ealArguments: ["--no-pci"] },
  });
  const nics = {
    in: { kind: "vhost-user", bridge, port: "vnf-in" },
    out: { kind: "vhost-user", bridge, port: "vnf-out" },
  } as const;
  const args = { ...guest, host: dut, vcpus, pageSize: "2MiB", forwards: true, nics } as const;
  return {
    from: switchedEnd("generator", bridge, "gen0"),
    to: switchedEnd("sink", bridge, "gen1"),
    vnf: new VhostUserVnf(`${name}-vnf`, args, options),
  };
};

const passed: Build = (name, vcpus, options) => {
  const { from, to, addresses, function: own } = cardEnds(dut, { pf: config.get("pf"), numaNode });
  const args = { ...guest, host: dut, vcpus, pageSize: "2MiB", ...own } as const;
  return { from, to, addresses, vnf: new SriovVnf(`${name}-vnf`, args, options) };
};

const contained: Build = (name, cpu, options) => {
  const { bridges, from, to } = bridgedEnds(dut, name);
  const nics = {
    in: { kind: "veth", bridge: bridges.in },
    out: { kind: "veth", bridge: bridges.out },
  } as const;
  const args = { host: dut, cpus: cpu, numaNode, memory: "128MiB", forwards: true, nics } as const;
  return { from, to, vnf: new ContainerVnf(`${name}-vnf`, args, options) };
};

const builds = {
  e1000: tapped("e1000", "e1000"),
  rtl8139: tapped("rtl8139", "rtl"),
  "vhost-net": tapped("virtio", "vnet"),
  "vhost-user": switched,
  "sr-iov": passed,
  veth: contained,
} as const satisfies Readonly<Record<string, Build>>;
type Name = keyof typeof builds;

function rungsOf(wanted: readonly string[] = Object.keys(builds)): readonly Name[] {
  const names = Object.keys(builds) as Name[];
  const unknown = wanted.filter((name) => !Object.hasOwn(builds, name));
  if (unknown.length === 0 && wanted.length > 0) return names.filter((name) => wanted.includes(name));
  throw new InputError({
    code: "rung-unknown",
    property: "rungs",
    problem: wanted.length === 0 ? "a ladder without rungs measures nothing" : "there are no such rungs",
    observed: wanted.length === 0 ? "[]" : unknown.join(", "),
    expected: `some of ${names.join(", ")}`,
  });
}

const rungs = rungsOf(config.getObject<string[]>("rungs"));
const has = (name: Name) => rungs.includes(name);
const isolated = `2-${3 + rungs.length}`;
const vnfCpus: Partial<Record<Name, string>> = {
  ...Object.fromEntries(rungs.map((name, index) => [name, `${4 + index}`])),
  ...config.getObject<Partial<Record<Name, string>>>("vnfCpus"),
};
const connection = machineOf(config, {
  // One node, since a chain is refused whose card is on another than its function.
  numaNodes: [{ cpus: `0-${3 + rungs.length}`, memory: "5GiB" }],
  igbCards: has("sr-iov") ? 1 : 0,
  bootArguments: [
    ...[`isolcpus=managed_irq,domain,${isolated}`, `nohz_full=${isolated}`, "irqaffinity=0-1"],
    "intel_iommu=on",
  ],
});
/** Of the generator on every rung, of the switch, and of each guest whose memory others reach. */
const pages = 64 + (has("vhost-user") ? 320 + 128 : 0) + (has("sr-iov") ? 128 : 0);
const dut = new TunedHost("dut", {
  connection,
  cpus: cpusOf(config, { housekeeping: "0-1", isolated }),
  hugepages: [{ size: "2MiB", count: pages, numaNode }, ...pagesAside],
});
const tool = new traffic.Tool("traffic", { host: dut.reference, name: "traffic" });

// Guests boot one after another: all at once they take each other's time, and an emulated processor has little.
const built: { readonly name: Name; readonly rung: Rung; readonly chain: ServiceChain }[] = [];
for (const name of rungs) {
  const dependsOn = built.slice(-1).map(({ rung }) => rung.vnf);
  const rung = builds[name](name, vnfCpus[name] ?? "", { dependsOn });
  const chain = new ServiceChain(name, {
    ...{ from: rung.from, through: [rung.vnf], to: rung.to, directions: "forward" },
  });
  built.push({ name, rung, chain });
}
// All stand while each is measured, and nothing is measured while one boots: what differs is the way.
const after = built.flatMap(({ chain }) => chain.ready);
const paths = built.map(({ name, rung, chain }) => {
  const run = new TrafficBenchmark(`${name}-frames`, {
    ...{ on: dut, tool, over: chain, cpus: config.get("generatorCpus") ?? "3", after },
    idle: (config.get("idle") ?? "100us") as NonNullable<TrafficBenchmarkArgs["idle"]>,
    rate: config.getNumber("rate") ?? 200,
    count: config.getNumber("count") ?? 2000,
    frameSize: config.getNumber("frameSize") ?? 64,
    ...(rung.addresses !== undefined && { addresses: rung.addresses }),
  });
  const { drawing, path } = chain;
  return [name, { drawing, path, frames: run.frames, results: run.results }] as const;
});
const each = <K extends "drawing" | "frames" | "results">(key: K) =>
  Object.fromEntries(paths.map(([name, path]) => [name, path[key]]));

/** What each path goes through, in a line. */
export const drawings = each("drawing");
/** Frames sent, received and lost on each. */
export const frames = each("frames");
/** Latency of each, with its record. */
export const results = each("results");

const measured = paths.map(([name, { path, frames, results }]) =>
  pulumi
    .all([frames, results])
    .apply(([counted, short]) => ({ name, path, frames: counted, results: short })),
);
const compared = pulumi.all(measured).apply((all) =>
  comparePaths(
    Object.fromEntries(
      all
        // An update of chosen targets leaves out what is not there yet.
        .filter(({ frames, results }) => frames !== undefined && results !== undefined)
        .map(({ name, ...path }) => [name, path]),
    ),
  ),
);
/** Count, loss, latency and layers of each. */
export const ladder = compared.rows;
/** For people: `pulumi stack output table`. */
export const table = compared.text;
