import { HostError } from "../units/errors.ts";
import type { CommandResult } from "./transport.ts";

/** Lines of standard error that a message quotes. */
const QUOTED_LINES = 3;
/** Characters of a command line or of such a line that a message quotes. */
const QUOTED_CHARACTERS = 200;

export interface Interruption {
  readonly reason: "timeout" | "abort";
  readonly timeoutMs: number;
  /** The machine did not confirm that the command's processes are gone. */
  readonly unconfirmed?: boolean;
}

/**
 * A command that ran and did not end well. `code` says how: `command-failed`, `command-timeout` or `command-aborted`; `result`
 * holds everything it said until then.
 */
export class CommandError extends HostError {
  readonly result: CommandResult;
  readonly timedOut: boolean;
  readonly aborted: boolean;

  /** @param result redacted */
  constructor(result: CommandResult, interruption?: Interruption) {
    const said = lastLines(result);
    super({
      code: interruption === undefined ? "command-failed" : CODES[interruption.reason],
      problem: `\`${shortened(result.command)}\` on ${result.host} ${endOf(result, interruption)}`,
      ...(said !== "" && { observed: said }),
      ...(interruption?.unconfirmed === true && {
        hint: "it may still run there: the machine does not answer",
      }),
    });
    this.result = result;
    this.timedOut = interruption?.reason === "timeout";
    this.aborted = interruption?.reason === "abort";
  }
}

const CODES = { timeout: "command-timeout", abort: "command-aborted" } as const;

function endOf({ code }: CommandResult, interruption: Interruption | undefined): string {
  switch (interruption?.reason) {
    case "timeout":
      return `was ended after ${interruption.timeoutMs / 1000} s`;
    case "abort":
      return "was aborted";
    default:
      return `ended with exit code ${code}`;
  }
}

function lastLines({ stdout, stderr }: CommandResult): string {
  const lines = (stderr.trim() === "" ? stdout : stderr).trim().split("\n");
  return lines.slice(-QUOTED_LINES).map(shortened).join(" | ");
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= QUOTED_CHARACTERS ? line : `${line.slice(0, QUOTED_CHARACTERS)}…`;
}
