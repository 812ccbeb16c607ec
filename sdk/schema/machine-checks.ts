import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

export const machineChecks = defineResource({
  token: "nfvlab:host:MachineChecks",
  description:
    "What a machine does about memory errors that its hardware has corrected. One setting of the kernel for all CPUs, those that come online later too. Set now, and at every boot by a file of " +
    "our own, /etc/tmpfiles.d/90-nfvlab-machine-checks.conf. Delete writes back what create found, unless somebody else has changed it since, and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    ignoreCorrected: z
      .boolean()
      .optional()
      .meta({
        description:
          "Whether corrected errors are neither polled for nor told by an interrupt (machinecheck/ignore_ce), so that neither takes time from a measured CPU. Uncorrected ones are handled as " +
          "before. Source: tuned realtime [sysfs].",
      }),
  }),
  outputs: z.object(kernelFileOutputs),
  expectations: { persisted: true },
});
