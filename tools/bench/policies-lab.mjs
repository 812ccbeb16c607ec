/** Resources of one host: the machine and its tuning, a switch with two cards, guests on two nodes, functions of a third card, containers, records. */
export const RESOURCES_A_HOST = 100;

const CORES = 32;
const GUESTS = 12;
const FUNCTIONS = 8;

/** A testbed of many resources as a state has them, without a mistake: hosts, switches, guests, functions of cards, records. */
export function labOf(resources) {
  const hosts = Math.ceil(resources / RESOURCES_A_HOST);
  return Array.from({ length: hosts }, (_, index) => hostOf(`dut${index}`))
    .flat()
    .slice(0, resources);
}

/** Two nodes of 16 cores with two threads; a core of each keeps house, one of each polls, and every guest has a core of its own. */
function hostOf(name) {
  const reference = { name, connection: { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA" } };
  const on = (type, role, props) => ({
    type: `nfvlab:${type}`,
    name: `${name}-${role}`,
    parent: name,
    props: { host: reference, ...props },
  });
  const house = "0,16,32,48";
  const isolated = "1-15,17-31,33-47,49-63";
  const list = (length, make) => Array.from({ length }, (_, index) => make(index));
  const guests = list(GUESTS, (index) => {
    const node = index % 2;
    // Cores 2 to 8 of the node: core 1 polls.
    const core = 16 * node + 2 + Math.floor(index / 2);
    return { index, node, core, title: `vnf${index}` };
  });
  const socket = ({ title }, side) => `/run/nfvlab-vhost/${title}-${side}.sock`;
  return [
    {
      type: "nfvlab:components:TunedHost",
      name,
      props: { cpus: { housekeeping: house, isolated }, reference },
    },
    on("host:Facts", "facts", factsOf()),
    ...[0, 1].map((node) =>
      on("host:Hugepages", `pool${node}`, { numaNode: node, size: "1GiB", count: 30, written: 30 }),
    ),
    on("host:BootArguments", "boot", {
      arguments: { isolcpus: { cpus: isolated }, nohzFull: isolated, rcuNocbs: isolated },
      pending: [],
    }),
    on("host:Reboot", "reboot", { bootId: BOOT, rolledBack: false, verified: true }),
    on("host:IrqAffinity", "irqs", { cpus: house, defaultCpus: house }),
    on("host:Workqueues", "work", { cpus: house, writebackCpus: house }),
    on("host:SystemdCpus", "services", { cpuAffinity: house, allowedCpus: { system: house, user: house } }),
    on("host:KernelThreads", "threads", { threads: { ksoftirqd: { policy: "fifo", priority: 2 } } }),
    on("host:Sysctls", "sysctls", { values: { "vm.stat_interval": 10, "kernel.numa_balancing": 0 } }),
    on("host:CpuIdle", "idle", { cpus: isolated, resumeLatency: "0us" }),
    on("host:MemoryManagement", "memory", { transparentHugepages: "never", ksm: false }),
    on("ovs:Daemon", "daemon", {
      pmdCpus: "1,17,33,49",
      lcoreCpus: "0",
      socketMemory: { 0: "2GiB", 1: "2GiB" },
      socketLimit: { 0: "2GiB", 1: "2GiB" },
      initialized: true,
    }),
    on("ovs:Bridge", "br0", { name: "br0", datapath: "netdev" }),
    ...[0, 1].map((card) =>
      on("ovs:Port", `uplink${card}`, {
        ...{ bridge: `up${card}`, name: `uplink${card}`, ofport: card + 1, up: true },
        interface: { kind: "dpdk", devargs: `0000:${card === 0 ? "05" : "85"}:00.0` },
      }),
    ),
    ...guests.flatMap((guest) =>
      ["east", "west"].map((side) =>
        on("ovs:Port", `${guest.title}-${side}`, {
          ...{ bridge: "br0", name: `${guest.title}-${side}`, ofport: 10 + guest.index, up: true },
          interface: { kind: "dpdkvhostuserclient", socketPath: socket(guest, side) },
        }),
      ),
    ),
    ...guests.map((guest) =>
      on("ovs:Flows", `${guest.title}-flows`, {
        ...{ bridge: "br0", name: guest.title },
        flows: [{ match: `in_port=${guest.title}-east`, actions: `${guest.title}-west` }],
      }),
    ),
    ...guests.map((guest) =>
      on("libvirt:Domain", `${guest.title}-domain`, {
        ...{ name: guest.title, memory: "4GiB", pageSize: "1GiB", numaNode: guest.node },
        vcpuPins: [`${guest.core}`, `${guest.core + CORES}`],
        emulatorCpus: house,
        nics: {
          east: { kind: "vhost-user", socketPath: socket(guest, "east"), mac: "52:54:00:00:00:01" },
          west: { kind: "vhost-user", socketPath: socket(guest, "west"), mac: "52:54:00:00:00:02" },
          ...(guest.index < FUNCTIONS && {
            direct: { kind: "sr-iov", vf: functionAt(guest.index), mac: "52:54:00:00:00:03" },
          }),
        },
      }),
    ),
    on("pci:VirtualFunctions", "card", {
      ...{ pf: "0000:06:00.0", count: FUNCTIONS },
      functions: list(FUNCTIONS, (index) => ({
        ...{ index, address: functionAt(index), iommuGroup: 60 + index, interface: null },
      })),
    }),
    ...list(FUNCTIONS, (vf) =>
      on("pci:VirtualFunction", `vf${vf}`, {
        ...{ pf: "0000:06:00.0", vf, address: functionAt(vf) },
        ...{ trust: false, spoofCheck: true, vlan: 100 + vf },
      }),
    ),
    ...list(4, (index) => on("lxc:Container", `box${index}`, { name: `box${index}`, cpus: `${9 + index}` })),
    ...list(9, (index) => {
      const run = list(5, () => ({ samples: 2e5, min: 2000, median: 4000, max: 9000 }));
      return on("bench:Cyclictest", `timers${index}`, {
        subject: { kind: "guest", domain: `vnf${index}`, cpus: "1" },
        record: {
          ...{ kind: "cyclictest", subject: `guest vnf${index} CPU 1`, tool: { version: "cyclictest 2.80" } },
          ...{ startedAt: "2026-11-21T08:00:00Z", functional: false, valid: true, invalidReasons: [] },
          fingerprint: fingerprintOf(isolated),
          metrics: [
            {
              ...{ name: "guest.timer.latency", unit: "ns", direction: "lower", samples: 1e6 },
              ...{ min: 2000, mean: 4100, max: 9000, repetitions: run },
              percentiles: { 50: 4000, 90: 5000, 99: 7000, 99.9: 8000, 99.99: 8500, 99.999: 8900 },
              interval95: { low: 3990, high: 4010, method: "order-statistics" },
            },
          ],
        },
      });
    }),
    ...list(11, (index) => ({
      type: "command:remote:Command",
      name: `${name}-step${index}`,
      props: { connection: { host: "10.0.0.7" }, create: "install -d /srv/captures", stdout: "" },
    })),
  ];
}

const BOOT = "11111111-1111-4111-8111-111111111111";

function functionAt(index) {
  return `0000:06:10.${index}`;
}

function factsOf() {
  const cpus = Array.from({ length: 2 * CORES }, (_, cpu) => ({
    ...{ cpu, online: true, package: Math.floor((cpu % CORES) / 16), core: cpu % CORES },
    numaNode: Math.floor((cpu % CORES) / 16),
    siblings: `${cpu % CORES},${(cpu % CORES) + CORES}`,
    ...{ lastLevelCache: "0-63", governor: "performance", maxFrequencyKhz: 3_000_000 },
  }));
  return {
    identity: { bootId: BOOT, machineId: "m", emulated: false },
    kernel: { arguments: "quiet", isolatedCpus: "", nohzFullCpus: "", clocksource: "tsc" },
    cpus,
    numaNodes: [0, 1].map((node) => ({
      ...{ node, memoryTotalKib: 128 * 1024 ** 2 },
      hugepages: [{ size: "1GiB", total: 30, free: 30, surplus: 0 }],
    })),
    nics: [
      { address: "0000:05:00.0", numaNode: 0, driver: "vfio-pci", iommuGroup: 3 },
      { address: "0000:85:00.0", numaNode: 1, driver: "vfio-pci", iommuGroup: 4 },
    ],
  };
}

function fingerprintOf(isolated) {
  return {
    ...{ bootId: BOOT, machineId: "m", hash: "aaaaaaaaaaaaaaaa", clocksource: "tsc" },
    ...{ isolatedCpus: isolated, nohzFullCpus: isolated, kernelArguments: `isolcpus=${isolated}` },
    settings: {
      "/sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]",
      "/sys/kernel/mm/ksm/run": "0",
      "/proc/sys/kernel/numa_balancing": "0",
    },
  };
}
