import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { named, sentence } from "./fields.ts";

const PROFILE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const VALUE = /^[^\n\r#]{0,512}$/;

export const tunedProfile = defineResource({
  token: "nfvlab:host:TunedProfile",
  description:
    "A profile of the TuneD daemon in force, with its variables: the machine is tuned by TuneD, not by resources of single knobs. Starts and enables tuned.service, writes the profile's " +
    "variables, selects it, and asks TuneD whether the machine is as it says. Boot arguments of a profile count from the next boot. Delete selects the profile that was active, or none, puts " +
    "tuned.service and the files that TuneD changes back as they were found, and leaves alone, with a warning, what somebody else has changed since.",
  inputs: z.strictObject({
    host: hostReference,
    profile: z
      .string()
      .refine((text) => PROFILE.test(text), sentence("the name of a profile"))
      .meta({ description: "Profile to select, as `tuned-adm list` names it: `realtime-virtual-host`." }),
    variables: named(
      VARIABLE,
      "names of variables",
      z.string().refine((text) => VALUE.test(text), sentence("one line without #")),
    )
      .optional()
      .meta({
        description:
          'Values by name, `{ isolated_cores: "2-15" }`, in /etc/tuned/PROFILE-variables.conf. Others stay as the file has them.',
      }),
    definition: z.string().max(65536).optional().meta({
      description:
        "Text of the profile's tuned.conf, for a profile of the program's own. Without it the profile is one that is installed.",
    }),
  }),
  outputs: z.object({
    found: z
      .object({
        profile: z.string().meta({ description: "Active profile; empty where there was none." }),
        mode: z.enum(["auto", "manual"]).meta({ description: "Whether TuneD had chosen it itself." }),
        isRunning: z.boolean().meta({ description: "Whether tuned.service ran." }),
        isEnabled: z.boolean().meta({ description: "Whether tuned.service started with the machine." }),
      })
      .meta({ description: "What was there before." }),
    differences: z.array(z.string()).meta({
      description:
        "What TuneD found otherwise than the profile says when it was asked last, as it says it; boot arguments are not among them.",
    }),
    unapplied: z.array(z.string()).meta({
      description: "Differences right after the profile was applied: what the machine does not take.",
    }),
    pendingArguments: z.array(z.string()).meta({
      description: "Boot arguments of the profile that the running kernel was not started with.",
    }),
    verified: z.boolean().meta({
      description: "Whether nothing is otherwise now that was as the profile says when it was applied.",
    }),
    persisted: z.boolean().meta({ description: "Whether tuned.service runs, and starts with the machine." }),
  }),
  expectations: { verified: true, persisted: true },
});
