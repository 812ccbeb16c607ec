import { knobs } from "../../plan/knobs.ts";
import { workqueues } from "../../schema/workqueues.ts";
import { kernelFilesHandler } from "./kernel-files.ts";

export const workqueuesHandler = kernelFilesHandler({
  definition: workqueues,
  kind: "workqueues",
  knobs: knobs.workqueues,
  rivals: ["tuned"],
});
