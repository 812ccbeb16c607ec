import { on, realtime } from "./case.ts";
import { added, changed, row, type WrongProgram } from "./wrong-program.ts";

/** Mistakes about who runs where, and with which memory. */
export const wrongCpus: readonly WrongProgram[] = [
  changed("a mask that takes CPU 0 from the system", "housekeeping-on-every-node", "dut", {
    cpus: { housekeeping: "10-20,30-39", isolated: "1-9,21-29" },
  }),
  changed("a whole socket isolated", "housekeeping-on-every-node", "dut", {
    cpus: { housekeeping: "0,20", isolated: "1-19,21-39" },
  }),
  changed("a vCPU on the CPU of a poll-mode thread", "exclusive-cpus", "vnf1-domain", { vcpuPins: ["8"] }),
  changed("main threads of the switch where it polls", "exclusive-cpus", "br0-daemon", { lcoreCpus: "8" }),
  added(
    "a container on a vCPU",
    "exclusive-cpus",
    "lxc:Container",
    { name: "c", cpus: "2" },
    { name: "c", cpus: "10" },
  ),
  added(
    "a polling forwarder among the system",
    "exclusive-cpus",
    "traffic:Forwarder",
    { name: "f", cpus: "10" },
    { name: "f", cpus: "4" },
  ),
  changed("a guest and a switch on two threads of one core", "one-owner-per-core", "br0-daemon", {
    pmdCpus: "8,23",
  }),
  changed("a vCPU that may run on two CPUs", "one-cpu-per-vcpu", "vnf1-domain", {
    vcpuPins: ["1", "2", "3-4"],
  }),
  changed("emulator threads on isolated CPUs", "emulator-outside-isolated", "vnf1-domain", {
    emulatorCpus: "4-5",
  }),
  changed("a disk's thread on an isolated CPU", "emulator-outside-isolated", "vnf1-domain", {
    iothreadPins: ["4"],
  }),
  changed("a card on the other socket", "one-numa-node-per-chain", "dut-facts", {
    nics: [{ address: "0000:05:00.0", numaNode: 1 }],
  }),
  changed("a switch with memory on the other node alone", "one-numa-node-per-chain", "br0-daemon", {
    socketMemory: { 1: "0KiB" },
  }),
  changed("more huge pages for guests than there are", "hugepages-sufficient", "vnf1-domain", {
    memory: "13GiB",
  }),
  changed("a switch that grows beside a guest", "switch-memory-limited", "br0-daemon", {
    socketLimit: undefined,
  }),
  changed("a switch whose limit is below its start", "switch-memory-limited", "br0-daemon", {
    socketLimit: { 0: "512MiB" },
  }),
  added(
    "huge pages that leave the system too little",
    "memory-left-for-system",
    "host:Hugepages",
    { numaNode: 0, size: "1GiB", count: 60 },
    { numaNode: 0, size: "1GiB", count: 12 },
  ),
  added(
    "interrupts of cards on isolated CPUs",
    "work-outside-isolated",
    "host:IrqAffinity",
    { cpus: "0-39" },
    { cpus: "0,10-20,30-39" },
  ),
  added(
    "a list for irqbalance without its last CPU",
    "work-outside-isolated",
    "host:IrqBalance",
    { bannedCpus: "1-9,21-28" },
    { bannedCpus: "1-9,21-29" },
  ),
  added(
    "deferred work on all CPUs",
    "work-outside-isolated",
    "host:Workqueues",
    { cpus: "0-39" },
    { cpus: "0,20" },
  ),
  added(
    "services on all CPUs",
    "work-outside-isolated",
    "host:SystemdCpus",
    { cpuAffinity: "0-39" },
    { cpuAffinity: "0,10-20,30-39" },
  ),
  added(
    "new interrupts for an isolated CPU, by the boot line",
    "work-outside-isolated",
    "host:BootArguments",
    { arguments: { irqaffinity: "0-1" }, pending: [] },
    { arguments: { irqaffinity: "0,10-20,30-39" }, pending: [] },
  ),
  added(
    "a boot line that isolates other CPUs than the host declares",
    "boot-arguments-agree",
    "host:BootArguments",
    { arguments: { isolcpus: { cpus: "1-9,21-28" } }, pending: [] },
    { arguments: { isolcpus: { cpus: "1-9,21-29" } }, pending: [] },
  ),
  added(
    "no tick on half of the isolated CPUs",
    "boot-arguments-agree",
    "host:BootArguments",
    { arguments: { isolcpus: { cpus: "1-9,21-29" }, nohzFull: "1-9" }, pending: [] },
    { arguments: { isolcpus: { cpus: "1-9,21-29" }, nohzFull: "1-9,21-29" }, pending: [] },
  ),
  row(
    "vCPUs in real time off the isolated CPUs",
    "realtime-on-isolated",
    realtime({}, { dut: { cpus: { housekeeping: "0,10-20,30-39", isolated: "1,3-9,21-29" } } }),
    realtime(),
  ),
  row(
    "vCPU 0 in real time",
    "realtime-guest-keeps-house",
    realtime({ realtimeVcpus: { vcpus: "0-2", priority: 1 } }),
    realtime(),
  ),
  row(
    "performance counters in a guest in real time",
    "realtime-guest-undisturbed",
    realtime({ features: { pmu: true } }),
    realtime(),
  ),
  row(
    "a busy sibling of a vCPU in real time",
    "realtime-sibling-idle",
    realtime({ vcpuPins: ["1", "2", "22"] }),
    realtime(),
  ),
  added(
    "one cache way for two groups",
    "cache-shares-apart",
    "host:CacheAllocation",
    { name: "b", cpus: "2", schemata: { L3: { 0: "0f8" } } },
    { name: "b", cpus: "2", schemata: { L3: { 0: "0f0" } } },
    on("host:CacheAllocation", "a", { name: "a", cpus: "1", schemata: { L3: { 0: "00f" } } }),
  ),
];
