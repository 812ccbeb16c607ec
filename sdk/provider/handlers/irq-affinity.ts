import { knobs } from "../../plan/knobs.ts";
import { irqAffinity } from "../../schema/irq-affinity.ts";
import { kernelFilesHandler } from "./kernel-files.ts";

export const irqAffinityHandler = kernelFilesHandler({
  definition: irqAffinity,
  kind: "irq-affinity",
  knobs: knobs.irqAffinity,
  rivals: ["tuned", "irqbalance"],
});
