import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList } from "./fields.ts";

export const irqBalance = defineResource({
  token: "nfvlab:host:IrqBalance",
  description:
    "CPUs that irqbalance moves no interrupt to: lines of our own at the end of /etc/default/irqbalance or /etc/sysconfig/irqbalance, whichever its unit reads. A running irqbalance " +
    "reads them at its next start, which is brought about only where `restart` is `allow`. Does nothing, and says so, where irqbalance is not installed. Delete takes our lines out, and leaves " +
    "the file byte by byte as it was found; lines that somebody else has changed stay.",
  inputs: z.strictObject({
    host: hostReference,
    bannedCpus: cpuList(
      "CPUs that no interrupt is moved to (IRQBALANCE_BANNED_CPULIST). Left to itself irqbalance keeps off isolcpus= and nohz_full= CPUs; this list takes the place of that.",
    ),
    restart: z.enum(["allow", "deny"]).optional().meta({
      description:
        "Whether a running irqbalance may be restarted, so that the list counts at once. Interrupts go on being served meanwhile. Default deny.",
    }),
  }),
  outputs: z.object({
    presence: z.enum(["running", "stopped", "missing"]).meta({
      description: "Whether irqbalance runs; `missing` where it is not installed, or masked.",
    }),
    found: z
      .object({
        file: z.boolean().meta({ description: "Whether its file was there." }),
        bannedCpus: z
          .string()
          .nullable()
          .meta({ description: "CPUs that it banned; null where nothing said so." }),
      })
      .meta({ description: "What was configured before." }),
    written: z
      .string()
      .meta({ description: "Our lines: where they read otherwise since, delete leaves them alone." }),
    configured: z.string().nullable().meta({
      description: "CPUs that irqbalance keeps off from its next start; null where nothing says so.",
    }),
    effective: z.string().nullable().meta({
      description:
        "CPUs that the running irqbalance was told to keep off; null where it was told nothing, or does not run.",
    }),
    pending: z.boolean().meta({
      description: "Whether irqbalance runs by other CPUs than are configured, until it is restarted.",
    }),
    persisted: z.boolean().meta({
      description:
        "Whether its file holds our lines; true where irqbalance is missing, and nothing is to be held.",
    }),
  }),
  expectations: { persisted: true },
});
