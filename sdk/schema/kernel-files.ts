import { z } from "zod";

/** What state holds of settings in kernel files, beside the fields themselves. */
export const kernelFileOutputs = {
  found: z.record(z.string(), z.record(z.string(), z.string())).meta({
    description:
      "What was there before, which delete restores: by file, in that by text, the CPUs or interrupts that had it.",
  }),
  written: z.record(z.string(), z.record(z.string(), z.string())).meta({
    description:
      "What was brought into force, in the same form: what reads otherwise since is left alone by delete.",
  }),
  persisted: z.boolean().meta({
    description: "Whether the file in /etc/tmpfiles.d holds exactly these settings for the next boot.",
  }),
};
