import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineFunction, defineResource } from "./definition.ts";
import { triggers } from "./fields.ts";

export const CpuFacts = z.object({
  cpu: z.number().meta({ description: "Logical CPU number." }),
  online: z.boolean(),
  package: z.number().meta({ description: "Socket; -1 of a CPU that is offline." }),
  core: z.number().meta({
    description: "Core as lscpu numbers them, unique over the whole machine; -1 of a CPU that is offline.",
  }),
  numaNode: z.number().meta({ description: "-1 of a CPU that is offline." }),
  siblings: z.string().meta({ description: "Logical CPUs of the same physical core, this one among them." }),
  lastLevelCache: z.string().meta({ description: "CPUs that share the last-level cache." }),
  governor: z
    .string()
    .optional()
    .meta({ description: "Absent where nothing scales the frequency, as in most virtual machines." }),
  maxFrequencyKhz: z.number().optional(),
});

export const HugepagePool = z.object({
  size: z.string().meta({ description: "For instance 2MiB." }),
  total: z.number(),
  free: z.number(),
  surplus: z.number(),
});

export const NumaNodeFacts = z.object({
  node: z.number(),
  cpus: z.string().meta({ description: "Empty for a node of memory alone." }),
  memoryTotalKib: z.number(),
  memoryFreeKib: z.number(),
  distances: z.array(z.number()).meta({ description: "To each node in order; 10 is the node itself." }),
  hugepages: z.array(HugepagePool),
});

export const CacheFacts = z.object({
  level: z.number(),
  type: z.enum(["Data", "Instruction", "Unified"]),
  sizeKib: z.number(),
  cpus: z.string().meta({ description: "CPUs that share this cache." }),
});

export const NicFacts = z.object({
  address: z.string().meta({ description: "PCI address." }),
  vendor: z.string(),
  device: z.string(),
  driver: z.string().optional(),
  numaNode: z.number().meta({ description: "-1 where the firmware does not say." }),
  iommuGroup: z.number().optional(),
  interfaces: z.array(z.string()),
  virtualFunctions: z.object({ total: z.number(), active: z.number() }).optional(),
  physicalFunction: z.string().optional().meta({ description: "Address of the PF, where this is a VF." }),
  link: z
    .object({
      speed: z.number().meta({ description: "Transfers in GT/s." }),
      lanes: z.number(),
      mostSpeed: z.number().meta({ description: "What the card could do, GT/s." }),
      mostLanes: z.number(),
    })
    .optional()
    .meta({ description: "PCI Express link; absent of virtual functions and virtual cards." }),
});

/** What a machine is and how it is set up, as observed; nothing here was computed from wishes. */
export const HostFacts = z.object({
  hostname: z.string(),
  identity: z.object({
    machineId: z.string(),
    bootId: z.string(),
    vendor: z.string().optional(),
    product: z.string().optional(),
    serial: z.string().optional(),
    uuid: z.string().optional(),
    bios: z.string().optional(),
    biosDate: z.string().optional().meta({ description: "When the firmware was released, as it says." }),
    os: z.string().optional().meta({ description: "Distribution and release." }),
    virtualization: z.string().meta({ description: "As systemd-detect-virt says: none, kvm, qemu, …" }),
    emulated: z
      .boolean()
      .meta({ description: "An emulated server: results measured here are functional only." }),
  }),
  kernel: z.object({
    release: z.string(),
    version: z.string(),
    realtime: z.boolean(),
    arguments: z.string().meta({ description: "/proc/cmdline as it is." }),
    isolatedCpus: z.string(),
    nohzFullCpus: z.string(),
    clocksource: z.string(),
  }),
  cpuModel: z.string(),
  microcode: z.string().optional(),
  onlineCpus: z.string(),
  simultaneousMultithreading: z.boolean(),
  cpus: z.array(CpuFacts),
  caches: z.array(CacheFacts),
  numaNodes: z.array(NumaNodeFacts),
  nics: z.array(NicFacts),
  protectedFunctions: z.record(z.string(), z.array(z.string())).optional().meta({
    description:
      "PCI functions that the machine can't do without, by address, and why: what management goes through, and the system's disks. Absent of facts that are older than the field.",
  }),
  versions: z.object({
    ovs: z.string().optional(),
    dpdk: z.string().optional(),
    qemu: z.string().optional(),
    libvirt: z.string().optional(),
    tuned: z.string().optional(),
    rtTests: z.string().optional(),
  }),
});
export type HostFacts = z.infer<typeof HostFacts>;

export const facts = defineResource({
  token: "nfvlab:host:Facts",
  description:
    "What a machine is and how it was set up when these facts were taken, in one round trip. Taken anew when the machine has " +
    "booted since, and when a trigger changes; what other resources own is tracked by them, not here. Changes nothing; delete does nothing.",
  inputs: z.strictObject({ host: hostReference, triggers }),
  outputs: HostFacts,
});

export const getHostFacts = defineFunction({
  token: "nfvlab:host:getHostFacts",
  description: "Facts of a machine as they are now, in one round trip.",
  inputs: z.strictObject({ host: hostReference }),
  outputs: HostFacts,
});
