import { knobs } from "../../plan/knobs.ts";
import { machineChecks } from "../../schema/machine-checks.ts";
import { kernelFilesHandler } from "./kernel-files.ts";

export const machineChecksHandler = kernelFilesHandler({
  definition: machineChecks,
  kind: "machine-checks",
  knobs: knobs.machineChecks,
  rivals: ["tuned"],
});
