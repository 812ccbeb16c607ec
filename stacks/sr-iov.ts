/**
 * Frames from one virtual function of a card to another, by way of a guest that has two more: the card forwards between all of them, the host's kernel sees none. The guest's
 * kernel routes, since a virtual function takes no frames but its own.
 *
 * Stands up an emulated server. For a real host set `connection` as a secret JSON, `housekeepingCpus`, `isolatedCpus`, of these `generatorCpus` and `vnfCpus` with their
 * `numaNode`, and the card as `pf`. `rate` and `count` are of the frames.
 */
import * as pulumi from "@pulumi/pulumi";
import { functionEnd, ServiceChain, SriovVnf, TrafficBenchmark, TunedHost } from "../components/index.ts";
import { pci, traffic } from "../sdk/index.ts";
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
const host = dut.reference;
const tool = new traffic.Tool("traffic", { host, name: "traffic" });

// The first card with virtual functions where the memory is, where none is named: DPDK takes a port's rings from the port's own NUMA node.
const pf =
  config.get("pf") ??
  dut.facts.nics.apply((nics) => {
    const cards = nics.filter(({ virtualFunctions }) => virtualFunctions !== undefined);
    return (cards.find((card) => card.numaNode === numaNode) ?? cards[0])?.address ?? "none";
  });
const roles = ["generator", "vnf-in", "vnf-out", "sink"] as const;
type Role = (typeof roles)[number];
const macs: Readonly<Record<Role, string>> = {
  generator: "02:00:00:00:10:00",
  "vnf-in": "02:00:00:00:10:01",
  "vnf-out": "02:00:00:00:10:02",
  sink: "02:00:00:00:10:03",
};
const card = new pci.VirtualFunctions("card", {
  host,
  pf,
  count: roles.length,
  driversAutoprobe: false,
  up: true,
});
const functionOf = (role: Role) =>
  new pci.VirtualFunction(role, {
    host,
    pf: card.pf,
    vf: roles.indexOf(role),
    mac: macs[role],
    spoofCheck: true,
  });
const end = (role: "generator" | "sink") => {
  const { address } = functionOf(role);
  return functionEnd(
    role,
    "card",
    new pci.DriverBinding(`${role}-driver`, { host, address, driver: "vfio-pci" }),
  );
};

const vnf = new SriovVnf("vnf", {
  ...{
    host: dut,
    vcpus: config.get("vnfCpus") ?? "3",
    emulatorCpus: "0",
    memory: "256MiB",
    pageSize: "2MiB",
    numaNode,
  },
  nics: {
    in: { kind: "sr-iov", vf: functionOf("vnf-in"), card: "card", mac: macs["vnf-in"] },
    out: { kind: "sr-iov", vf: functionOf("vnf-out"), card: "card", mac: macs["vnf-out"] },
  },
  routes: [{ nic: "out", to: "198.18.0.2", nextHop: macs.sink }],
});
const chain = new ServiceChain("sr-iov", {
  ...{ from: end("generator"), through: [vnf], to: end("sink"), directions: "forward" },
});
const run = new TrafficBenchmark("sr-iov-frames", {
  ...{ on: dut, tool, over: chain, cpus: config.get("generatorCpus") ?? "2", idle: "100us" },
  rate: config.getNumber("rate") ?? 200,
  count: config.getNumber("count") ?? 2000,
  addresses: { toMac: macs["vnf-in"] },
});

export const { deployment, drawing } = chain;
export const { frames, results } = run;
