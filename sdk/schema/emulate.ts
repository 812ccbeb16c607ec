import { z } from "zod";
import { Connection } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, name, size, wholeNumber } from "./fields.ts";

export const emulatedImage = defineResource({
  token: "nfvlab:emulate:Image",
  description:
    "The disk of emulated servers: a Debian with Open vSwitch on DPDK, QEMU, libvirt and rt-tests, and the QEMU that runs it. Kept in a cache " +
    "folder under a hash of what it is made of, and made once even where two builds race. Delete leaves the cache alone.",
  inputs: z.strictObject({
    suite: z
      .enum(["trixie"])
      .optional()
      .meta({ description: "Debian release. Default trixie.", change: "recreate" }),
    extraPackages: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "expected the name of a Debian package"))
      .optional()
      .meta({ description: "Debian packages beside the testbed's own.", change: "recreate" }),
    diskSize: size("Size of the disk. Default 6GiB; sparse.", { change: "recreate" }).optional(),
  }),
  outputs: z.object({
    folder: z.string().meta({ description: "Cache folder that holds the disk and its QEMU." }),
    hash: z.string().meta({ description: "Hash of what the image is made of." }),
    present: z.boolean().meta({ description: "The image is in the cache." }),
  }),
  expectations: { present: true },
});

export const EmulatedNumaNode = z.strictObject({
  cpus: cpuList("CPUs of the node.", { change: "recreate" }),
  memory: size("Memory of the node.", { change: "recreate" }),
});

export const emulatedServer = defineResource({
  token: "nfvlab:emulate:Server",
  description:
    "A server made of QEMU on the machine that the Pulumi engine runs on: NUMA nodes, an IOMMU, igb cards with real SR-IOV virtual functions, nested KVM, " +
    "a boot loader on its own disk, SSH on loopback with a pinned host key. For trying a testbed, not for timing one: results are marked functional. " +
    "Delete ends the machine and removes its disk.",
  inputs: z.strictObject({
    name: name("Name of the server, its host name too.", { change: "recreate" }),
    image: z
      .string()
      .min(1)
      .meta({ description: "Cache folder of its image: an Image's `folder`.", change: "recreate" }),
    numaNodes: z.array(EmulatedNumaNode).min(1).max(8).meta({
      description: "NUMA nodes with their CPUs and memory; CPUs are numbered 0 up without a gap.",
      change: "recreate",
    }),
    igbCards: wholeNumber(
      "igb network cards, each with seven virtual functions to be had. Default 2.",
      { max: 4 },
      { change: "recreate" },
    ).optional(),
    wire: name(
      "Name of a wire between this server's cards and those of another server of the stack that names it too. Default: its cards reach each other alone.",
      { change: "recreate" },
    ).optional(),
    bootArguments: z
      .array(z.string().regex(/^[A-Za-z0-9_.:,=@/+-]+$/, "expected one boot argument without spaces"))
      .optional()
      .meta({
        description:
          "Kernel arguments handed to the boot loader; what is written on the disk comes after them.",
        change: "recreate",
      }),
  }),
  outputs: z.object({
    connection: Connection.meta({
      description: "How to reach it: SSH on loopback, with the pinned host key and the stack's private key.",
    }),
    folder: z.string().meta({ description: "Folder with its disk, its sockets and its console log." }),
    accelerator: z
      .enum(["kvm", "tcg"])
      .meta({ description: "kvm where the machine really runs guests, else emulation." }),
    running: z.boolean().meta({ description: "Its process runs." }),
  }),
  expectations: { running: true },
});
