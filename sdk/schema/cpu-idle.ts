import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, duration, name } from "./fields.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

export const cpuIdle = defineResource({
  token: "nfvlab:host:CpuIdle",
  description:
    "How deep CPUs sleep: a bound on wake-up time by CPU or for the whole host, and idle states that are switched off. Set now, and at every boot by a file of " +
    "our own in /etc/tmpfiles.d. Delete writes back what create found, unless somebody else has changed it since, and removes what it made.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the set of CPUs; its file is /etc/tmpfiles.d/90-nfvlab-cpu-idle-NAME.conf.", {
      change: "recreate",
    }),
    cpus: cpuList("CPUs that resumeLatency and disabledStates are set on. Others are left alone.").optional(),
    resumeLatency: z
      .union([z.literal("unlimited"), duration("")], {
        error: ({ input }) =>
          `observed ${JSON.stringify(input)}, expected "unlimited", or a whole number with us, ms or s, for instance "20us"`,
      })
      .optional()
      .meta({
        description:
          'Longest time that one of the CPUs may take to wake up, in whole µs; "0us" keeps it from sleeping at all, "unlimited" is the kernel\'s default. ' +
          "In pm_qos_resume_latency_us these are n/a and 0.",
        format: "duration",
      }),
    disabledStates: z
      .array(
        z.string().refine((text) => /^[A-Za-z0-9_ -]{1,15}$/.test(text), {
          error: ({ input }) =>
            `observed ${JSON.stringify(input)}, expected the name of an idle state, for instance "C6"`,
        }),
      )
      .min(1, "observed no idle state, expected at least one")
      .optional()
      .meta({
        description:
          "Idle states that the CPUs do not enter, as cpuidle/state*/name has them. Other states are left alone.",
      }),
    dmaLatency: duration(
      "Longest time that any CPU of the host may take to wake up, in whole µs. Held as long as the resource lives by a small service of our own, " +
        "nfvlab-dma-latency-NAME, that keeps /dev/cpu_dma_latency open.",
    ).optional(),
  }),
  outputs: z.object(kernelFileOutputs),
  expectations: { persisted: true },
});
