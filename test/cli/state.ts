import type { StateResource } from "../../sdk/cli/state-resource.ts";
import { metricOf, type Repetition } from "../../sdk/measure/metric.ts";
import type { Fingerprint, ResultRecord } from "../../sdk/schema/record.ts";

/** A secret as an export without --show-secrets has it. */
const secret = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "v1:wJ1CTxAqbgxFII/X:FzyqLAVkp1FisfNj1G3IIyqzFabRhZ",
};

export const urn = (type: string, name: string) => `urn:pulumi:rack::lab::${type}::${name}`;

function resource(
  type: string,
  name: string,
  id: string,
  outputs: Readonly<Record<string, unknown>>,
): StateResource {
  return { urn: urn(type, name), type, id, outputs: { host: secret, ...outputs } };
}

const fingerprint: Fingerprint = {
  hash: "5c1fe0b7",
  bootId: "0f6a4f5e",
  machineId: "70df13dd",
  firmware: "",
  kernel: "6.12.48",
  kernelArguments: "isolcpus=2-3",
  onlineCpus: "0-3",
  isolatedCpus: "2-3",
  nohzFullCpus: "2-3",
  simultaneousMultithreading: true,
  clocksource: "tsc",
  cpuModel: "Xeon",
  microcode: null,
  settings: { "/proc/sys/vm/swappiness": "60" },
  hugepages: { "node1/2MiB": 512 },
  nics: {},
  versions: { ovs: "3.5.0" },
  switchState: "answering",
  switchOptions: {},
  switchPorts: {},
  guests: {},
  declared: {},
};

export function recordOf(
  repetitions: readonly Repetition[],
  changes: Partial<ResultRecord> = {},
): ResultRecord {
  return {
    schema: "nfvlab/record/1",
    kind: "cyclictest",
    subject: "dut, CPUs 2-3",
    metrics: [metricOf({ name: "host.timer.latency", unit: "ns", direction: "lower" }, repetitions)],
    fingerprint,
    tool: { command: ["cyclictest", "--quiet"], version: "cyclictest 2.60" },
    startedAt: "2026-03-02T08:14:07.120Z",
    durationMs: 60_000,
    functional: false,
    valid: true,
    invalidReasons: [],
    ...changes,
  };
}

export function benchmark(record: unknown, name = "host-timers"): StateResource {
  return resource("nfvlab:bench:Cyclictest", `${name}-run`, `dut/bench/${name}`, { name, record });
}

export function hostFacts(name: string): StateResource {
  return resource("nfvlab:host:Facts", `${name}-facts`, `${name}/facts`, {
    identity: { emulated: false, bootId: "0f6a4f5e" },
    cpuModel: "Xeon",
    kernel: { release: "6.12.48" },
    numaNodes: [
      { node: 0, cpus: "0-1" },
      { node: 1, cpus: "2-3" },
      { node: 2, cpus: "" },
    ],
    cpus: [0, 1, 2, 3].map((cpu) => ({ cpu, core: cpu % 2 })),
  });
}

/** A small stack: a machine with a switch and a guest. Of the second machine only the facts are there, and ports of the same names. */
export const resources: readonly StateResource[] = [
  { urn: urn("pulumi:pulumi:Stack", "lab-rack"), type: "pulumi:pulumi:Stack" },
  {
    urn: urn("nfvlab:components:TunedHost", "dut"),
    type: "nfvlab:components:TunedHost",
    outputs: { cpus: { housekeeping: "0", isolated: "1-3" }, reference: secret },
  },
  hostFacts("dut"),
  hostFacts("peer"),
  resource("nfvlab:host:Hugepages", "dut-hugepages-node1-2MiB", "dut/node1/2MiB", {
    numaNode: 1,
    size: "2MiB",
    count: 512,
  }),
  resource("nfvlab:ovs:Daemon", "br0-daemon", "dut/ovs", { pmdCpus: "2" }),
  resource("nfvlab:ovs:Bridge", "br0-bridge", "dut/ovs/br0", { name: "br0", addresses: ["198.18.0.1/24"] }),
  resource("nfvlab:ovs:Port", "br0-vhu0", "dut/ovs/br0/vhu0", {
    bridge: "br0",
    name: "vhu0",
    up: true,
    interface: { kind: "dpdkvhostuserclient", socketPath: "/run/vhu0.sock" },
  }),
  resource("nfvlab:ovs:Port", "br0-uplink", "dut/ovs/br0/uplink", {
    bridge: "br0",
    name: "uplink",
    up: false,
    interface: { kind: "dpdk", devargs: "0000:5e:00.0" },
  }),
  resource("nfvlab:ovs:Port", "peer-vhu0", "peer/ovs/br0/vhu0", {
    bridge: "br0",
    name: "elsewhere",
    up: true,
    interface: { kind: "tap" },
  }),
  resource("nfvlab:libvirt:Domain", "vnf-domain", "dut/libvirt/vnf", {
    name: "vnf",
    memory: "256MiB",
    numaNode: 1,
    vcpuPins: ["3"],
    running: true,
    nics: { east: { kind: "vhost-user", socketPath: "/run/vhu0.sock", address: "198.18.0.2/24" } },
  }),
  {
    ...resource("nfvlab:ovs:Bridge", "old-bridge", "dut/ovs/br9", { name: "br9" }),
    delete: true,
  },
];
