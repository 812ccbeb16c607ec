import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { name, named, sentence } from "./fields.ts";

const PACKAGE = /^[a-z0-9][a-z0-9+.-]{1,127}(:[a-z0-9-]+)?$/;
const VERSION = /^[0-9][A-Za-z0-9.+~:-]*$/;

export const packages = defineResource({
  token: "nfvlab:host:Packages",
  description:
    "Software of a Debian or Ubuntu machine, by apt from the sources that it has: what is missing is installed, without recommended packages, and without starting a service that comes along. " +
    "Never removes, upgrades or downgrades a package to get there: what would need that is refused, with the packages named. Delete removes what create brought, dependencies included, unless " +
    "something else needs it by now; configuration files go as well.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of this set of packages, for its id.", { change: "recreate" }),
    packages: named(
      PACKAGE,
      "names of packages",
      z
        .string()
        .refine(
          (text) => text === "any" || VERSION.test(text),
          sentence('a version such as "2.8-1", or "any"'),
        ),
    )
      .refine((values) => Object.keys(values).length > 0, "observed no package, expected at least one")
      .meta({
        description:
          'Version by package, `{ "rt-tests": "any", "stress-ng": "0.18.10-1" }`; `any` takes what is installed, else the newest that the sources have.',
      }),
  }),
  outputs: z.object({
    installed: z
      .record(z.string(), z.string())
      .meta({ description: "Version of each package that is installed." }),
    added: z.record(z.string(), z.string()).meta({
      description: "Packages that were not there before, dependencies included, with their versions.",
    }),
    complete: z.boolean().meta({ description: "Whether every package is there, in its version." }),
  }),
  expectations: { complete: true },
});
