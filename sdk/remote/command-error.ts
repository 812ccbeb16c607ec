import { HostError } from "../units/errors.ts";
import type { CommandResult } from "./transport.ts";

/** Lines of standard error that a message quotes. */
const QUOTED_LINES = 3;

/** A command that ran and did not end well. `result` holds everything it said. */
export class CommandError extends HostError {
  readonly result: CommandResult;
  readonly timedOut: boolean;
  readonly aborted: boolean;

  constructor(
    result: CommandResult,
    reason: { readonly timedOutMs?: number; readonly aborted?: boolean } = {},
  ) {
    const { timedOutMs, aborted = false } = reason;
    super({
      code: timedOutMs !== undefined ? "command-timeout" : aborted ? "command-aborted" : "command-failed",
      problem: `\`${result.command}\` on ${result.host} ${endOf(result, timedOutMs, aborted)}`,
      ...(said(result) !== "" && { observed: said(result) }),
    });
    this.result = result;
    this.timedOut = timedOutMs !== undefined;
    this.aborted = aborted;
  }
}

function endOf({ code }: CommandResult, timedOutMs: number | undefined, aborted: boolean): string {
  if (timedOutMs !== undefined) return `was ended after ${timedOutMs / 1000} s`;
  if (aborted) return "was aborted";
  return `ended with ${code}`;
}

function said({ stdout, stderr }: CommandResult): string {
  const lines = (stderr.trim() === "" ? stdout : stderr).trim().split("\n");
  return lines.slice(-QUOTED_LINES).join(" | ");
}
