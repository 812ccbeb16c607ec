import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineFunction } from "./definition.ts";

/** Ways between functions and machines, and what makes them fast. */
export const CAPABILITIES = [
  ...(["vhost-net", "vhost-user", "macvtap", "veth", "xdp", "af_xdp", "sr-iov", "vdpa"] as const),
  ...(["ivshmem-plain", "ivshmem-doorbell", "posted-interrupts", "vmfunc"] as const),
] as const;
export type Capability = (typeof CAPABILITIES)[number];

export const PathCapability = z.object({
  path: z.enum(CAPABILITIES),
  state: z.enum(["ready", "possible", "missing"]).meta({
    description:
      "ready: it can be used as the machine is. possible: something has to be loaded, set or written first. missing: the machine has not got what it takes.",
  }),
  found: z.string().meta({ description: "What the machine shows of it." }),
  needs: z
    .string()
    .nullable()
    .meta({ description: "What is still to be done or had; null where it is ready." }),
});
export type PathCapability = z.infer<typeof PathCapability>;

export const PathCapabilities = z.object({
  paths: z.array(PathCapability).meta({ description: "One for each path, in a fixed order." }),
  text: z.string().meta({ description: "The same as a table for people." }),
});
export type PathCapabilities = z.infer<typeof PathCapabilities>;

export const getPathCapabilities = defineFunction({
  token: "nfvlab:host:getPathCapabilities",
  description:
    "Which packet paths a machine can carry as it is now, and what the others lack: kernel modules, cards, an IOMMU, QEMU's devices, processor features. In one round trip; loads nothing and changes nothing.",
  inputs: z.strictObject({ host: hostReference }),
  outputs: PathCapabilities,
});
