import { z } from "zod";
import { declaredFirmware } from "./benchmarks.ts";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, duration, name, path, size, triggers, wholeNumber } from "./fields.ts";
import { GuestPageSize } from "./guest-memory.ts";
import { PERCENTILES, ResultRecord } from "./record.ts";

const recreate = { change: "recreate" } as const;

/** What is started again and again. Each is transient: nothing of it is defined, and it goes with the unit that started it. */
export const DensityInstances = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("guest"),
    kernel: path("Kernel on the machine, of a BootImage."),
    initramfs: path("Initramfs on the machine, with a guest agent; of a BootImage."),
    memory: size("Memory of each, a multiple of the page size. Default 128MiB.").optional(),
    pageSize: GuestPageSize.optional().meta({
      description: "Size of the pages that back it. All of them are taken at its start. Default 4KiB.",
    }),
    numaNode: wholeNumber("NUMA node that its memory lies on.", { max: 1023 }),
    emulatorCpus: cpuList("CPUs of QEMU's other threads."),
  }),
  z.strictObject({
    kind: z.literal("container"),
    memory: size("Most memory that each may take (memory.max). Default 64MiB.").optional(),
  }),
]);
export type DensityInstances = z.infer<typeof DensityInstances>;

export const density = defineResource({
  token: "nfvlab:bench:Density",
  description:
    "How many guests or containers a machine carries beside each other until a goal breaks: one does not start or does not answer in time, the machine has too little memory left, or threads of one wake up " +
    "too late. Starts more and more, each rung anew, goes back after a rung that broke and closes in between; all that it starts is transient, and gone with its unit however that ends. Never more than " +
    "CPUs, memory and huge pages allow. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run, part of its unit's name and of its instances'.", recreate),
    instances: DensityInstances.meta({
      description:
        "What is started: guests of one vCPU from a boot image, or LXC containers with the machine's programs, both without a network.",
      ...recreate,
    }),
    cpus: cpuList("CPUs that the instances run on, each on one of them, in turn.", recreate),
    perCpu: wholeNumber("Most instances of one CPU. Default 1.", { min: 1, max: 1000 }, recreate).optional(),
    most: wholeNumber(
      "Most instances. Default 1000; CPUs, memory and huge pages may allow fewer.",
      { min: 1, max: 1000 },
      recreate,
    ).optional(),
    keepFree: size(
      "Memory that stays free on each NUMA node that instances take theirs from: no rung begins that would need it, and a rung that takes it all the same has broken. Default: 4GiB, or a tenth of the " +
        "node where that is more; on an emulated server a tenth.",
      recreate,
    ).optional(),
    startTimeout: duration(
      "How long each may take from the order to start to its first answer, whole seconds: a goal like the others. Default 60s.",
      recreate,
    ).optional(),
    latency: z
      .strictObject({
        percentile: z
          .enum([...PERCENTILES, "max"])
          .optional()
          .meta({ description: "Which share of its wake-ups has to come in time. Default 99.9." }),
        limit: duration("How late they may come, whole µs, 1us to 1s."),
        interval: duration("Time between two wake-ups, whole µs. Default 1ms.").optional(),
        priority: wholeNumber("SCHED_FIFO priority of the thread. Default 95.", {
          min: 1,
          max: 99,
        }).optional(),
      })
      .optional()
      .meta({
        description:
          "Goal of wake-ups, by a thread of cyclictest in each instance, all at the same time. Default: none.",
        ...recreate,
      }),
    duration: duration(
      "How long all run beside each other before they are judged, whole seconds. A percentile needs enough wake-ups: 99.9 needs 10000. Default 20s.",
      recreate,
    ).optional(),
    limit: duration(
      "How long one repetition may take with all its rungs, whole seconds; then the run fails. Default 1h.",
      recreate,
    ).optional(),
    repetitions: wholeNumber(
      "How often the number is sought; from the second time on, from the number of the time before. Default 3; an interval needs 6.",
      { min: 1, max: 100 },
      recreate,
    ).optional(),
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({ record: ResultRecord }),
});
