import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { sentence } from "./fields.ts";

const PACKAGE = /^[a-z0-9][a-z0-9+.-]{1,127}$/;

export const realtimeKernel = defineResource({
  token: "nfvlab:host:RealtimeKernel",
  description:
    "A kernel with PREEMPT_RT, by apt from the sources that the machine has, as what its next boot takes: in the one menu entry of GRUB that boot arguments stand in as well. Nothing reboots " +
    "by itself: a Reboot boots that entry once, and makes it the default when the machine came up by it. The kernel that was there stays, and stays the default until then. Delete gives the " +
    "machine its default back, GRUB's files byte by byte as they were found, and removes the packages that create brought. For Debian and Ubuntu with GRUB.",
  inputs: z.strictObject({
    host: hostReference,
    package: z
      .string(sentence("the name of a package"))
      .regex(PACKAGE, sentence("the name of a package, without version and architecture"))
      .optional()
      .meta({
        description:
          "Package that is the kernel, or needs it. Default that of the distribution for the architecture: linux-image-rt-amd64 or linux-image-rt-arm64 on Debian; Ubuntu has none without a subscription.",
        change: "recreate",
      }),
    rebootOnDelete: z.enum(["allow", "deny"]).optional().meta({
      description:
        "Whether delete may reboot a machine that runs this kernel, before it takes its modules away. Default deny: it warns that a reboot is pending.",
    }),
  }),
  outputs: z.object({
    kernel: z.string().meta({
      description: "Release of the kernel, as uname -r prints it; empty where it is not installed.",
    }),
    entry: z.string().meta({
      description: "Id of the menu entry that has the kernel, and the boot arguments of the machine.",
    }),
    installed: z.boolean().meta({ description: "Whether package and kernel are there." }),
    configured: z.boolean().meta({ description: "Whether the menu entry has exactly this kernel." }),
    promoted: z.boolean().meta({
      description:
        "Whether the machine boots that entry where nobody chooses, since it came up by it before.",
    }),
    running: z.boolean().meta({
      description:
        "Whether this kernel runs, and shows PREEMPT_RT: in uname -v, and in /sys/kernel/realtime where there is such a file.",
    }),
    added: z.record(z.string(), z.string()).meta({
      description: "Packages that were not there before, dependencies included, with their versions.",
    }),
  }),
  expectations: { installed: true, configured: true },
});
