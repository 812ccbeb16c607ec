import { HostError } from "../units/errors.ts";
import type { Answer } from "./probe.ts";

/** What a parser throws that recognised nothing: never an empty success. */
export function unreadable(what: string, { code, stdout, stderr }: Answer, cause?: unknown): HostError {
  const said = (stdout.trim() || stderr.trim()).split("\n").slice(0, 3).join(" | ");
  return new HostError({
    code: "parse",
    problem: `could not read ${what}`,
    observed: said === "" ? `nothing (exit code ${code})` : JSON.stringify(said.slice(0, 300)),
    hint: "the machine may lack the tool, or have a version whose output is not known",
    cause,
  });
}
