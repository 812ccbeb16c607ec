import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList } from "./fields.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

export const workqueues = defineResource({
  token: "nfvlab:host:Workqueues",
  description:
    "CPUs that do the kernel's deferred work, where the work is not bound to one. Set now, and at every boot by a file of our own, " +
    "/etc/tmpfiles.d/90-nfvlab-workqueues.conf. Delete writes back what create found, unless somebody else has changed it since, and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    cpus: cpuList(
      "CPUs of all unbound workqueues (workqueue/cpumask in sysfs): the housekeeping ones.",
    ).optional(),
    writebackCpus: cpuList("CPUs that write dirty pages to disks (workqueue/writeback/cpumask).").optional(),
  }),
  outputs: z.object(kernelFileOutputs),
  expectations: { persisted: true },
});
