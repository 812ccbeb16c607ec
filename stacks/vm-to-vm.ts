/**
 * Frames from one guest to another on the same host and back: by vhost-user and the switch in user space, by vhost-net and a bridge of the host's kernel, and by memory that both see
 * (ivshmem), where nobody forwards. One program sends and answers on all ways, so what differs is the way. Each round trip is timed by the sending guest; both count.
 *
 * Stands up an emulated server. For a real host set `connection` as a secret JSON, `housekeepingCpus`, `isolatedCpus` and their `numaNode`, of these `pmdCpus`, and `vnfCpus` as a JSON list
 * with those of each guest. `rate` and `count` are of the frames; `idle` is how long an end sleeps that finds nothing to do, `0us` on a host whose figures are to mean something.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  ExchangeBenchmark,
  type ExchangeBenchmarkArgs,
  OvsDpdkBridge,
  ServiceChain,
  TunedHost,
  VhostUserVnf,
} from "../components/index.ts";
import { net, traffic } from "../sdk/index.ts";
import { cpusOf, machineOf, switchMemory } from "./machine.ts";

const config = new pulumi.Config();
const numaNode = config.getNumber("numaNode") ?? 1;
const { socketMemory, pagesAside } = switchMemory(numaNode);
const vnfCpus = config.getObject<string[]>("vnfCpus") ?? ["3", "4"];
const connection = machineOf(config, {
  numaNodes: [
    { cpus: "0-1", memory: "2GiB" },
    { cpus: "2-4", memory: "3GiB" },
  ],
  igbCards: 0,
  bootArguments: ["isolcpus=managed_irq,domain,2-4", "nohz_full=2-4", "irqaffinity=0-1"],
});
const dut = new TunedHost("dut", {
  connection,
  cpus: cpusOf(config, { housekeeping: "0-1", isolated: "2-4" }),
  hugepages: [{ size: "2MiB", count: 512, numaNode }, ...pagesAside],
});
const names = ["east", "west"] as const;
const bridge = new OvsDpdkBridge("br0", {
  ...{ host: dut, pmdCpus: config.get("pmdCpus") ?? "2", socketMemory },
  vhostUserPorts: [...names],
  daemon: { restart: "allow", pmdSleepMax: "500us" },
});
const lan = new net.LinuxBridge("lan", { host: dut.reference, name: "lan0" });
const program = new traffic.Tool("exchange", { host: dut.reference, name: "exchange", program: "exchange" });
const [east, west] = names.map(
  (name, index) =>
    new VhostUserVnf(name, {
      ...{ host: dut, vcpus: vnfCpus[index] ?? "", emulatorCpus: "0", numaNode },
      ...{ memory: "256MiB", pageSize: "2MiB", programs: [program.path] },
      nics: {
        switched: { kind: "vhost-user", bridge, port: name },
        bridged: { kind: "bridge", bridge: lan },
      },
      sharedMemory: { ring: { kind: "ivshmem-plain", size: "4MiB" } },
    }),
) as [VhostUserVnf, VhostUserVnf];

// Nothing is measured while a guest boots beside it.
const after = [east.domain, west.domain];
const ways = { "vhost-user": "switched", "vhost-net": "bridged", ivshmem: "ring" } as const;
const paths = Object.entries(ways).map(([name, nic]) => {
  const chain = new ServiceChain(name, { from: { vnf: east, nic }, to: { vnf: west, nic } });
  const run = new ExchangeBenchmark(`${name}-frames`, {
    ...{ over: chain, after, idle: (config.get("idle") ?? "200us") as ExchangeBenchmarkArgs["idle"] },
    rate: config.getNumber("rate") ?? 200,
    count: config.getNumber("count") ?? 2000,
  });
  const { deployment, drawing } = chain;
  return [name, { deployment, drawing, frames: run.frames, results: run.results }] as const;
});
const each = <K extends "deployment" | "drawing" | "frames" | "results">(key: K) =>
  Object.fromEntries(paths.map(([name, path]) => [name, path[key]]));

/** What each path crosses. */
export const drawings = each("drawing");
/** Frames there and back on each, sent, received and lost. */
export const frames = each("frames");
/** Round trips of each, with their record. */
export const results = each("results");
/** VM2VM, all of them. */
export const deployments = each("deployment");
