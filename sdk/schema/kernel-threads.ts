import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, wholeNumber } from "./fields.ts";
import { kernelFileOutputs } from "./kernel-files.ts";

const THREAD = /^[A-Za-z][A-Za-z0-9_.:-]{0,31}(\/\d{1,5})?$/;

const scheduling = z
  .strictObject({
    policy: z.enum(["fifo", "rr", "other", "batch", "idle"]).optional().meta({
      description:
        "Scheduling policy: fifo and rr are real-time, and run before all that is not. Without it policy and priority stay.",
    }),
    priority: wholeNumber(
      "Priority of fifo and rr, 1 (lowest) to 99; 0, the default, with the other policies.",
      { max: 99 },
    ).optional(),
    cpus: cpuList(
      "CPUs that the threads may run on. Those that the kernel binds to their CPU stay, and are named in `unmovable`.",
    ).optional(),
  })
  .refine(({ policy, cpus }) => policy !== undefined || cpus !== undefined, {
    error: () => "observed neither, expected policy, cpus or both",
  })
  .refine(({ policy, priority = 0 }) => (policy === "fifo" || policy === "rr") === priority > 0, {
    error: ({ input }) =>
      `observed ${JSON.stringify(input)}, expected a priority of 1 to 99 with fifo and rr, and none or 0 with the others`,
  });

export const kernelThreads = defineResource({
  token: "nfvlab:host:KernelThreads",
  description:
    "How the kernel's own threads are scheduled, and where they run. Set now, and at every boot by a oneshot service of our own, nfvlab-kernel-threads. Delete gives each thread, by its name, what " +
    "create found, unless somebody else has changed it since, and removes the service.",
  inputs: z.strictObject({
    host: hostReference,
    threads: z
      .record(
        z.string().refine((name) => THREAD.test(name), {
          error: ({ input }) =>
            `observed ${JSON.stringify(input)}, expected the name of a kernel thread, for instance "ksoftirqd"`,
        }),
        scheduling,
      )
      .refine((threads) => Object.keys(threads).length > 0, "observed no thread, expected at least one")
      .meta({
        description:
          'Scheduling by the thread\'s name: "ksoftirqd" is that of every CPU, "ksoftirqd/2" that of CPU 2. Other threads are left alone.',
      }),
  }),
  outputs: z.object({
    found: kernelFileOutputs.found.meta({
      description:
        "How the threads were scheduled before, which delete restores: by name, in that by text, the CPUs whose thread it was.",
    }),
    written: kernelFileOutputs.written.meta({
      description:
        "How they were scheduled in the end, in the same form: what reads otherwise since is left alone by delete.",
    }),
    unmovable: z.array(z.string()).meta({
      description: "Threads that are to run elsewhere, and that the kernel lets nobody move, by name.",
    }),
    persisted: z.boolean().meta({
      description: "Whether the service that does it at boot is enabled, and holds exactly that.",
    }),
  }),
  expectations: { persisted: true },
});
