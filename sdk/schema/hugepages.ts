import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { wholeNumber } from "./fields.ts";

/** Page sizes that x86-64 has beside its 4 KiB pages. */
export const PageSize = z.enum(["2MiB", "1GiB"]);
export type PageSize = z.infer<typeof PageSize>;

export const hugepages = defineResource({
  token: "nfvlab:host:Hugepages",
  description:
    "Huge pages of one size on one NUMA node. Written to /sys/devices/system/node/nodeN/hugepages, so lost at a reboot and found " +
    "missing by refresh. Delete writes back the count that create found, unless somebody else has changed it since.",
  inputs: z.strictObject({
    host: hostReference,
    numaNode: wholeNumber("NUMA node that the pages lie on.", { max: 1023 }, { change: "recreate" }),
    size: PageSize.meta({ description: "Size of one page.", change: "recreate" }),
    count: wholeNumber("Pages in the pool. The kernel grants what it can: fewer is an error.", {
      max: 2 ** 31,
    }),
    triggers: z.array(z.unknown()).optional().meta({
      description:
        "Values that have the count written again when one of them changes: the `bootId` of a Reboot, since a boot takes the pages away.",
    }),
  }),
  outputs: z.object({
    found: wholeNumber("Pages that were there before, which delete restores.", {}),
    written: wholeNumber(
      "Pages that the kernel granted: another count found since is left alone by delete.",
      {},
    ),
    intact: z
      .boolean()
      .meta({ description: "The pool has the pages that were asked for: nobody took or added some since." }),
  }),
  expectations: { intact: true },
});
