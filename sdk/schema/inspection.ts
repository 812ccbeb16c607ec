import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineFunction } from "./definition.ts";
import { wholeNumber } from "./fields.ts";
import { PageSize } from "./hugepages.ts";
import { TuningResources } from "./tuning-plan.ts";

export const INSPECTION_VERDICTS = [
  "as wanted",
  "differs",
  "pending",
  "not on this machine",
  "not verifiable here",
] as const;

export const InspectionVerdict = z.enum(INSPECTION_VERDICTS).meta({
  description:
    "`as wanted`: in force, and no file says otherwise for the next boot. `pending`: configured and not in force, so the next boot brings it. `differs`: neither, or in force until " +
    "the next boot alone takes it away. `not on this machine`: it has no such setting. `not verifiable here`: nothing on it shows whether it is so.",
});

/** One setting as a machine has it, beside what is wanted: the three states of a knob. */
export const InspectedKnob = z.object({
  knob: z.string().meta({ description: "Resource and field, `sysctls.vm.stat_interval`." }),
  wanted: z.string().meta({ description: "What the plan wants." }),
  effective: z.string().meta({
    description:
      "What is in force, as its own place in the running kernel says; empty where it says nothing.",
  }),
  configured: z.string().meta({
    description: "What files on the machine set at the next boot, whoever wrote them; empty where none does.",
  }),
  pending: z
    .boolean()
    .meta({ description: "Configured as wanted and not in force: the next boot brings it." }),
  verdict: InspectionVerdict,
  note: z.string().meta({ description: "What is to be said of it, one clause; empty where nothing is." }),
  source: z.string().meta({ description: "Where the plan has it from; empty where it does not say." }),
  reason: z.string().meta({ description: "Why the plan wants it; empty where it does not say." }),
});
export type InspectedKnob = z.infer<typeof InspectedKnob>;

const declared = (description: string) => z.boolean().optional().meta({ description });

/** How the firmware is meant to be set up. What the machine shows of it is checked, all else is listed as not verified. */
export const FirmwareIntent = z.strictObject({
  simultaneousMultithreading: declared(
    "Hardware threads (Hyper-Threading, SMT) on. Checked by smt/control in sysfs.",
  ),
  turbo: declared(
    "Clocks beyond the base frequency (Turbo Boost, Core Performance Boost) on. Checked by cpufreq in sysfs, and by MSR 0x1a0 where the module msr is loaded.",
  ),
  deepIdleStates: declared(
    "C-states beyond C1 offered. Checked by cpuidle in sysfs. Source: OVS dpdk, C3 and C6 off.",
  ),
  numa: declared("Memory by node, so node interleaving off. Checked by the nodes that the kernel has."),
  iommu: declared("VT-d or AMD-Vi on. Checked by the ACPI tables DMAR and IVRS, and by the IOMMUs in force."),
  virtualization: declared("VT-x or SVM on. Checked by the flags of the CPU."),
  performanceProfile: declared("The power profile for performance. No machine shows it."),
  mlcStreamerPrefetcher: declared("The prefetcher of streams into the mid-level cache on. Not checked."),
  mlcSpatialPrefetcher: declared(
    "The prefetcher of adjacent lines into the mid-level cache on. Not checked.",
  ),
  usbLegacySupport: declared("USB emulated as PS/2, by system management interrupts, on. Not checked."),
  port6064Emulation: declared(
    "I/O ports 60h and 64h emulated, by system management interrupts, on. Not checked.",
  ),
});
export type FirmwareIntent = z.infer<typeof FirmwareIntent>;

const shared = z.string().meta({ description: "Section and name, `processor.governor`." });

/** What a machine is compared with: a plan of planTuning, or the arguments of a few resources. */
export const InspectedTuning = z.object({
  profile: z.string().optional().meta({ description: "Name of the profile, for the summary." }),
  resources: TuningResources.partial().meta({
    description: "Arguments of resources by kind, without host and name, as a plan of planTuning has them.",
  }),
  hugepages: z
    .array(
      z.object({
        numaNode: wholeNumber("NUMA node that the pages lie on.", { max: 1023 }),
        size: PageSize.meta({ description: "Size of one page." }),
        count: wholeNumber("Pages in the pool.", { max: 2 ** 31 }),
      }),
    )
    .optional()
    .meta({ description: "Pools of huge pages." }),
  settings: z
    .array(
      z.object({
        setting: shared,
        value: z.unknown().meta({ description: "What the profile wants." }),
        source: z.string().meta({ description: "Where it was read." }),
        reason: z.string().meta({ description: "Why it helps." }),
      }),
    )
    .optional()
    .meta({ description: "Where each setting comes from." }),
  unapplied: z
    .array(z.object({ setting: shared, reason: z.string().meta({ description: "Why no resource has it." }) }))
    .optional()
    .meta({ description: "Settings of the profile that no resource brings about." }),
});
export type InspectedTuning = z.infer<typeof InspectedTuning>;

const count = (description: string) => z.number().meta({ description });

export const inspect = defineFunction({
  token: "nfvlab:host:inspect",
  description:
    "How far a machine is from a tuning plan: of each setting what is wanted, what is in force and what the next boot brings, with a verdict. Reads in one round trip and changes " +
    "nothing, so it may be asked of any machine that can be logged in to; what only root can read is then not verifiable.",
  inputs: z.strictObject({
    host: hostReference,
    tuning: InspectedTuning.meta({ description: "What the machine is compared with." }),
    firmware: FirmwareIntent.optional().meta({
      description: "How the firmware is meant to be set up, item by item. Default: nothing is asked of it.",
    }),
  }),
  outputs: z.object({
    knobs: z
      .array(InspectedKnob)
      .meta({ description: "Every setting, in the order of the plan's resources." }),
    firmware: z.array(InspectedKnob).meta({ description: "Every item of `firmware`." }),
    machine: z.string().meta({ description: "Vendor, product and firmware version; empty where unknown." }),
    counts: z
      .object({
        asWanted: count("Settings that are as wanted."),
        differs: count("Settings that differ."),
        pending: count("Settings that the next boot brings."),
        notOnThisMachine: count("Settings that the machine does not have."),
        notVerifiable: count("Settings that nothing on the machine shows."),
      })
      .meta({ description: "Settings by verdict, those of the firmware left out." }),
    rivals: z
      .array(z.string())
      .meta({ description: "Services that run there and may set the same: tuned, irqbalance." }),
    summary: z.string().meta({ description: "`9 of 31 settings as wanted, 3 pending …`." }),
    explanation: z.string().meta({ description: "Summary and table as a text, for people." }),
  }),
});

/** How far a machine is from a plan. Plain data. */
export type Inspection = z.infer<typeof inspect.outputs>;
