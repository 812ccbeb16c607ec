/**
 * The testbed that needs no hardware: an emulated server with two NUMA nodes, a switch in user space, a guest behind it, and three numbers.
 *
 * Node 0 keeps house; everything that is measured lives on node 1, where CPU 2 polls and CPU 3 is the guest's.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  CyclictestBenchmark,
  EmulatedServer,
  LatencyBenchmark,
  OvsDpdkBridge,
  TunedHost,
  VhostUserVnf,
} from "../components/index.ts";

/**
 * Who runs where. Change it and look at the preview: `pulumi config set vcpus 1` puts the guest's vCPU on the other node, and a policy says what is wrong with
 * that before anything is touched.
 */
const config = new pulumi.Config();
const placement = {
  pmdCpus: config.get("pmdCpus") ?? "2",
  vcpus: config.get("vcpus") ?? "3",
  emulatorCpus: config.get("emulatorCpus") ?? "0",
  numaNode: config.getNumber("numaNode") ?? 1,
};

const machine = new EmulatedServer("dut-machine", {
  numaNodes: [
    { cpus: "0-1", memory: "2GiB" },
    { cpus: "2-3", memory: "3GiB" },
  ],
  bootArguments: ["isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "rcu_nocbs=2-3", "irqaffinity=0-1"],
});

const dut = new TunedHost("dut", {
  connection: machine,
  cpus: { housekeeping: "0-1", isolated: "2-3" },
  hugepages: [{ size: "2MiB", count: 512, numaNode: 1 }],
});

// What is emulated wakes up late, and a wake-up later than the next one's time would be lost: hence the long intervals.
// So few of them tell what nine in ten do not exceed, and nothing rarer.
const timing = { interval: "500ms", duration: "20s", percentile: "90" } as const;

// Before anything polls: an idle host's own latency.
const hostTimers = new CyclictestBenchmark("host-timers", { on: dut, ...timing });

const bridge = new OvsDpdkBridge(
  "br0",
  {
    host: dut,
    pmdCpus: placement.pmdCpus,
    socketMemory: { 1: "256MiB" },
    addresses: ["198.18.0.1/24"],
    vhostUserPorts: ["vhu0"],
    flows: ["in_port=1,actions=LOCAL", "in_port=LOCAL,actions=output:1"],
    // After a boot of the machine the daemon is up before its huge pages are.
    daemon: { restart: "allow" },
  },
  // A measurement wants the machine for itself.
  { dependsOn: hostTimers },
);

const vnf = new VhostUserVnf("vnf", {
  host: dut,
  vcpus: placement.vcpus,
  emulatorCpus: placement.emulatorCpus,
  memory: "256MiB",
  pageSize: "2MiB",
  numaNode: placement.numaNode,
  nics: { east: { kind: "vhost-user", bridge, port: "vhu0", address: "198.18.0.2/24" } },
});

const guestTimers = new CyclictestBenchmark("guest-timers", { on: vnf, ...timing });
const roundTrip = new LatencyBenchmark("vnf-to-bridge", {
  from: vnf,
  to: "198.18.0.1",
  ...{ interval: "150ms", count: 40, percentile: "90" },
  after: [guestTimers],
});

export const results = {
  hostTimers: hostTimers.results,
  guestTimers: guestTimers.results,
  roundTrip: roundTrip.results,
};
