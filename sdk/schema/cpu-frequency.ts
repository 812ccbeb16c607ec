import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, name, wholeNumber } from "./fields.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

const HIGHEST_KHZ = 20_000_000;

export const cpuFrequency = defineResource({
  token: "nfvlab:host:CpuFrequency",
  description:
    "How fast CPUs run: governor, energy preference, bounds, turbo. Set now through cpufreq in sysfs, and at every boot by a file of our own in " +
    "/etc/tmpfiles.d. Delete writes back what create found, unless somebody else has changed it since, and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the set of CPUs; its file is /etc/tmpfiles.d/90-nfvlab-cpu-frequency-NAME.conf.", {
      change: "recreate",
    }),
    cpus: cpuList(
      "CPUs that governor, preference, bias and bounds are set on. Others are left alone.",
    ).optional(),
    governor: z
      .enum(["performance", "powersave", "schedutil", "ondemand", "conservative", "userspace"])
      .optional()
      .meta({
        description:
          "Who chooses the frequency. intel_pstate in active mode has performance and powersave alone.",
      }),
    energyPerformancePreference: z
      .enum(["default", "performance", "balance_performance", "balance_power", "power"])
      .optional()
      .meta({
        description:
          "What the processor itself prefers (EPP). Under the governor performance the kernel takes performance alone.",
      }),
    energyPerfBias: wholeNumber("Bias of Intel processors (EPB): 0 for performance to 15 for power.", {
      max: 15,
    }).optional(),
    minFrequencyKhz: wholeNumber("Lower bound in kHz. The kernel keeps it within what the processor has.", {
      min: 1,
      max: HIGHEST_KHZ,
    }).optional(),
    maxFrequencyKhz: wholeNumber("Upper bound in kHz. The kernel keeps it within what the processor has.", {
      min: 1,
      max: HIGHEST_KHZ,
    }).optional(),
    turbo: z.boolean().optional().meta({
      description:
        "Whether CPUs may exceed their base frequency: of the whole host, whatever `cpus` says. False for results that repeat.",
    }),
  }),
  outputs: z.object(kernelFileOutputs),
  expectations: { persisted: true },
});
