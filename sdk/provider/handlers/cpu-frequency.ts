import { knobs } from "../../plan/knobs.ts";
import { cpuFrequency } from "../../schema/cpu-frequency.ts";
import { kernelFilesHandler } from "./kernel-files.ts";

export const cpuFrequencyHandler = kernelFilesHandler({
  definition: cpuFrequency,
  kind: "cpu-frequency",
  knobs: knobs.cpuFrequency,
  rivals: ["tuned", "thermald", "power-profiles-daemon"],
});
