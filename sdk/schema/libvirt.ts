import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  cpuList,
  duration,
  ipAddress,
  macAddress,
  name,
  path,
  sentence,
  size,
  wholeNumber,
} from "./fields.ts";
import { GuestCpu, GuestFeatures, GuestIommu, GuestTimers, RandomSource, Watchdog } from "./guest-machine.ts";
import { CacheTune, GuestCell, GuestDisk, GuestPageSize, MemoryTune, SharedMemory } from "./guest-memory.ts";
import { GuestNic } from "./guest-nic.ts";

export const bootImage = defineResource({
  token: "nfvlab:libvirt:BootImage",
  description:
    "A kernel and an initramfs made on the machine from its own packages: its running kernel, busybox, the guest agent, cyclictest, oslat and " +
    "ping, with the drivers of virtio, of the cards that QEMU emulates, and of virtual functions. Boots in seconds and needs no disk. Delete " +
    "removes the two files.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the image and of its folder under /var/lib/nfvlab/images.", { change: "recreate" }),
    programs: z
      .array(
        z
          .string()
          .regex(/^([A-Za-z0-9_.-]{1,63}|(\/[A-Za-z0-9_.+-]+)+)$/, sentence("a program's name or its path")),
      )
      .optional()
      .meta({
        description:
          "Programs to bring beside the usual ones, by their names in the machine's PATH or by their paths; the libraries that they are linked with come along.",
        change: "recreate",
      }),
    modules: z
      .array(name("Kernel module of the machine's running kernel; what it needs comes along."))
      .optional()
      .meta({
        description: "Modules to bring beside the usual ones, loaded where a device asks for them.",
        change: "recreate",
      }),
  }),
  outputs: z.object({
    kernel: z.string().meta({ description: "Path of the kernel on the machine." }),
    initramfs: z.string().meta({ description: "Path of the initramfs on the machine." }),
    kernelRelease: z.string(),
    sha256: z.string().meta({ description: "Hash of both files." }),
    recipe: z.string().meta({
      description:
        "16 digits of the SHA-256 of what it is made by: nfvlab's own script, and the lists of programs and modules. With another recipe, as a newer nfvlab may have, the next `up` makes the image anew, and the guests that boot it.",
      change: "recreate",
    }),
    present: z.boolean().meta({ description: "Both files are there and are the ones that were made." }),
  }),
  expectations: { present: true },
});

export const GuestBoot = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("kernel"),
    kernel: path("Kernel on the machine.", { change: "recreate" }),
    initramfs: path("Initramfs on the machine.", { change: "recreate" }),
    arguments: z
      .array(z.string().regex(/^[A-Za-z0-9_.:,=@/+-]+$/, "expected one boot argument without spaces"))
      .optional()
      .meta({ description: "Boot arguments of the guest's kernel, beside the console.", change: "recreate" }),
    bridgedNics: z.array(name("Name of a NIC.")).min(2).optional().meta({
      description:
        "NICs that the boot image makes ports of one bridge of its kernel, so that the guest forwards between them.",
    }),
    routes: z
      .array(
        z.strictObject({
          nic: name("NIC that packets leave by."),
          to: ipAddress("IPv4 address that they are for."),
          nextHop: macAddress("MAC address that they are sent to; the guest asks nobody for it."),
        }),
      )
      .min(1)
      .optional()
      .meta({
        description:
          "Routes that the boot image sets, with which the guest forwards IPv4 packets: for NICs that take no frames but their own, as virtual functions do.",
      }),
  }),
  z.strictObject({
    kind: z.literal("disk"),
    firmware: z
      .enum(["bios", "efi"])
      .optional()
      .meta({ description: "efi needs OVMF on the machine. Default bios." }),
  }),
]);

export type GuestBoot = z.infer<typeof GuestBoot>;

const recreate = <T extends z.ZodType>(type: T, description: string) =>
  type.meta({ description, change: "recreate" });

const scheduling = {
  policy: z.enum(["fifo", "rr"]).optional().meta({ description: "SCHED_FIFO or SCHED_RR. Default fifo." }),
  priority: wholeNumber("Priority.", { min: 1, max: 99 }),
};

export const libvirtDomain = defineResource({
  token: "nfvlab:libvirt:Domain",
  description:
    "A KVM guest, defined and started through virsh: huge-page backed shared memory on one NUMA node, each vCPU pinned to one CPU, emulator threads " +
    "apart. Pins are changed live, and so is whether it runs; what needs another XML shuts the guest down and defines it anew. Delete shuts it down, destroys it where it does not " +
    "listen, and undefines it. The switch's port must exist first: QEMU waits for it.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the domain.", { change: "recreate" }),
    memory: size("Memory of the guest, a multiple of the page size.", { change: "recreate" }),
    pageSize: recreate(
      GuestPageSize,
      "Size of the pages that back it: huge ones of the node's pool, or 4KiB. All are shared, as vhost-user needs.",
    ),
    numaNode: wholeNumber(
      "NUMA node that its memory lies on; with `cells`, that of the first.",
      { max: 1023 },
      { change: "recreate" },
    ),
    cells: recreate(
      z.array(GuestCell).min(1).optional(),
      "NUMA nodes of the guest, node 0 first. Default: one with all vCPUs and all memory.",
    ),
    locked: recreate(z.boolean().optional(), "Lock all of QEMU's memory. Default true."),
    mergePages: recreate(
      z.boolean().optional(),
      "Let KSM merge its pages (without nosharepages). Default false.",
    ),
    allocationThreads: wholeNumber(
      "Threads that touch its memory at start. Default: libvirt's, 1.",
      { min: 1, max: 256 },
      { change: "recreate" },
    ).optional(),
    vcpuPins: z.array(cpuList("The CPU of this vCPU.")).min(1).meta({
      description: "The CPU of each vCPU, vCPU 0 first. One CPU each: isolated CPUs are not load-balanced.",
    }),
    emulatorCpus: cpuList("CPUs of QEMU's other threads, outside the isolated set."),
    iothreadPins: z
      .array(cpuList("CPUs of this thread."))
      .min(1)
      .optional()
      .meta({ description: "Threads that serve disks, thread 1 first, with their CPUs. Default: none." }),
    realtimeVcpus: recreate(
      z.strictObject({ vcpus: cpuList("vCPUs that run in real time."), ...scheduling }).optional(),
      "Run these vCPUs under SCHED_FIFO or SCHED_RR. Only on isolated CPUs, and never all of them.",
    ),
    emulatorScheduling: recreate(
      z.strictObject(scheduling).optional(),
      "Run QEMU's main thread in real time. Rarely right.",
    ),
    cacheTune: recreate(z.array(CacheTune).optional(), "Last-level cache kept for vCPUs (CAT)."),
    memoryTune: recreate(z.array(MemoryTune).optional(), "Memory bandwidth that vCPUs get at most (MBA)."),
    cpu: recreate(
      GuestCpu.optional(),
      "How the guest sees its CPUs. Default: as the host's, host-passthrough.",
    ),
    features: recreate(GuestFeatures.optional(), "What the hypervisor offers."),
    timers: recreate(GuestTimers.optional(), "Clocks of the guest."),
    machine: recreate(
      z
        .string()
        .regex(
          /^(q35|pc|pc-(q35|i440fx)-[0-9]+\.[0-9]+)$/,
          "expected q35, pc, or one of these with its version",
        )
        .optional(),
      "Machine type. Default q35, the newest; with its version, pc-q35-9.2, it stays the same on another QEMU.",
    ),
    iommu: recreate(GuestIommu.optional(), "A vIOMMU. Default: none."),
    boot: recreate(GuestBoot, "What the guest boots."),
    start: z.boolean().optional().meta({
      description:
        "Whether the guest runs. Default true. false: it is defined and left off, for somebody else to start; changed from true, it is shut down.",
    }),
    disks: recreate(
      z.record(z.string().regex(/^vd[a-z]$/, "expected a virtio disk, vda to vdz"), GuestDisk).optional(),
      "Virtio disks by target.",
    ),
    nics: recreate(z.record(name("Name of the NIC."), GuestNic).optional(), "Network interfaces by name."),
    sharedMemory: recreate(
      z.record(name("Name of the memory, the same in all guests that share it."), SharedMemory).optional(),
      "Memory shared between guests, by name. The last guest that is deleted takes it along.",
    ),
    guestAgent: recreate(
      z.boolean().optional(),
      "A channel to the guest agent, and wait for it at start. Default true.",
    ),
    serial: recreate(
      z.enum(["file", "pty", "none"]).optional(),
      "Serial port: written to a log on the machine, for `virsh console`, or none. Default file.",
    ),
    randomness: recreate(
      RandomSource.optional(),
      "Card for random numbers. Default: virtio, from /dev/urandom.",
    ),
    watchdog: recreate(Watchdog.optional(), "Default: none."),
    shutdownTimeout: duration(
      "How long the guest may take to shut down before it is destroyed. Default 20s.",
    ).optional(),
  }),
  outputs: z.object({
    uuid: z.string(),
    running: z.boolean().meta({ description: "The guest runs." }),
    serialLog: z
      .string()
      .meta({ description: "File on the machine that holds the guest's console; empty without one." }),
    sockets: z
      .record(
        z.string(),
        z.object({
          path: z.string(),
          mode: z.string().meta({ description: "Permission bits of the socket, octal: 755." }),
          folderMode: z.string().meta({ description: "Those of its folder." }),
        }),
      )
      .meta({ description: "Sockets that its vhost-user NICs serve, by the NIC's name." }),
    socketsPrivate: z
      .boolean()
      .meta({ description: "Not everybody on the machine may write to one of them, or to its folder." }),
  }),
  expectations: { running: ({ start }) => start ?? true, socketsPrivate: true },
});
