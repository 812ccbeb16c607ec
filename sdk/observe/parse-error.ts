import { HostError } from "../units/errors.ts";
import type { Answer } from "./probe.ts";

/** Exit code of a question that did not end in its time. */
export const TIMED_OUT = 124;

/** What a parser throws that recognised nothing: never an empty success. */
export function unreadable(what: string, { code, stdout, stderr }: Answer, cause?: unknown): HostError {
  const said = (stdout.trim() || stderr.trim()).split("\n").slice(0, 3).join(" | ");
  const nothing = code === TIMED_OUT ? "no answer in time" : `nothing (exit code ${code})`;
  return new HostError({
    code: "parse",
    problem: `could not read ${what}`,
    observed: said === "" ? nothing : JSON.stringify(said.slice(0, 300)),
    hint:
      code === TIMED_OUT
        ? "the machine is busy, or the tool hangs: run it again, and look at the tool on the machine if it stays so"
        : "the machine may lack the tool, or have a version whose output is not known",
    cause,
  });
}
