import { constants } from "node:os";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { HostError, TransportError } from "../units/errors.ts";
import { CommandError, type Interruption } from "./command-error.ts";
import { endSession, GRACE_S, leadSession, SessionLine } from "./command-session.ts";
import { commandLine, redactResult } from "./redaction.ts";
import type { Command, CommandResult } from "./transport.ts";

const DEFAULT_TIMEOUT_MS = 60_000;

/** How long a machine may take to confirm that a command was ended, beyond the command's own grace. */
const CONFIRM_MS = GRACE_S * 1000 + 5000;

/** How a process ended; both null where the connection was closed before it did. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Starts a program on a machine and resolves at its end. */
export type Start = (argv: readonly string[], streams: Streams) => Promise<Exit>;

export interface Streams {
  readonly stdin: Readable;
  readonly onStdout: (chunk: Uint8Array) => void;
  readonly onStderr: (chunk: Uint8Array) => void;
  /** Nobody listens any more: whatever still holds the streams open is let go. */
  readonly abandoned: AbortSignal;
}

export interface Machine {
  readonly host: string;
  readonly sudo: boolean;
  readonly connect: () => Promise<Starters>;
}

export interface Starters {
  readonly start: Start;
  /** Starts what ends a command, beside those that run. */
  readonly startEnding: Start;
}

/** Runs one command on a machine: what both transports have in common. */
export async function execute(machine: Machine, command: Command): Promise<CommandResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = command;
  const output = new Output(command, machine.host);
  const argv = leadSession(command, timeoutMs, machine.sudo);
  if (command.signal?.aborted === true) throw output.interrupted({ reason: "abort", timeoutMs });

  const interruption = watch(command.signal);
  try {
    const starters = await Promise.race([machine.connect(), interruption.reason]);
    if (typeof starters === "string") throw output.interrupted({ reason: starters, timeoutMs });

    const line = new SessionLine((chunk) => {
      output.stderr.push(chunk);
      command.onStderr?.(chunk);
    });
    const abandonment = new AbortController();
    output.begin();
    interruption.limit(timeoutMs);
    const ended = starters.start(argv, {
      stdin: inputOf(command),
      onStdout: (chunk) => {
        output.stdout.push(chunk);
        command.onStdout?.(chunk);
      },
      onStderr: (chunk) => line.take(chunk),
      abandoned: abandonment.signal,
    });
    const exit = await Promise.race([ended, interruption.reason]);
    if (typeof exit !== "string") return output.result(judge(exit, line, machine, command));

    // Goes on where the machine takes longer than we wait: a command that starts late is ended all the same.
    const gone = endOnceStarted(starters, line, ended, machine.sudo).finally(() => abandonment.abort());
    const confirmed = await within(CONFIRM_MS, gone);
    throw output.interrupted({ reason: exit, timeoutMs, unconfirmed: !confirmed });
  } finally {
    interruption.stop();
  }
}

/** @throws CommandError where the exit code is not 0 */
export function succeeded(command: Command, result: CommandResult): CommandResult {
  if (result.code !== 0) throw new CommandError(redactResult(result, command.secrets));
  return result;
}

function inputOf({ stdin = "" }: Command): Readable {
  return stdin instanceof Readable ? stdin : Readable.from(stdin.length === 0 ? [] : [Buffer.from(stdin)]);
}

/** What a command says, as bytes until its end: a character split over two chunks stays whole. */
class Output {
  readonly stdout: Uint8Array[] = [];
  readonly stderr: Uint8Array[] = [];
  readonly #command: Command;
  readonly #host: string;
  #startedAt = performance.now();

  constructor(command: Command, host: string) {
    this.#command = command;
    this.#host = host;
  }

  /** The command starts now: until here, we waited for a connection. */
  begin(): void {
    this.#startedAt = performance.now();
  }

  result(code: number): CommandResult {
    return {
      command: commandLine(this.#command),
      host: this.#host,
      code,
      stdout: Buffer.concat(this.stdout).toString("utf8"),
      stderr: Buffer.concat(this.stderr).toString("utf8"),
      durationMs: Math.round(performance.now() - this.#startedAt),
    };
  }

  interrupted(interruption: Interruption): CommandError {
    const code =
      128 + (interruption.reason === "abort" ? constants.signals.SIGINT : constants.signals.SIGTERM);
    return new CommandError(redactResult(this.result(code), this.#command.secrets), interruption);
  }
}

/** The exit code as a shell gives it, 128 + n for signal n. */
function judge({ code, signal }: Exit, line: SessionLine, machine: Machine, command: Command): number {
  if (code === null && signal === null) throw connectionLost(machine.host, `\`${command.argv[0]}\` ran`);
  if (!line.found) throw notStarted(line.held, machine);
  return code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}

async function endOnceStarted(
  { startEnding }: Starters,
  line: SessionLine,
  ended: Promise<unknown>,
  sudo: boolean,
): Promise<void> {
  const over = ended.then(ignore, ignore);
  const session = await Promise.race([line.session, over]);
  if (session === undefined) return;
  await startEnding(endSession(session, sudo), {
    stdin: Readable.from([]),
    onStdout: ignore,
    onStderr: ignore,
    abandoned: new AbortController().signal,
  });
  // Its last words are still on the way.
  await within(1000, over);
}

function ignore(): undefined {}

function watch(signal: AbortSignal | undefined) {
  let interrupt: (reason: Interruption["reason"]) => void = ignore;
  const reason = new Promise<Interruption["reason"]>((resolve) => {
    interrupt = resolve;
  });
  const onAbort = () => interrupt("abort");
  let timer: NodeJS.Timeout | undefined;
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    reason,
    limit: (timeoutMs: number) => {
      timer = setTimeout(() => interrupt("timeout"), timeoutMs);
    },
    stop: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** Whether the work is done in time. */
async function within(timeMs: number, work: Promise<unknown>): Promise<boolean> {
  const done = work.then(
    () => true,
    () => false,
  );
  const timer = new AbortController();
  try {
    return await Promise.race([done, sleep(timeMs, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

/** @param during what was going on */
export function connectionLost(host: string, during: string, cause?: Error): TransportError {
  return new TransportError({
    code: "connection-lost",
    problem: `lost the connection to ${host} while ${during}`,
    observed: cause?.message ?? "closed by the other side",
    hint: "what it did is not known; the next run looks at the machine again",
    cause,
  });
}

function notStarted(said: string, { host, sudo }: Machine): HostError {
  const observed = said === "" ? "no word of why" : said.split("\n").slice(-3).join(" | ");
  return sudo
    ? new HostError({
        code: "sudo",
        problem: `${host} does not let this user become root, so nothing was run`,
        observed,
        hint: "install sudo and allow the user everything with NOPASSWD in sudoers, or connect as root",
      })
    : new HostError({
        code: "not-started",
        problem: `${host} does not run our commands`,
        observed,
        hint: "the user needs a POSIX login shell, without ForceCommand",
      });
}
