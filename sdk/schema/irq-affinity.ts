import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList } from "./fields.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

export const irqAffinity = defineResource({
  token: "nfvlab:host:IrqAffinity",
  description:
    "CPUs that serve device interrupts. An interrupt that is within them already stays where it is; what can't be moved is recorded. Set now, and at every boot by a " +
    "file of our own, /etc/tmpfiles.d/90-nfvlab-irq-affinity.conf. Delete writes back what create found, unless somebody else has changed it since, and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    defaultCpus: cpuList(
      "CPUs of interrupts that come up later (/proc/irq/default_smp_affinity).",
    ).optional(),
    cpus: cpuList("CPUs that no device interrupt leaves: the housekeeping ones.").optional(),
  }),
  outputs: z.object({
    ...kernelFileOutputs,
    unmovable: z.array(z.string()).meta({
      description:
        "Interrupts that the kernel does not let anybody move, by number and name, `24 virtio0-input`.",
    }),
  }),
  expectations: { persisted: true },
});
