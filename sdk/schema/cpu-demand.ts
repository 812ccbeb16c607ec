import { z } from "zod";
import { cpuList, name, pciAddress, size, wholeNumber } from "./fields.ts";
import { PageSize } from "./hugepages.ts";

const numaNode = (description: string) => wholeNumber(description, { max: 1023 });
const threadsPerCore = z.union([z.literal(1), z.literal(2), z.literal(4)]);
const mtu = wholeNumber("MTU in bytes. Default 1500.", { min: 68, max: 9702 }).optional();

/** A port of the switch on a physical function or a virtual one, polled by DPDK. */
export const PortDemand = z.strictObject({
  nic: pciAddress("PCI address of the function."),
  rxQueues: wholeNumber("Receive queues (n_rxq). Default 1.", { min: 1, max: 1024 }).optional(),
  rxDescriptors: wholeNumber("Descriptors a receive queue (n_rxq_desc). Default 2048.", {
    min: 1,
    max: 65536,
  }).optional(),
  txDescriptors: wholeNumber("Descriptors a transmit queue (n_txq_desc). Default 2048.", {
    min: 1,
    max: 65536,
  }).optional(),
  mtu,
  rxqAffinity: z
    .record(z.string().regex(/^\d+$/), wholeNumber("CPU that polls the queue.", {}))
    .optional()
    .meta({
      description:
        "CPU by receive queue (pmd-rxq-affinity). A poll-mode CPU that is named here polls nothing else.",
    }),
});

/** The switch: its ports, its threads and its memory. */
export const SwitchDemand = z.strictObject({
  ports: z.record(name("Name of the port."), PortDemand).optional(),
  pmd: z
    .strictObject({
      coresPerPort: wholeNumber(
        "Physical cores that poll, a physical port. Default 1, more where queues ask for it.",
        {
          min: 1,
          max: 64,
        },
      ).optional(),
      siblings: z.enum(["poll", "idle"]).optional().meta({
        description: "What the other hardware threads of a polling core do. Default poll.",
      }),
      cpus: cpuList("Poll-mode CPUs, chosen by hand.").optional(),
      mask: z
        .string()
        .regex(/^(0x)?[0-9a-fA-F]+$/)
        .optional()
        .meta({ description: "A pmd-cpu-mask to check against the plan, hexadecimal." }),
    })
    .optional(),
  lcore: z
    .strictObject({ cpus: cpuList("CPUs of the main, handler and revalidator threads, chosen by hand.") })
    .optional(),
  memory: z
    .strictObject({
      model: z.enum(["shared", "per-port"]).optional().meta({
        description:
          "Packet memory: one pool a buffer size and node, or one a port (per-port-memory). Default shared.",
      }),
      pageSize: PageSize.optional().meta({ description: "Huge pages of the switch. Default 1GiB." }),
      reservePages: wholeNumber(
        "Pages kept free beside its pools on each node where it has any. Default 0.",
        {
          max: 1024,
        },
      ).optional(),
    })
    .optional(),
});

const VnfNic = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("vhost-user"),
    queues: wholeNumber("Queue pairs. Default 1.", { min: 1, max: 128 }).optional(),
    mtu,
  }),
  z.strictObject({
    kind: z.literal("sr-iov"),
    address: pciAddress("PCI address of the virtual function, or of its PF where that is yet to make it."),
  }),
]);

/** A guest: one CPU for each vCPU, memory in huge pages, and where its emulator runs. */
export const VnfDemand = z.strictObject({
  vcpus: wholeNumber("vCPUs.", { min: 1, max: 710 }),
  threadsPerCore: threadsPerCore.optional().meta({
    description:
      "Hardware threads that the guest sees of each core. Default 1, which leaves the siblings idle.",
  }),
  pins: z
    .array(cpuList("CPU of the vCPU."))
    .optional()
    .meta({ description: "CPU of each vCPU, chosen by hand." }),
  emulator: z.strictObject({ cpus: cpuList("CPUs of the emulator's threads, chosen by hand.") }).optional(),
  ioThreads: z
    .strictObject({
      count: wholeNumber("I/O threads.", { min: 1, max: 64 }),
      cpus: cpuList("Their CPUs, chosen by hand.").optional(),
    })
    .optional(),
  realtime: z
    .strictObject({
      vcpus: cpuList("vCPUs under SCHED_FIFO, by their number in the guest."),
      throttling: z.enum(["kept", "off"]).optional().meta({
        description:
          "What was decided on the kernel's real-time throttling, by which a FIFO thread yields 5 % of a CPU.",
      }),
    })
    .optional(),
  memory: size("Memory."),
  pageSize: PageSize.meta({ description: "Huge pages that back it." }),
  cells: z
    .array(
      z.strictObject({
        vcpus: cpuList("vCPUs of the cell, by their number in the guest."),
        memory: size("Memory of the cell."),
        numaNode: numaNode("NUMA node of the host. Default: the one of its vCPUs.").optional(),
      }),
    )
    .optional()
    .meta({ description: "NUMA cells that the guest sees. Default: one of everything." }),
  nics: z.record(name("Name of the NIC."), VnfNic).optional(),
  numaNode: numaNode(
    "NUMA node. Default: that of its NICs and chain, else the one with most room.",
  ).optional(),
  allowCrossNuma: z.boolean().optional().meta({
    description: "Whether its vCPUs, memory and NICs may lie on several nodes. Default false.",
  }),
});

/** The way of the packets, hop by hop: names of ports and VNFs. */
export const ChainDemand = z.strictObject({
  path: z.array(name("Port or VNF.")).min(1),
  allowCrossNuma: z.boolean().optional().meta({
    description: "Whether the chain may cross NUMA nodes. Default false.",
  }),
});

/** A traffic generator on the machine itself: a master, a latency and worker CPUs. */
export const GeneratorDemand = z.strictObject({
  workers: wholeNumber("Worker CPUs, beside one for the master and one for latency.", { min: 1, max: 256 }),
  nics: z.array(pciAddress("NIC that it sends through.")).optional(),
  numaNode: numaNode("NUMA node. Default: that of its first NIC, else the one with most room.").optional(),
  cpus: cpuList("CPUs, chosen by hand: the lowest for the master, the next for latency.").optional(),
  memory: size("Memory in huge pages. Default 0KiB.").optional(),
  pageSize: PageSize.optional().meta({ description: "Default 2MiB." }),
  labOnly: z.boolean().optional().meta({
    description:
      "Confirms that its results are not published: it shares the machine with what it measures. Default false.",
  }),
});

/** Load beside a measurement, one instance a CPU. */
export const CoLoadDemand = z.strictObject({
  numaNode: numaNode("NUMA node to load."),
  cpuCount: wholeNumber("CPUs to load. Default: all that are left on the node.", {
    min: 1,
    max: 8192,
  }).optional(),
  cpus: cpuList("CPUs, chosen by hand.").optional(),
});

/**
 * What a lab asks of a machine's CPUs, caches, NUMA nodes and huge pages. Everything that has a name is a map; the planner goes through maps
 * in the order of their names, digits by value, so `vnf2` comes before `vnf10`. CPU lists that are given are kept and checked, all others chosen.
 *
 * @example
 * const demand: CpuDemand = {
 *   switch: { ports: { east: { nic: "0000:05:00.0" }, west: { nic: "0000:05:00.1" } } },
 *   vnfs: { l2fwd: { vcpus: 3, memory: "8GiB", pageSize: "1GiB", nics: { lan: { kind: "vhost-user" } } } },
 *   chains: { pvp: { path: ["east", "l2fwd", "west"] } },
 * };
 */
export const CpuDemand = z.strictObject({
  stage: z.enum(["design", "start"]).optional().meta({
    description:
      "`design`: the machine may yet be tuned and booted. `start`: it is tuned and nothing runs, so isolation must be live and huge pages free. Default design.",
  }),
  housekeeping: z
    .strictObject({
      coresPerNode: wholeNumber("Physical cores a NUMA node that stay the system's. Default 1.", {
        min: 1,
        max: 256,
      }).optional(),
      cpus: cpuList("The system's CPUs, chosen by hand.").optional(),
    })
    .optional(),
  isolation: z
    .strictObject({
      isolatedCpus: cpuList("CPUs that the kernel isolates, chosen by hand.").optional(),
      housekeepingCpus: cpuList("CPUs that it does not, chosen by hand.").optional(),
    })
    .optional(),
  nics: z
    .record(
      pciAddress("PCI address."),
      z.strictObject({ numaNode: numaNode("NUMA node, where the firmware does not say or is wrong.") }),
    )
    .optional(),
  switch: SwitchDemand.optional(),
  vnfs: z.record(name("Name of the VNF."), VnfDemand).optional(),
  chains: z.record(name("Name of the chain."), ChainDemand).optional(),
  generators: z.record(name("Name of the generator."), GeneratorDemand).optional(),
  coLoads: z.record(name("Name of the load."), CoLoadDemand).optional(),
  sparePages: z
    .partialRecord(PageSize, wholeNumber("Pages.", { max: 2 ** 20 }))
    .optional()
    .meta({
      description: "Huge pages that stay unused on each NUMA node, by size.",
    }),
});
export type CpuDemand = z.infer<typeof CpuDemand>;
export type PortDemand = z.infer<typeof PortDemand>;
export type SwitchDemand = z.infer<typeof SwitchDemand>;
export type VnfDemand = z.infer<typeof VnfDemand>;
export type GeneratorDemand = z.infer<typeof GeneratorDemand>;
export type CoLoadDemand = z.infer<typeof CoLoadDemand>;
