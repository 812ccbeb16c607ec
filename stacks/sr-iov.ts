/**
 * Frames from one virtual function of a card to another, by way of a guest that has two more: the card forwards between all of them, the host's kernel sees none. The guest's
 * kernel routes, since a virtual function takes no frames but its own.
 *
 * Stands up an emulated server. For a real host set `connection` as a secret JSON, `housekeepingCpus`, `isolatedCpus`, of these `generatorCpus` and `vnfCpus` with their
 * `numaNode`, and the card as `pf`. `rate` and `count` are of the frames.
 */
import * as pulumi from "@pulumi/pulumi";
import { ServiceChain, SriovVnf, TrafficBenchmark, TunedHost } from "../components/index.ts";
import { traffic } from "../sdk/index.ts";
import { cardEnds } from "./card-ends.ts";
import { cpusOf, machineOf } from "./machine.ts";

const config = new pulumi.Config();
const numaNode = config.getNumber("numaNode") ?? 0;
const connection = machineOf(config, {
  numaNodes: [{ cpus: "0-3", memory: "3GiB" }],
  igbCards: 1,
  bootArguments: ["isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "irqaffinity=0-1", "intel_iommu=on"],
});
const dut = new TunedHost("dut", {
  connection,
  cpus: cpusOf(config, { housekeeping: "0-1", isolated: "2-3" }),
  hugepages: [{ size: "2MiB", count: 192, numaNode }],
});
const tool = new traffic.Tool("traffic", { host: dut.reference, name: "traffic" });
const card = cardEnds(dut, { pf: config.get("pf"), numaNode });

const vnf = new SriovVnf("vnf", {
  ...{
    host: dut,
    vcpus: config.get("vnfCpus") ?? "3",
    emulatorCpus: "0",
    memory: "256MiB",
    pageSize: "2MiB",
    numaNode,
  },
  ...card.function,
});
const chain = new ServiceChain("sr-iov", {
  ...{ from: card.from, through: [vnf], to: card.to, directions: "forward" },
});
const run = new TrafficBenchmark("sr-iov-frames", {
  ...{ on: dut, tool, over: chain, cpus: config.get("generatorCpus") ?? "2", idle: "100us" },
  rate: config.getNumber("rate") ?? 200,
  count: config.getNumber("count") ?? 2000,
  addresses: card.addresses,
});

export const { deployment, drawing } = chain;
export const { frames, results } = run;
