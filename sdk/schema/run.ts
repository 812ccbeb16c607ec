import { z } from "zod";

export const RunVersion = "nfvlab/run/1" as const;

/** The name of a run's manifest, in its folder. */
export const MANIFEST = "manifest.json";
/** The name of a run's record; absent where the run did not come to its end. */
export const RECORD = "record.json";
/** What the name of a run's folder ends in until the run is over. */
export const UNFINISHED = ".part";

/** A command that a measurement ran, and the files of what it was told and what it printed, byte by byte. */
export const KeptCommand = z.object({
  on: z.string().meta({ description: "Where it ran: the lab's name of the machine, `guest vnf of dut`." }),
  argv: z.array(z.string()).meta({ description: "Program and arguments." }),
  startedAt: z.string().meta({ description: "UTC, ISO 8601." }),
  durationMs: z.number().nullable().meta({ description: "Null where it was not seen to end." }),
  exitCode: z.number().nullable().meta({
    description: "As a shell gives it, 128 + n for signal n; null where it was not seen to end.",
  }),
  stdin: z.string().nullable().meta({ description: "File of what it was told while it ran." }),
  stdout: z.string().nullable().meta({ description: "File of its standard output; null where empty." }),
  stderr: z.string().nullable().meta({ description: "File of its standard error; null where empty." }),
});
export type KeptCommand = z.infer<typeof KeptCommand>;

export const KeptFile = z.object({
  sha256: z.string().meta({ description: "Hexadecimal." }),
  bytes: z.number(),
});
export type KeptFile = z.infer<typeof KeptFile>;

/** What is in the folder of one run of a measurement. */
export const RunManifest = z.object({
  schema: z.literal(RunVersion),
  name: z.string().meta({ description: "Name of the run, as its resource has it." }),
  kind: z.string().meta({ description: "The benchmark, as its record calls it." }),
  subject: z.string().meta({ description: "What was measured, for people." }),
  project: z.string(),
  stack: z.string(),
  startedAt: z.string().meta({ description: "UTC, ISO 8601." }),
  endedAt: z.string().nullable().meta({ description: "Null of one that is not over, or was cut off." }),
  ended: z.enum(["complete", "interrupted", "failed", "unfinished"]).meta({
    description:
      "complete: there is a record. interrupted: by Ctrl-C or a time limit. failed: `reason` says of what. unfinished: it still runs, or whoever kept it was killed.",
  }),
  reason: z.string().meta({ description: "Why there is no record; empty where there is one." }),
  commands: z.array(KeptCommand).meta({ description: "In the order in which they began." }),
  files: z.record(z.string(), KeptFile).meta({
    description: "Every other file, by its path from the folder. Secrets of the inputs stand as [secret].",
  }),
});
export type RunManifest = z.infer<typeof RunManifest>;

/** The manifest's JSON Schema (draft 2020-12), for programs that read a results folder. */
export function runJsonSchema(): object {
  return z.toJSONSchema(RunManifest);
}
