/** A check that a low-latency testbed wants, by whoever judges it. */
export interface Check {
  readonly id: CheckId;
  readonly what: string;
  /** What is judged elsewhere than in a policy, or not yet, and for want of which resource or job. Absent where policies judge all of it. */
  readonly open?: string;
}

type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";
/** P of the plan and of what is in force, M of what is measured. */
export type CheckId = `${"P" | "M"}${Digit}${Digit}`;

/** Every check, judged or not. Which policy it is, the policies say. */
export const checks: readonly Check[] = [
  { id: "P01", what: "no CPU in two exclusive roles" },
  { id: "P02", what: "CPU 0 and a CPU of every node keep house" },
  { id: "P03", what: "poll-mode threads off housekeeping, main threads off poll-mode and vCPU CPUs" },
  { id: "P04", what: "vCPUs, poll-mode threads, NIC and huge pages of a chain on one NUMA node" },
  { id: "P05", what: "siblings of a core not split between tenants" },
  { id: "P06", what: "sibling of a real-time vCPU's core idle" },
  { id: "P07", what: "each vCPU pinned to exactly one CPU" },
  { id: "P08", what: "emulator and I/O threads outside the isolated set" },
  { id: "P09", what: "no UIO driver" },
  { id: "P10", what: "VFIO's no-IOMMU mode off" },
  {
    id: "P11",
    what: "vhost-user sockets private: folder, mode and owner",
    open: "their owner on the machine; a socket that a forwarder serves: reading it back as Domain does",
  },
  { id: "P12", what: "virtual function trusted only where its card has one tenant" },
  { id: "P13", what: "spoof checking on, and MAC or VLAN set, on a shared card" },
  { id: "P14", what: "no device that management or the system's disks go through" },
  { id: "P15", what: "IOMMU group of one tenant, no ACS override" },
  {
    id: "P16",
    what: "huge pages per node suffice, the switch takes no more of them than is meant for it, and memory is left for the system",
  },
  { id: "P17", what: "pools as asked for" },
  { id: "P18", what: "governor performance on isolated CPUs" },
  { id: "P19", what: "isolated CPUs wake up within 2 µs" },
  { id: "P20", what: "isolated and tickless CPUs in force as planned" },
  {
    id: "P21",
    what: "no kernel thread or task on isolated CPUs but their owner's",
    open: "threads on isolated CPUs that nobody has leased; those that may run elsewhere as well",
  },
  {
    id: "P22",
    what: "device interrupts off isolated CPUs",
    open: "which of them is an owner's: of a function that its guest has",
  },
  { id: "P23", what: "at most 2 timer ticks/s on busy isolated CPUs" },
  { id: "P24", what: "no transparent huge pages, merging or NUMA balancing" },
  {
    id: "P25",
    what: "clock source tsc on host and guest, invtsc in guests",
    open: "the guest's clock source: a resource that reads it through the guest agent",
  },
  { id: "P26", what: "real-time vCPUs on isolated CPUs; throttling off only with those" },
  { id: "P27", what: "machine checks on; mitigations off only with a single tenant" },
  { id: "P28", what: "shared memory in huge pages behind vhost-user" },
  { id: "P29", what: "vhost-user ends paired, sockets unique" },
  { id: "P30", what: "no dpdkvhostuser port" },
  {
    id: "P31",
    what: "options of the switch agree with each other and with its release",
    open: "the release is asked of the machine, when ovs:Daemon and ovs:Port set them",
  },
  {
    id: "P32",
    what: "DPDK initialised, ports without errors, queues polled from their node",
    open: "nodes of polled queues: a resource that keeps what getDatapath reads",
  },
  { id: "P33", what: "no load balancing, sleep, flush interval or policer while measuring" },
  { id: "P34", what: "real-time guest without balloon, emulated CPU or performance counters" },
  {
    id: "P35",
    what: "cache masks of tenants apart, and off the ways of devices",
    open: "cachetune of guests, which is by size: a resource that reads the masks libvirt chose",
  },
  { id: "P36", what: "no OVSDB, monitor or screen open to the network, no no_verify" },
  { id: "P37", what: "ivshmem inside one tenant" },
  { id: "P38", what: "no password or key in a text" },
  {
    id: "P39",
    what: "guest of a live migration has nothing that stays behind",
    open: "ports, CPUs and huge pages on the destination: a migration resource that names it",
  },
  { id: "P40", what: "vCPU 0 of a real-time guest keeps house" },
  {
    id: "P41",
    what: "lists of the boot line agree with the isolated set",
    open: "names of arguments are held against the kernel's by BootArguments, before a preview ends",
  },
  { id: "P42", what: "nothing waits for a reboot where something is measured" },
  { id: "P43", what: "co-load apart from what is measured, for as long as that" },
  { id: "P44", what: "generator on another host than the system under test" },
  { id: "P45", what: "PCIe link at full speed and width", open: "firmware of cards among the facts" },
  { id: "M01", what: "hwlatdetect max" },
  { id: "M02", what: "oslat max on isolated CPUs of the host" },
  { id: "M03", what: "oslat max in a guest" },
  { id: "M04", what: "cyclictest max in a guest, idle" },
  { id: "M05", what: "cyclictest max in a guest under load, and its ratio to idle" },
  { id: "M06", what: "cyclictest mean in a guest" },
  { id: "M07", what: "cyclictest min in a guest" },
  { id: "M08", what: "missing wake-ups; any make a record invalid" },
  { id: "M09", what: "frames lost at a fixed rate" },
  { id: "M10", what: "throughput, its lower bound among it, beside a baseline" },
  { id: "M11", what: "spread of throughput over repetitions" },
  { id: "M12", what: "p99.9 of latency through the switch at a fixed rate, or at a share of the throughput" },
  { id: "M13", what: "growth of latency from low to high load" },
  { id: "M14", what: "no lost upcalls and drops of the switch" },
  {
    id: "M15",
    what: "poll-mode threads at most 95 % busy",
    open: "releases of the switch from 4.0 on, which count no cycles",
  },
  { id: "M16", what: "total time of a migration" },
  { id: "M17", what: "downtime of a migration" },
  { id: "M18", what: "outage of a migration as traffic sees it" },
  { id: "M19", what: "time of a null hypercall" },
  { id: "M20", what: "exits a second of a real-time vCPU" },
  { id: "M21", what: "round trip between a guest and the switch's other ports" },
  {
    id: "M22",
    what: "time from boot to forwarding",
    open: "the first frame that is forwarded: the first answer stands for it",
  },
  { id: "M23", what: "p99.9 beside a noisy neighbour" },
  {
    id: "M24",
    what: "no throttling, few system management interrupts",
    open: "machine checks and throttling make a record invalid; management interrupts are counted of Intel's processors, with the module msr",
  },
  {
    id: "M25",
    what: "memory bandwidth under load",
    open: "reported in the record where resctrl counts it; there is no bound that it has to keep",
  },
];
