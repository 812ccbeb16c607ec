import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { interfaceName, path, sentence } from "./fields.ts";

/** Folder of the BPF file system that programs and maps of ours are pinned in. */
export const XDP_FOLDER = "/sys/fs/bpf/nfvlab";

/** A C identifier, as BPF programs and maps are named. */
const identifier = (description: string) =>
  z
    .string(sentence("a C identifier"))
    .refine(
      (text) => /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(text),
      sentence("a C identifier of at most 63 characters"),
    )
    .meta({ description, change: "recreate" });

export const xdpRedirect = defineResource({
  token: "nfvlab:net:XdpRedirect",
  description:
    "Traffic between two interfaces, both ways, in XDP: each frame goes out of the other interface as it came, before the kernel makes a packet of it. A small program of " +
    "our own does it and counts (sdk/provider/xdp/redirect.bpf.c), or one that is named. An interface with another XDP program is refused, and so is that of the management " +
    "connection. Programs and maps are pinned under /sys/fs/bpf/nfvlab and live until the machine's next boot: a refresh then shows it gone. " +
    "Delete detaches and unpins what is still ours, and sets interfaces down that were down before.",
  inputs: z.strictObject({
    host: hostReference,
    name: interfaceName("Name of it on this machine.", { change: "recreate" }),
    interfaces: z
      .array(interfaceName("One of the two interfaces, of the machine's own namespace."))
      .length(2, sentence("two interfaces"))
      .meta({ description: "The two interfaces; they are set up.", change: "recreate" }),
    mode: z
      .enum(["native", "generic", "offload"])
      .optional()
      .meta({
        description:
          "native: in the driver, refused where it has no XDP; generic: in the kernel, for every driver, and slower; offload: in the card. Default native. " +
          "A veth takes redirected frames in native mode only while its other end has GRO on.",
        change: "recreate",
      }),
    program: z
      .strictObject({
        object: path("Compiled object on the machine (clang -target bpf -g)."),
        program: identifier("Its program: the name of the function."),
        map: identifier(
          "Its map of devices (BPF_MAP_TYPE_DEVMAP or DEVMAP_HASH, values of four bytes); entry 0 is set to the other interface.",
        ),
      })
      .optional()
      .meta({
        description: "A program of the user's in place of ours. It is loaded once for each direction.",
        change: "recreate",
      }),
  }),
  outputs: z.object({
    attached: z.boolean().meta({
      description: "Both interfaces have the program, in this mode, and each map names the other interface.",
    }),
    pins: z.record(z.string(), z.string()).meta({
      description:
        "Folder of pinned maps by receiving interface. `bpftool map dump pinned FOLDER/redirected` shows our program's packets and bytes by CPU.",
    }),
    foundDown: z
      .array(z.string())
      .meta({ description: "Interfaces that were down before; delete sets them down." }),
  }),
  expectations: { attached: true },
});
