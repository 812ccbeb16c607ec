import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { name, path, sentence, size } from "./fields.ts";

const sha256 = z
  .string(sentence("a SHA-256 sum"))
  .regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits, as sha256sum writes them");

const text = (description: string) =>
  z
    .string()
    .refine((value) => Buffer.byteLength(value) <= 256 * 1024, sentence("at most 256 KiB"))
    .meta({ description, secret: true });

/** Where the content of a volume comes from. */
export const VolumeSource = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("copy"),
    path: path("Image file on the machine that is copied, sparse where it holds zeros."),
    sha256: sha256
      .optional()
      .meta({ description: "Sum that the file must have. Default: what it has is taken." }),
  }),
  z.strictObject({
    kind: z.literal("overlay"),
    path: path(
      "Image file on the machine that is read where nothing was written yet; it must not change any more.",
    ),
    baseFormat: z
      .enum(["qcow2", "raw"])
      .meta({ description: "Format of that file, which is never guessed." }),
    sha256: sha256
      .optional()
      .meta({ description: "Sum that the file must have. Default: what it has is taken." }),
  }),
  z.strictObject({ kind: z.literal("empty") }),
  z.strictObject({
    kind: z.literal("cloud-init"),
    userData: text("What cloud-init does in the guest: `#cloud-config` and YAML, or a script."),
    metaData: text(
      "YAML with the instance's identity. Default: an instance-id made from the volume's name.",
    ).optional(),
    networkConfig: text(
      "YAML of the network, version 1 or 2. Default: none, so that the guest asks by DHCP.",
    ).optional(),
  }),
]);
export type VolumeSource = z.infer<typeof VolumeSource>;

export const volume = defineResource({
  token: "nfvlab:libvirt:Volume",
  description:
    "A disk image of a guest's, /var/lib/nfvlab/volumes/NAME: a copy of an image whose sum is checked, an overlay on one, an empty disk, or a seed for " +
    "cloud-init (NoCloud: a small FAT file system with the label CIDATA). Made once; what a guest writes into it is the guest's. Delete removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the volume and of its file.", { change: "recreate" }),
    format: z.enum(["qcow2", "raw"]).optional().meta({
      description: "Format of the file, which a copy must have already. Default qcow2; a seed is raw.",
      change: "recreate",
    }),
    size: size(
      "What the guest sees. A copy and an overlay may be made larger than what they come from, never smaller. Default: as large; an empty one needs it.",
      { change: "recreate" },
    ).optional(),
    source: VolumeSource.meta({ description: "Where its content comes from.", change: "recreate" }),
  }),
  outputs: z.object({
    path: z.string().meta({ description: "The file, for `disks` of a Domain." }),
    sizeBytes: z.number().meta({ description: "What the guest sees, bytes." }),
    sourceSha256: z.string().meta({ description: "Sum of what it was made from; empty for an empty one." }),
    present: z.boolean().meta({ description: "The file is there, and a seed holds what was written." }),
  }),
  expectations: { present: true },
});
