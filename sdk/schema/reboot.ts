import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { duration } from "./fields.ts";

export const reboot = defineResource({
  token: "nfvlab:host:Reboot",
  description:
    "Reboots a machine where boot arguments or a kernel wait for it, and for nothing else. The menu entry that has them is booted once; it becomes the default only " +
    "after the machine is back, with a new boot id, the kernel that was chosen and every argument in force. If it does not come up, the next start is that of the entry before. " +
    "Create reboots where something is pending, a change of `triggers` likewise. Delete does nothing.",
  inputs: z.strictObject({
    host: hostReference,
    allow: z.literal(true).meta({
      description: "Says that this machine may be taken away for minutes, with all that runs on it.",
    }),
    triggers: z.array(z.unknown()).optional().meta({
      description:
        "Values that a change of reboots for, where something is pending: the `arguments` of the BootArguments, and the `kernel` of the RealtimeKernel, that it is for.",
      change: "reboot",
    }),
    reason: z
      .string()
      .regex(/^[^\n\r\0]{1,200}$/, "expected a text of one line")
      .optional()
      .meta({ description: "Why, for the log of the machine." }),
    bootTimeout: duration(
      "How long the machine may take until SSH answers again, from 1 s to 1 h. Default 600s.",
    ).optional(),
    drain: z.enum(["refuse-if-foreign-guests"]).optional().meta({
      description:
        "What becomes of guests that run: those of this lab end with the machine; where others run too, nothing is rebooted. Default, and all there is.",
    }),
  }),
  outputs: z.object({
    bootId: z.string().meta({
      description: "The boot that runs; another one after each reboot. A trigger for what depends on it.",
    }),
    rebootedAt: z
      .string()
      .optional()
      .meta({ description: "When the boot began that this brought about, UTC." }),
    rolledBack: z.boolean().meta({
      description:
        "Whether the machine came back by the entry before, since the one that was tried did not come up.",
    }),
    verified: z.boolean().meta({
      description:
        "Whether every argument was in force when last looked, and the kernel complained about none.",
    }),
    failedEntry: z.string().optional().meta({
      description: "Menu entry that did not come up. It is not tried again until it or `triggers` change.",
    }),
  }),
  expectations: { rolledBack: false, verified: true },
});
