import { knobs } from "../../plan/knobs.ts";
import { memoryManagement } from "../../schema/memory-management.ts";
import { kernelFilesHandler } from "./kernel-files.ts";

export const memoryManagementHandler = kernelFilesHandler({
  definition: memoryManagement,
  kind: "memory-management",
  knobs: knobs.memoryManagement,
  rivals: ["tuned", "ksmtuned"],
});
