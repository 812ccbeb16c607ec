import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList } from "./fields.ts";

const byScope = z.record(z.string(), z.string());

export const systemdCpus = defineResource({
  token: "nfvlab:host:SystemdCpus",
  description:
    "CPUs of what systemd starts: the service manager's own, which everything it starts begins with, and those of its slices. Set by drop-ins of our own, and in force after the manager has read " +
    "them: new services at once, slices at once; services that run keep their CPUs until they start anew, and are pending. Nothing is restarted. Delete removes the drop-ins and gives the manager the " +
    "CPUs that create found, unless somebody else has changed them since.",
  inputs: z.strictObject({
    host: hostReference,
    cpuAffinity: cpuList(
      "CPUs that services begin with (CPUAffinity= in /etc/systemd/system.conf.d/90-nfvlab-cpus.conf). One whose unit has a CPUAffinity= of its own goes by that.",
    ).optional(),
    allowedCpus: z
      .strictObject({
        system: cpuList("CPUs of system.slice: services.").optional(),
        user: cpuList("CPUs of user.slice: people who are logged in, and what they run.").optional(),
        machine: cpuList(
          "CPUs of machine.slice: guests and containers. Has to include the isolated CPUs, or no virtual CPU can be pinned to them.",
        ).optional(),
      })
      .refine((slices) => Object.values(slices).some((cpus) => cpus !== undefined), {
        error: () => "observed no slice, expected system, user or machine",
      })
      .optional()
      .meta({
        description:
          "CPUs beyond which nothing in a slice runs, whatever it asks for (AllowedCPUs= in /etc/systemd/system/NAME.slice.d/90-nfvlab-cpus.conf). Takes control groups of version 2.",
      }),
  }),
  outputs: z.object({
    found: byScope.meta({
      description: "CPUs in force before, `manager`, `system`, `user`, `machine`, which delete gives back.",
    }),
    written: byScope.meta({
      description:
        "CPUs that the manager was given, under `manager`, and the text of each drop-in by its path: what reads otherwise since is left alone by delete.",
    }),
    configured: byScope.meta({
      description: "CPUs that our drop-ins ask for: `manager`, `system`, `user`, `machine`.",
    }),
    effective: byScope.meta({
      description: "CPUs in force, likewise; of a slice that has nothing in it there are none.",
    }),
    pending: z.array(z.string()).meta({
      description:
        "Services that run on other CPUs than cpuAffinity, having started before: until they are restarted, or the machine is.",
    }),
    persisted: z.boolean().meta({ description: "Whether the drop-ins hold exactly that." }),
  }),
  expectations: { persisted: true },
});
