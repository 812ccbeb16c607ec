import * as pulumi from "@pulumi/pulumi";
import {
  OvsDpdkBridge,
  ServiceChain,
  type ServiceChainArgs,
  switchedEnd,
  TrafficBenchmark,
  TunedHost,
  VhostUserVnf,
} from "../components/index.ts";
import { traffic } from "../sdk/index.ts";
import { cpusOf, machineOf, switchMemory } from "./machine.ts";

/**
 * A machine with a switch in user space, a generator on two of its ports, and guests that forward between others: what the stacks of service chains have in common.
 *
 * Stands up an emulated server: node 0 keeps house, on node 1 CPU 2 polls, CPU 3 is the generator's, each guest has the next one. For a real host set `connection` as a secret
 * JSON, `housekeepingCpus`, `isolatedCpus` and their `numaNode`, of these `pmdCpus`, `generatorCpus`, and `vnfCpus` as a JSON list with those of each guest.
 */
export function switchedTestbed(guests: readonly string[]) {
  const config = new pulumi.Config();
  const last = 3 + guests.length;
  const isolated = `2-${last}`;
  const numaNode = config.getNumber("numaNode") ?? 1;
  const { socketMemory, pagesAside } = switchMemory(numaNode);
  const vnfCpus = config.getObject<string[]>("vnfCpus") ?? guests.map((_, index) => `${4 + index}`);
  const connection = machineOf(config, {
    numaNodes: [
      { cpus: "0-1", memory: "2GiB" },
      { cpus: isolated, memory: "3GiB" },
    ],
    igbCards: 0,
    bootArguments: [`isolcpus=managed_irq,domain,${isolated}`, `nohz_full=${isolated}`, "irqaffinity=0-1"],
  });
  const dut = new TunedHost("dut", {
    connection,
    cpus: cpusOf(config, { housekeeping: "0-1", isolated }),
    hugepages: [{ size: "2MiB", count: 384 + 128 * guests.length, numaNode }, ...pagesAside],
  });
  const bridge = new OvsDpdkBridge("br0", {
    ...{ host: dut, pmdCpus: config.get("pmdCpus") ?? "2", socketMemory },
    vhostUserPorts: ["gen0", "gen1", ...guests.flatMap((guest) => [`${guest}-in`, `${guest}-out`])],
    // What is emulated shares two processors: a thread that sleeps while nothing comes leaves them to the others. The daemon is up before its huge pages are.
    daemon: { restart: "allow", pmdSleepMax: "500us" },
  });
  const tool = new traffic.Tool("traffic", { host: dut.reference, name: "traffic" });
  const vnfs = guests.map(
    (name, index) =>
      new VhostUserVnf(name, {
        ...{ host: dut, vcpus: vnfCpus[index] ?? "", emulatorCpus: "0", numaNode, forwards: true },
        ...{ memory: "256MiB", pageSize: "2MiB" },
        nics: {
          in: { kind: "vhost-user", bridge, port: `${name}-in` },
          out: { kind: "vhost-user", bridge, port: `${name}-out` },
        },
      }),
  );
  const ends = {
    from: switchedEnd("generator", bridge, "gen0"),
    to: switchedEnd("sink", bridge, "gen1"),
  };

  /** A chain between the two ports of the generator, and frames through it. */
  const measure = (name: string, through: NonNullable<ServiceChainArgs["through"]>) => {
    const chain = new ServiceChain(name, { ...ends, through });
    const frames = new TrafficBenchmark(`${name}-frames`, {
      ...{ on: dut, tool, over: chain, cpus: config.get("generatorCpus") ?? "3", idle: "100us" },
      rate: config.getNumber("rate") ?? 500,
      count: config.getNumber("count") ?? 5000,
    });
    return {
      deployment: chain.deployment,
      drawing: chain.drawing,
      frames: frames.frames,
      results: frames.results,
    };
  };
  return { vnfs, measure };
}
