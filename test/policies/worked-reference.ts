import type { Declared } from "../../policies/testing.ts";
import { bootId } from "./testbed.ts";

const host = { name: "dut", connection: { kind: "local" } };
const cpus = Array.from({ length: 40 }, (_, cpu) => ({
  cpu,
  numaNode: Math.floor((cpu % 20) / 10),
  siblings: `${cpu % 20},${(cpu % 20) + 20}`,
}));

/**
 * Two sockets of ten cores with two threads each (sibling of n is n+20), a NIC on node 0, a switch on two whole cores and a guest of three vCPUs
 * whose siblings are idle: the testbed that the OVS documentation numbers its CPUs by.
 */
export function workedReference(
  changes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Declared[] {
  const declared: Declared[] = [
    {
      type: "nfvlab:components:TunedHost",
      name: "dut",
      props: { cpus: { housekeeping: "0,10-20,30-39", isolated: "1-9,21-29" }, reference: host },
    },
    {
      type: "nfvlab:host:Facts",
      name: "dut-facts",
      parent: "dut",
      props: {
        host,
        identity: { bootId, machineId: "m", emulated: false },
        kernel: { arguments: "quiet" },
        cpus,
        numaNodes: [
          {
            node: 0,
            memoryTotalKib: 64 * 1024 ** 2,
            hugepages: [{ size: "1GiB", total: 12, free: 12, surplus: 0 }],
          },
          { node: 1, memoryTotalKib: 64 * 1024 ** 2, hugepages: [] },
        ],
        nics: [{ address: "0000:05:00.0", numaNode: 0 }],
      },
    },
    {
      type: "nfvlab:ovs:Daemon",
      name: "br0-daemon",
      props: {
        ...{ host, pmdCpus: "8-9,28-29", lcoreCpus: "0" },
        ...{ socketMemory: { 0: "1GiB" }, socketLimit: { 0: "1GiB" } },
      },
    },
    {
      type: "nfvlab:ovs:Port",
      name: "br0-uplink",
      props: { host, bridge: "br0", name: "uplink", interface: { kind: "dpdk", devargs: "0000:05:00.0" } },
    },
    {
      type: "nfvlab:ovs:Port",
      name: "br0-vhu0",
      props: {
        host,
        bridge: "br0",
        name: "vhu0",
        interface: { kind: "dpdkvhostuserclient", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
      },
    },
    {
      type: "nfvlab:libvirt:Domain",
      name: "vnf1-domain",
      props: {
        host,
        name: "vnf1",
        memory: "8GiB",
        pageSize: "1GiB",
        numaNode: 0,
        vcpuPins: ["1", "2", "3"],
        emulatorCpus: "0,20",
        nics: { east: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/vhu0.sock" } },
      },
    },
  ];
  return declared.map((resource) => ({
    ...resource,
    props: { ...resource.props, ...changes[resource.name] },
  }));
}
