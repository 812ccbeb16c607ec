/**
 * A network function in a container beside the same one in a guest: frames of one generator through each, counted at both ends. The kernel forwards in all of them, so what differs
 * is what lies between it and the bridge: a veth pair, a virtio ring that vhost-net serves, or a card that QEMU emulates. Then each is started anew, to see how long that takes and what memory
 * it needs by its first answer.
 *
 * Stands up an emulated server. For a real host set `connection` as a secret JSON, `housekeepingCpus`, `isolatedCpus`, their `numaNode`, and `cpus`, a JSON of one CPU for
 * `generator`, `lxc`, `vhost` and `e1000` each. `rate` and `count` are of the frames; `starts` is how often
 * each function is started, 0 for never. `density` is how many instances a CPU may carry while it is sought how many containers, and how many guests, the host carries until
 * one does not start or 99.9 % of its wake-ups take longer than `densityLimit`; default 0, which does not seek, since it takes long. The three functions stand idle beside them.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  BootTimeBenchmark,
  ContainerVnf,
  DensityBenchmark,
  type DensityBenchmarkArgs,
  densities,
  ServiceChain,
  startUps,
  TapVnf,
  TrafficBenchmark,
  TunedHost,
} from "../components/index.ts";
import { traffic } from "../sdk/index.ts";
import type { Duration } from "../sdk/units/duration.ts";
import { bridgedEnds } from "./bridged-ends.ts";
import { cpusOf, machineOf } from "./machine.ts";

const config = new pulumi.Config();
const cpus = {
  ...{ generator: "2", lxc: "3", vhost: "4", e1000: "5" },
  ...config.getObject<Partial<Record<"generator" | "lxc" | "vhost" | "e1000", string>>>("cpus"),
};
const numaNode = config.getNumber("numaNode") ?? 1;
const connection = machineOf(config, {
  numaNodes: [
    { cpus: "0-1", memory: "2GiB" },
    { cpus: "2-5", memory: "2GiB" },
  ],
  igbCards: 0,
  bootArguments: ["isolcpus=managed_irq,domain,2-5", "nohz_full=2-5", "irqaffinity=0-1"],
});
const dut = new TunedHost("dut", {
  connection,
  cpus: cpusOf(config, { housekeeping: "0-1", isolated: "2-5" }),
});
const tool = new traffic.Tool("traffic", { host: dut.reference, name: "traffic" });

type Bridges = ReturnType<typeof bridgedEnds>["bridges"];

const guest =
  (vcpus: string, model: "virtio" | "e1000") =>
  (name: string, bridges: Bridges): ContainerVnf | TapVnf =>
    new TapVnf(name, {
      ...{ host: dut, vcpus, emulatorCpus: "0", memory: "256MiB", pageSize: "4KiB", numaNode },
      ...{ forwards: true },
      nics: {
        in: { kind: "bridge", bridge: bridges.in, model },
        out: { kind: "bridge", bridge: bridges.out, model },
      },
    });
const functions: Readonly<Record<string, (name: string, bridges: Bridges) => ContainerVnf | TapVnf>> = {
  lxc: (name, bridges) =>
    new ContainerVnf(name, {
      ...{ host: dut, cpus: cpus.lxc, numaNode, memory: "128MiB", forwards: true },
      nics: {
        in: { kind: "veth", bridge: bridges.in },
        out: { kind: "veth", bridge: bridges.out },
      },
    }),
  vhost: guest(cpus.vhost, "virtio"),
  e1000: guest(cpus.e1000, "e1000"),
};

const chains = Object.entries(functions).map(([name, make]) => {
  const { bridges, from, to } = bridgedEnds(dut, name);
  const vnf = make(`${name}-vnf`, bridges);
  const chain = new ServiceChain(name, { from, through: [vnf], to });
  return { name, chain, vnf };
});
// Nothing is measured while a guest boots beside it.
const after = chains.flatMap(({ chain }) => chain.ready);
const paths = chains.map(({ name, chain }) => {
  const run = new TrafficBenchmark(`${name}-frames`, {
    ...{ on: dut, tool, over: chain, cpus: cpus.generator, idle: "100us", hugepages: false, after },
    rate: config.getNumber("rate") ?? 200,
    count: config.getNumber("count") ?? 2000,
  });
  return [name, { run, drawing: chain.drawing, frames: run.frames, results: run.results }] as const;
});
const each = <K extends "drawing" | "frames" | "results">(key: K) =>
  Object.fromEntries(paths.map(([name, path]) => [name, path[key]]));

/** What each path crosses. */
export const drawings = each("drawing");
/** Frames sent, received and lost on each. */
export const frames = each("frames");
/** Latency of each, with its record. */
export const results = each("results");

const repetitions = config.getNumber("starts") ?? (config.get("connection") === undefined ? 1 : 10);
// A function that is started anew passes no frames meanwhile.
const measured = paths.map(([, { run }]) => run);
const startRuns = (repetitions === 0 ? [] : chains).map(
  ({ name, vnf }) => new BootTimeBenchmark(`${name}-start`, { of: vnf, repetitions, after: measured }),
);
const started = Object.fromEntries(
  startRuns.map(({ results }, index) => [chains[index]?.name ?? "", results] as const),
);
// An update of chosen targets leaves out what is not there yet.
const compared = pulumi
  .all(started)
  .apply((all) => startUps(Object.fromEntries(Object.entries(all).filter(([, each]) => each !== undefined))));
/** How long each takes to start, and its memory by then. */
export const starts = compared.rows;
/** For people: `pulumi stack output startUp`. */
export const startUp = compared.text;

const perCpu = config.getNumber("density") ?? 0;
const seek = (
  name: string,
  instances: DensityBenchmarkArgs["instances"],
  after: readonly pulumi.Resource[],
) =>
  new DensityBenchmark(`${name}-density`, {
    ...{ on: dut, instances, perCpu, after },
    latency: { limit: (config.get("densityLimit") ?? "1ms") as Duration },
    repetitions: config.get("connection") === undefined ? 1 : 6,
  });
const carriers: Record<string, DensityBenchmark> = {};
if (perCpu > 0) {
  const lxc = seek("lxc", { kind: "container", memory: "64MiB" }, [...measured, ...startRuns]);
  const kvm = seek("kvm", { kind: "guest", memory: "128MiB", numaNode }, [lxc]);
  Object.assign(carriers, { lxc, kvm });
}
const carried = pulumi
  .all(Object.fromEntries(Object.entries(carriers).map(([name, { record }]) => [name, record])))
  .apply((all) =>
    densities(Object.fromEntries(Object.entries(all).filter(([, each]) => each !== undefined))),
  );
/** How many of each the host carries, and what each takes; empty where it is not sought. */
export const instances = carried.rows;
/** For people: `pulumi stack output density`. */
export const density = carried.text;
