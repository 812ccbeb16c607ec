import { z } from "zod";
import { cpuList, name, path, size, socketPath, wholeNumber } from "./fields.ts";
import { PageSize } from "./hugepages.ts";

/** What backs a guest's memory: huge pages of a pool, or the kernel's own small pages through a memfd. */
export const GuestPageSize = z.enum(["4KiB", ...PageSize.options]);

/** A NUMA node of the guest's own. */
export const GuestCell = z.strictObject({
  vcpus: cpuList("vCPUs of this node."),
  memory: size("Memory of this node, a multiple of the page size."),
  numaNode: wholeNumber("NUMA node of the host that its memory lies on.", { max: 1023 }),
  distances: z
    .array(
      wholeNumber("Distance to a node of the guest, as ACPI's SLIT counts: 10 to itself.", {
        min: 10,
        max: 255,
      }),
    )
    .optional()
    .meta({
      description: "Distances to all nodes of the guest, node 0 first. Default: 10 to itself, 20 to others.",
    }),
});

/** Memory of two guests, or of a guest and the host, that each sees as a PCI device. */
export const SharedMemory = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("ivshmem-plain"),
    size: size("Size, a power of two of at least 1MiB, the same in all guests that share it."),
    role: z.enum(["master", "peer"]).optional().meta({
      description:
        "In a migration the master takes the memory along; a peer can't be migrated. Default: libvirt's, peer.",
    }),
  }),
  z.strictObject({
    kind: z.literal("ivshmem-doorbell"),
    socket: socketPath("Socket of the ivshmem-server, which holds the memory and hands out the doorbells."),
    vectors: wholeNumber("Interrupt vectors of each guest, as the server was told. Default 1.", {
      min: 1,
      max: 2048,
    }).optional(),
    ioEventFd: z
      .boolean()
      .optional()
      .meta({ description: "Doorbells ring in the kernel (ioeventfd). Default true." }),
  }),
]);
export type SharedMemory = z.infer<typeof SharedMemory>;

/** Ways of the last-level cache that are kept for some vCPUs. */
export const CacheTune = z.strictObject({
  vcpus: cpuList("vCPUs that this counts for."),
  caches: z
    .array(
      z.strictObject({
        id: wholeNumber("Number of the cache as the host counts them.", { max: 1023 }),
        level: wholeNumber("Level of the cache. Default 3.", { min: 2, max: 3 }).optional(),
        type: z
          .enum(["both", "code", "data"])
          .optional()
          .meta({ description: "code and data need code and data prioritisation. Default both." }),
        size: size("Size, in whole ways of the cache."),
      }),
    )
    .min(1)
    .meta({ description: "What is kept of each cache." }),
  monitor: z
    .boolean()
    .optional()
    .meta({ description: "Count the occupancy of level 3 for these vCPUs. Default false." }),
});

/** Bandwidth to memory that some vCPUs may use at most. */
export const MemoryTune = z.strictObject({
  vcpus: cpuList("vCPUs that this counts for."),
  bandwidth: z
    .array(
      z.strictObject({
        node: wholeNumber("Number of the memory controller, as the host counts them.", { max: 1023 }),
        percent: wholeNumber("Share of its bandwidth, percent, in the steps of the hardware.", {
          min: 1,
          max: 100,
        }),
      }),
    )
    .min(1)
    .meta({ description: "Limit for each controller." }),
});

/** A disk of the guest. */
export const GuestDisk = z.strictObject({
  path: path("Image file on the machine.").optional().meta({
    description: "Image file on the machine, for instance that of a Volume; not made and not deleted here.",
  }),
  volume: z
    .strictObject({
      pool: name("Storage pool, which has to be active."),
      name: name("Volume of the pool."),
    })
    .optional()
    .meta({ description: "Volume of a storage pool of libvirt's, in place of `path`." }),
  format: z.enum(["qcow2", "raw"]).optional().meta({ description: "Default qcow2." }),
  readOnly: z.boolean().optional().meta({ description: "The guest can't write. Default false." }),
  cache: z.enum(["none", "directsync", "writethrough", "writeback", "unsafe"]).optional().meta({
    description: "How the host caches it. Default none: the host's page cache is passed by.",
  }),
  io: z.enum(["native", "threads", "io_uring"]).optional().meta({
    description:
      "How QEMU reads and writes. Default native, which needs cache none or directsync; else threads.",
  }),
  discard: z
    .enum(["unmap", "ignore"])
    .optional()
    .meta({ description: "What becomes of a discard. Default: QEMU's, ignore." }),
  iothread: wholeNumber(
    "Thread that serves it, counted from 1; see `iothreadPins`. Default: QEMU's main one.",
    {
      min: 1,
    },
  ).optional(),
  queues: wholeNumber("Queues of the virtio disk. Default: QEMU's, one a vCPU.", {
    min: 1,
    max: 256,
  }).optional(),
});
export type GuestDisk = z.infer<typeof GuestDisk>;
