import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  cpuList,
  interfaceAddress,
  macAddress,
  name,
  path,
  size,
  socketPath,
  wholeNumber,
} from "./fields.ts";
import { PageSize } from "./hugepages.ts";

export const bootImage = defineResource({
  token: "nfvlab:libvirt:BootImage",
  description:
    "A kernel and an initramfs made on the machine from its own packages: its running kernel, busybox, the guest agent, cyclictest and " +
    "ping, with the modules of virtio. Boots in seconds and needs no disk. Delete removes the two files.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the image and of its folder under /var/lib/nfvlab/images.", { change: "recreate" }),
  }),
  outputs: z.object({
    kernel: z.string().meta({ description: "Path of the kernel on the machine." }),
    initramfs: z.string().meta({ description: "Path of the initramfs on the machine." }),
    kernelRelease: z.string(),
    sha256: z.string().meta({ description: "Hash of both files." }),
    present: z.boolean().meta({ description: "Both files are there and are the ones that were made." }),
  }),
  expectations: { present: true },
});

export const VhostUserNic = z.strictObject({
  kind: z.literal("vhost-user"),
  socketPath: socketPath("Socket that QEMU serves and the switch connects to.", { change: "recreate" }),
  mac: macAddress("MAC address that the guest sees.", { change: "recreate" }),
  queues: wholeNumber("Queue pairs. Default 1.", { min: 1, max: 128 }, { change: "recreate" }).optional(),
  rxQueueSize: wholeNumber(
    "Entries of a receive ring, a power of two from 256 to 1024. Default 1024.",
    { min: 256, max: 1024 },
    { change: "recreate" },
  ).optional(),
  txQueueSize: wholeNumber(
    "Entries of a transmit ring, a power of two from 256 to 1024. Default 1024.",
    { min: 256, max: 1024 },
    { change: "recreate" },
  ).optional(),
  mergeableRxBuffers: z
    .boolean()
    .optional()
    .meta({ description: "Needed beyond an MTU of 1500. Default false.", change: "recreate" }),
  address: interfaceAddress("Address that the guest gives the interface, through its boot image.", {
    change: "recreate",
  }).optional(),
});

export const GuestNic = z.discriminatedUnion("kind", [VhostUserNic]);
export type GuestNic = z.infer<typeof GuestNic>;

export const GuestDisk = z.strictObject({
  path: path("Image file on the machine; not made and not deleted here.", { change: "recreate" }),
  format: z.enum(["qcow2", "raw"]).optional().meta({ description: "Default qcow2.", change: "recreate" }),
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
  }),
  z.strictObject({ kind: z.literal("disk") }),
]);

export type GuestBoot = z.infer<typeof GuestBoot>;

export const libvirtDomain = defineResource({
  token: "nfvlab:libvirt:Domain",
  description:
    "A KVM guest, defined and started through virsh: huge-page backed shared memory on one NUMA node, each vCPU pinned to one CPU, emulator threads " +
    "apart. Pins are changed live; what needs another XML shuts the guest down and defines it anew. Delete shuts it down, destroys it where it does not " +
    "listen, and undefines it. The switch's port must exist first: QEMU waits for it.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the domain.", { change: "recreate" }),
    memory: size("Memory of the guest, a multiple of the page size.", { change: "recreate" }),
    pageSize: PageSize.meta({ description: "Size of the huge pages that back it.", change: "recreate" }),
    numaNode: wholeNumber("NUMA node that its memory lies on.", { max: 1023 }, { change: "recreate" }),
    vcpuPins: z.array(cpuList("The CPU of this vCPU.")).min(1).meta({
      description: "The CPU of each vCPU, vCPU 0 first. One CPU each: isolated CPUs are not load-balanced.",
    }),
    emulatorCpus: cpuList("CPUs of QEMU's other threads, outside the isolated set."),
    realtimeVcpus: z
      .strictObject({
        vcpus: cpuList("vCPUs that run under SCHED_FIFO."),
        priority: wholeNumber("Priority.", { min: 1, max: 99 }),
      })
      .optional()
      .meta({
        description: "Run these vCPUs under SCHED_FIFO. Only on isolated CPUs, and never all of them.",
        change: "recreate",
      }),
    boot: GuestBoot.meta({ description: "What the guest boots.", change: "recreate" }),
    disks: z
      .record(z.string().regex(/^vd[a-z]$/, "expected a virtio disk, vda to vdz"), GuestDisk)
      .optional()
      .meta({ description: "Virtio disks by target.", change: "recreate" }),
    nics: z
      .record(name("Name of the NIC."), GuestNic)
      .optional()
      .meta({ description: "Network interfaces by name.", change: "recreate" }),
    guestAgent: z.boolean().optional().meta({
      description: "A channel to the guest agent, and wait for it at start. Default true.",
      change: "recreate",
    }),
    locked: z
      .boolean()
      .optional()
      .meta({ description: "Lock all of QEMU's memory. Default true.", change: "recreate" }),
  }),
  outputs: z.object({
    uuid: z.string(),
    running: z.boolean().meta({ description: "The guest runs." }),
    serialLog: z.string().meta({ description: "File on the machine that holds the guest's console." }),
  }),
  expectations: { running: true },
});
