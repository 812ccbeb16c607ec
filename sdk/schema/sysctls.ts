import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { name } from "./fields.ts";

const KEY = /^[a-z0-9_-]+(\.[A-Za-z0-9_/:@-]+)+$/;
const KEY_EXPECTED = 'a key as sysctl(8) names it, for instance "kernel.numa_balancing"';
const VALUE_EXPECTED = "a whole number, or a text of one line";

const value = z.union([z.number().int(), z.string().regex(/^[^\n\r\0]{1,512}$/)], {
  error: ({ input }) => `observed ${JSON.stringify(input)}, expected ${VALUE_EXPECTED}`,
});

export const sysctls = defineResource({
  token: "nfvlab:host:Sysctls",
  description:
    "Kernel parameters under /proc/sys: set now, and at every boot by a file of our own in /etc/sysctl.d. Delete writes back each value that create " +
    "found, unless somebody else has changed it since, and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the set; its file is /etc/sysctl.d/90-nfvlab-NAME.conf.", { change: "recreate" }),
    values: z
      .record(
        z.string().refine((key) => KEY.test(key), {
          error: ({ input }) => `observed ${JSON.stringify(input)}, expected ${KEY_EXPECTED}`,
        }),
        value,
      )
      .refine((values) => Object.keys(values).length > 0, "observed no key, expected at least one")
      .meta({ description: 'Values by key, `{ "kernel.numa_balancing": 0 }`. Other keys are left alone.' }),
  }),
  outputs: z.object({
    found: z.record(z.string(), z.string()).meta({ description: "Values that were there before, by key." }),
    written: z.record(z.string(), z.string()).meta({
      description:
        "Values as they read after they were set, by key: what reads otherwise since is left alone by delete.",
    }),
    persisted: z
      .boolean()
      .meta({ description: "Whether the file in /etc/sysctl.d holds exactly these values." }),
  }),
  expectations: { persisted: true },
});
