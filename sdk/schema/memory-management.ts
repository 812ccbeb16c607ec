import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

export const memoryManagement = defineResource({
  token: "nfvlab:host:MemoryManagement",
  description:
    "What the kernel does with memory on its own: transparent huge pages, compaction for them, same-page merging. Set now, and at every boot by a file of our own, " +
    "/etc/tmpfiles.d/90-nfvlab-memory-management.conf. Delete writes back what create found, unless somebody else has changed it since, and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    transparentHugepages: z.enum(["always", "madvise", "never"]).optional().meta({
      description: "Memory that gets huge pages without asking for them. never keeps khugepaged idle.",
    }),
    defrag: z.enum(["always", "defer", "defer+madvise", "madvise", "never"]).optional().meta({
      description: "When a page fault waits for memory to be compacted so that it gets a huge page.",
    }),
    khugepagedDefrag: z
      .boolean()
      .optional()
      .meta({ description: "Whether khugepaged compacts memory in the background." }),
    ksm: z.boolean().optional().meta({
      description:
        "Whether ksmd merges equal pages of guests. False stops it and takes apart what it has merged (run is 2, then 0).",
    }),
  }),
  outputs: z.object(kernelFileOutputs),
  expectations: { persisted: true },
});
