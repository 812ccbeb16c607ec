import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { named, sentence } from "./fields.ts";

const MODULE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,54}$/;
const PARAMETER = /^[A-Za-z0-9_]{1,64}$/;
const VALUE = /^[A-Za-z0-9_.,:=@/+-]{1,256}$/;

const aValue = sentence("a boolean, a whole number, or a text without spaces and quotes");
const value = z
  .union([z.boolean(), z.number().int(), z.string()], aValue)
  .refine((one) => typeof one !== "string" || VALUE.test(one), aValue);

export const moduleParameters = defineResource({
  token: "nfvlab:host:ModuleParameters",
  description:
    "Parameters of a kernel module: configured in a file of our own in /etc/modprobe.d, and written to the running kernel where it takes a write. What it does not is " +
    "pending until the module is loaded anew, by a boot for instance; no module is ever reloaded. Delete writes back what create found and removes the file.",
  inputs: z.strictObject({
    host: hostReference,
    module: z
      .string()
      .refine((text) => MODULE.test(text), sentence('the name of a module, for instance "kvm_intel"'))
      .meta({
        description: "Name of the module; the file is /etc/modprobe.d/90-nfvlab-MODULE.conf.",
        change: "recreate",
      }),
    parameters: named(PARAMETER, "names of parameters", value)
      .refine((values) => Object.keys(values).length > 0, "observed no parameter, expected at least one")
      .meta({
        description:
          "Values by name, `{ halt_poll_ns: 0 }`; names as `modinfo -p` has them. Others are left alone.",
      }),
  }),
  outputs: z.object({
    found: z
      .record(z.string(), z.string())
      .meta({ description: "Values that the running kernel had before, by name." }),
    written: z
      .record(z.string(), z.string())
      .meta({ description: "Values that were written to the running kernel." }),
    configured: z
      .record(z.string(), z.string())
      .meta({ description: "Values that the module gets when it is loaded next, by name." }),
    effective: z
      .record(z.string(), z.string())
      .meta({ description: "Values in force, by name; of a module that is not loaded there is none." }),
    pending: z.array(z.string()).meta({
      description: "Parameters that are configured and not in force until the module is loaded anew.",
    }),
    persisted: z
      .boolean()
      .meta({ description: "Whether the file in /etc/modprobe.d holds exactly these parameters." }),
  }),
  expectations: { persisted: true },
});
