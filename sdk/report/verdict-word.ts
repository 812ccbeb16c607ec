import type { Verdict } from "./experiment.ts";

/** How a verdict is called; an advisory finding violates nothing. */
export function verdictWord({ passed, level }: Verdict): "holds" | "violated" | "advice" {
  if (passed) return "holds";
  return level === "mandatory" ? "violated" : "advice";
}
