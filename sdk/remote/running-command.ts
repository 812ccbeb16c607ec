import { InputError } from "../units/errors.ts";
import { CommandError } from "./command-error.ts";
import { quoteAll } from "./quoting.ts";
import type { Command, CommandResult } from "./transport.ts";

export const DEFAULT_TIMEOUT_MS = 60_000;

/** Between asking a process group to end and ending it, s. */
export const GRACE_S = 2;

/** The argv that is really run: its environment set by `env`, root by `sudo -n`. */
export function completeArgv(command: Command, become: boolean): string[] {
  for (const word of command.argv) {
    if (word.includes("\0")) {
      throw new InputError({
        code: "argument",
        problem: "an argument holds a NUL byte",
        observed: JSON.stringify(word),
      });
    }
  }
  const environment = Object.entries({ LC_ALL: "C", ...command.environment }).map(
    ([name, value]) => `${name}=${value}`,
  );
  return [...(become ? ["sudo", "-n", "--"] : []), "env", ...environment, ...command.argv];
}

/** Collects what a command says, as bytes, and makes its result; a character split over two chunks stays whole. */
export class RunningCommand {
  readonly #command: Command;
  readonly #host: string;
  readonly #startedAt = performance.now();
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];

  constructor(command: Command, host: string) {
    this.#command = command;
    this.#host = host;
  }

  onStdout(chunk: Uint8Array): void {
    this.#stdout.push(chunk);
    this.#command.onStdout?.(chunk);
  }

  onStderr(chunk: Uint8Array): void {
    this.#stderr.push(chunk);
  }

  result(code: number): CommandResult {
    return {
      command: this.#redact(quoteAll(this.#command.argv)),
      host: this.#host,
      code,
      stdout: this.#redact(Buffer.concat(this.#stdout).toString("utf8")),
      stderr: this.#redact(Buffer.concat(this.#stderr).toString("utf8")),
      durationMs: Math.round(performance.now() - this.#startedAt),
    };
  }

  #redact(text: string): string {
    return (this.#command.secrets ?? [])
      .filter((secret) => secret !== "")
      .reduce((clean, secret) => clean.replaceAll(secret, "[secret]"), text);
  }
}

/** Calls `kill` once when the command's time is up or it is aborted, and says which it was. */
export function watch(
  command: Command,
  kill: () => void,
): { readonly stop: () => void; readonly ended: () => "timeout" | "abort" | undefined } {
  let why: "timeout" | "abort" | undefined;
  const end = (reason: "timeout" | "abort") => {
    if (why !== undefined) return;
    why = reason;
    kill();
  };
  const timer = setTimeout(() => end("timeout"), command.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const onAbort = () => end("abort");
  command.signal?.addEventListener("abort", onAbort, { once: true });
  if (command.signal?.aborted === true) queueMicrotask(onAbort);
  return {
    ended: () => why,
    stop: () => {
      clearTimeout(timer);
      command.signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** The result, or why there is none. */
export function settle(
  command: Command,
  result: CommandResult,
  ended: "timeout" | "abort" | undefined,
): CommandResult {
  if (ended === "timeout")
    throw new CommandError(result, { timedOutMs: command.timeoutMs ?? DEFAULT_TIMEOUT_MS });
  if (ended === "abort") throw new CommandError(result, { aborted: true });
  return result;
}

/** The result of a command that has to succeed. */
export function succeeded(result: CommandResult): CommandResult {
  if (result.code !== 0) throw new CommandError(result);
  return result;
}
