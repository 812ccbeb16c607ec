import { type Declared, type PolicyCases, unknown } from "../../policies/testing.ts";
import { dut, nothing, on, type Props, real, timed } from "./case.ts";
import { benchmark, testbed } from "./testbed.ts";

const functions = [0, 1, 2].map((index) => ({
  index,
  address: `0000:05:10.${index}`,
  iommuGroup: 20 + index,
  interface: null,
}));
const card = (iommuGroup?: number): Declared =>
  on("pci:VirtualFunctions", "card", {
    pf: "0000:05:00.0",
    count: 3,
    functions: functions.map((each) => ({ ...each, ...(iommuGroup !== undefined && { iommuGroup }) })),
  });
const passed = (name: string, nic: Props): Declared =>
  on("libvirt:Domain", `${name}-domain`, { name, vcpuPins: [], nics: { west: nic } });
const east = passed("east", { kind: "sr-iov", vf: "0000:05:10.0", mac: "52:54:00:00:00:01" });
const west = passed("west", { kind: "sr-iov", vf: "0000:05:10.1", mac: "52:54:00:00:00:02" });
const vf = (props: Props) => on("pci:VirtualFunction", "vf0", { pf: "0000:05:00.0", vf: 0, ...props });

const sharing = (name: string): Declared =>
  on("libvirt:Domain", `${name}-domain`, {
    name,
    vcpuPins: [],
    sharedMemory: { ring: { kind: "ivshmem-plain" } },
  });
const tenants = [
  { name: "blue", guests: ["blue-*"] },
  { name: "red", guests: ["red-*"] },
];
const traffic = (props: Props = {}): Declared =>
  on("bench:Traffic", "frames-run", {
    generator: { kind: "nfvlab", cpus: "4-5" },
    from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/gen0.sock" },
    ...props,
  });
const iommuOf = (driver: unknown) =>
  on("pci:DriverBinding", "card-driver", { address: "0000:05:00.1", driver, iommuGroup: 7 });

const carrying = {
  "dut-facts": {
    protectedFunctions: {
      "0000:05:00.0": [
        "carries the SSH session from 198.51.100.7 (eth0)",
        "carries the default route (eth0)",
      ],
      "0000:06:00.0": ["its virtual function 0000:06:10.0 carries the address 198.51.100.5/24 (eth1)"],
      "0000:07:00.0": ["holds the file system at /"],
    },
  },
};

/** Cases of policies on memory, cards, sockets and the switch. */
export const casesOfDevices: Readonly<Record<string, PolicyCases>> = {
  "devices-behind-iommu": {
    violates: {
      stack: real(
        { "dut-facts": { nics: [{ address: "0000:06:00.0", numaNode: 0, driver: "igb_uio" }] } },
        iommuOf("uio_pci_generic"),
        {
          ...iommuOf("vfio-pci"),
          name: "other-driver",
          props: { host: dut, driver: "vfio-pci", iommuGroup: null },
        },
        on("host:ModuleParameters", "vfio", {
          module: "vfio",
          parameters: { enable_unsafe_noiommu_mode: true },
        }),
        on("host:BootArguments", "boot", {
          arguments: { extra: { "vfio.enable_unsafe_noiommu_mode": "1" } },
        }),
      ),
    },
    passes: { stack: real({}, iommuOf("vfio-pci")) },
    notApplicable: nothing,
    unknown: { stack: real({}, iommuOf(unknown)) },
  },
  "vhost-sockets-private": {
    violates: {
      stack: real({
        "vnf1-domain": { nics: { east: { kind: "vhost-user", socketPath: "/tmp/vhu0.sock" } } },
      }),
    },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: {
      stack: real({ "br0-vhu0": { interface: { kind: "dpdkvhostuserclient", socketPath: unknown } } }),
    },
  },
  "trusted-function-alone": {
    violates: { stack: real({}, card(), vf({ trust: true }), east, west) },
    passes: {
      stack: real(
        { "br0-uplink": { interface: { kind: "dpdk", devargs: "0000:06:00.0" } } },
        card(),
        vf({ trust: true }),
        east,
      ),
    },
    notApplicable: { stack: real({}, card(), east) },
    unknown: { stack: real({}, card(), vf({ trust: unknown }), east) },
  },
  "shared-card-checked": {
    violates: { stack: real({}, card(), vf({ spoofCheck: false }), east, west) },
    passes: { stack: real({}, card(), east, west) },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, card(), vf({ spoofCheck: unknown }), east, west) },
  },
  "management-untouched": {
    violates: {
      stack: real(
        carrying,
        on("pci:DriverBinding", "card-driver", { address: "0000:05:00.0", driver: "vfio-pci" }),
        on("pci:VirtualFunctions", "card", { pf: "0000:06:00.0", count: 2 }),
        on("libvirt:Domain", "disks-domain", {
          ...{ name: "disks", vcpuPins: [] },
          nics: { nvme: { kind: "pci", device: "0000:07:00.0" } },
        }),
      ),
    },
    passes: {
      stack: real(
        carrying,
        on("pci:DriverBinding", "card-driver", {
          address: "0000:05:00.1",
          driver: "vfio-pci",
          iommuGroup: 7,
        }),
      ),
    },
    notApplicable: nothing,
    unknown: {
      stack: real(
        { "dut-facts": { protectedFunctions: unknown } },
        on("pci:DriverBinding", "card-driver", {
          address: "0000:05:00.1",
          driver: "vfio-pci",
          iommuGroup: 7,
        }),
      ),
    },
  },
  "one-tenant-per-iommu-group": {
    violates: {
      stack: real(
        {
          "dut-facts": {
            nics: [{ address: "0000:05:00.0", numaNode: 0, iommuGroup: 3 }],
            kernel: { arguments: "pcie_acs_override=downstream" },
          },
        },
        card(20),
        east,
        west,
      ),
    },
    passes: {
      stack: real(
        { "dut-facts": { nics: [{ address: "0000:05:00.0", numaNode: 0, iommuGroup: 3 }] } },
        card(),
        east,
        west,
      ),
    },
    notApplicable: nothing,
    unknown: { stack: real({}, passed("east", { kind: "sr-iov", vf: unknown }), west) },
  },
  "hugepages-sufficient": {
    violates: { stack: real({ "vnf1-domain": { memory: "13GiB" } }) },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "vnf1-domain": { memory: unknown } }) },
  },
  "switch-memory-limited": {
    violates: {
      stack: real(
        { "br0-daemon": { socketLimit: undefined } },
        on("lxc:Container", "c", { name: "c", cpus: "4", hugepages: true }),
        on("traffic:Forwarder", "fwd", { cpus: "5", ports: [{ kind: "ring" }] }),
        traffic({ generator: { kind: "nfvlab", cpus: "6" } }),
      ),
    },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "br0-daemon": { socketLimit: unknown } }) },
  },
  "memory-left-for-system": {
    violates: { stack: real({}, on("host:Hugepages", "pool", { numaNode: 0, size: "1GiB", count: 60 })) },
    passes: { stack: real({}, on("host:Hugepages", "pool", { numaNode: 0, size: "1GiB", count: 12 })) },
    notApplicable: { stack: testbed() },
    unknown: {
      stack: real(
        { "dut-facts": { numaNodes: [{ node: 0, hugepages: [] }] } },
        on("host:Hugepages", "pool", { numaNode: 0, size: "1GiB", count: 12 }),
      ),
    },
  },
  "vhost-user-on-hugepages": {
    violates: {
      stack: real(
        { "vnf1-domain": { pageSize: "4KiB" } },
        on("traffic:Forwarder", "fwd", {
          cpus: "4",
          hugepages: false,
          ports: [{ kind: "virtio-user", socketPath: "/run/a.sock" }],
        }),
        traffic({ generator: { kind: "nfvlab", cpus: "5", hugepages: false } }),
      ),
    },
    passes: {
      stack: real(
        {},
        on("traffic:Forwarder", "fwd", { cpus: "4", hugepages: false, ports: [{ kind: "ring" }] }),
      ),
    },
    notApplicable: nothing,
    unknown: { stack: real({ "vnf1-domain": { pageSize: unknown } }) },
  },
  "vhost-ends-meet": {
    violates: {
      stack: real(
        {
          "vnf1-domain": {
            nics: { east: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/vhu0.sock", mode: "client" } },
          },
        },
        on("libvirt:Domain", "lost-domain", {
          name: "lost",
          vcpuPins: [],
          nics: { in: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/lost.sock" } },
        }),
      ),
    },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "br0-vhu0": { interface: unknown } }) },
  },
  "no-vhost-server-ports": {
    violates: {
      stack: real(
        {},
        on("ovs:Port", "br0-old", { bridge: "br0", name: "old", interface: { kind: "dpdkvhostuser" } }),
      ),
    },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "br0-vhu0": { interface: unknown } }) },
  },
  "switch-options-agree": {
    violates: {
      stack: real({
        "br0-daemon": {
          ...{ rxqAssign: "roundrobin", autoLoadBalance: true, rxqIsolate: false },
          ...{ hardwareOffload: true, pmdSleepMaxOf: { 7: "0us" } },
        },
        "br0-uplink": {
          interface: { kind: "dpdk", devargs: "0000:05:00.0", rxSteering: "rss+lacp", rxqAffinity: { 0: 7 } },
        },
      }),
    },
    passes: {
      stack: real({ "br0-daemon": { rxqAssign: "group", autoLoadBalance: true, rxqIsolate: false } }),
    },
    notApplicable: nothing,
    unknown: { stack: real({ "br0-daemon": { rxqAssign: unknown, rxqIsolate: false } }) },
  },
  "switch-steady": {
    violates: {
      stack: real(
        {
          "br0-daemon": {
            autoLoadBalance: true,
            pmdSleepMax: "100us",
            pmdSleepMaxOf: { 8: "10us" },
            txFlushInterval: "50us",
          },
          "br0-uplink": {
            ingressPolicing: { rate: 1000 },
            egressPolicer: { kind: "egress-policer", cir: 46000000, cbs: 2048 },
          },
        },
        timed(),
      ),
    },
    passes: { stack: real({ "br0-daemon": { autoLoadBalance: false, pmdSleepMax: "0us" } }, timed()) },
    notApplicable: {
      stack: testbed({ daemon: { pmdSleepMax: "500us" }, more: [benchmark({ functional: true })] }),
    },
    unknown: { stack: real({ "br0-daemon": { pmdSleepMax: unknown } }, timed()) },
  },
  "shared-memory-one-tenant": {
    violates: { stack: real({}, sharing("blue-1"), sharing("red-1")), config: { tenants } },
    passes: { stack: real({}, sharing("blue-1"), sharing("blue-2")), config: { tenants } },
    notApplicable: { stack: real({}, sharing("blue-1"), sharing("red-1")) },
    unknown: {
      stack: real(
        {},
        sharing("blue-1"),
        on("libvirt:Domain", "red-domain", { name: "red-1", vcpuPins: [], sharedMemory: unknown }),
      ),
      config: { tenants },
    },
  },
  "migratable-guest": {
    violates: {
      stack: real({
        "vnf1-domain": {
          cpu: { migratable: true },
          nics: { west: { kind: "sr-iov", vf: "0000:05:10.0" } },
          sharedMemory: { ring: { kind: "ivshmem-plain" } },
          disks: { vda: { path: "/var/lib/disk.qcow2" } },
        },
      }),
    },
    passes: { stack: real({ "vnf1-domain": { cpu: { migratable: true } } }) },
    notApplicable: { stack: real() },
    unknown: { stack: real({ "vnf1-domain": { cpu: { migratable: true }, nics: unknown } }) },
  },
  "generator-apart": {
    violates: { stack: real({}, traffic()) },
    passes: {
      stack: real({}, { ...traffic(), props: { ...traffic().props, host: { ...dut, name: "tester" } } }),
    },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, { ...traffic(), props: { ...traffic().props, host: unknown } }) },
  },
};
