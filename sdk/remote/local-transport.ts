import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { TransportError } from "../units/errors.ts";
import { completeArgv, GRACE_S, RunningCommand, settle, succeeded, watch } from "./running-command.ts";
import type { Command, CommandResult, Transport } from "./transport.ts";

/** The machine itself, with the meaning that SSH has: own process group, one time limit, exact bytes. */
export class LocalTransport implements Transport {
  readonly host = "local";
  #roundTrips = 0;
  readonly #become: boolean;

  constructor(become = false) {
    this.#become = become;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  execute(command: Command): Promise<CommandResult> {
    this.#roundTrips += 1;
    const [program = "", ...args] = completeArgv(command, command.become ?? this.#become);
    return new Promise((resolve, reject) => {
      const running = new RunningCommand(command, this.host);
      const child = spawn(program, args, { detached: true, stdio: ["pipe", "pipe", "pipe"] });
      const watched = watch(command, () => endGroup(child.pid));
      child.stdout.on("data", (chunk: Uint8Array) => running.onStdout(chunk));
      child.stderr.on("data", (chunk: Uint8Array) => running.onStderr(chunk));
      // A command that does not read its input closes the pipe; that is its own affair.
      child.stdin.on("error", () => undefined);
      child.stdin.end(command.stdin ?? "");
      child.on("error", (cause) => {
        watched.stop();
        reject(
          new TransportError({
            code: "spawn",
            problem: `could not start ${program}`,
            observed: cause.message,
            cause,
          }),
        );
      });
      child.on("close", (code, signal) => {
        watched.stop();
        try {
          resolve(
            settle(command, running.result(code ?? 128 + (signal === "SIGKILL" ? 9 : 15)), watched.ended()),
          );
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async run(command: Command): Promise<CommandResult> {
    return succeeded(await this.execute(command));
  }

  async writeFile(
    path: string,
    content: Uint8Array | string,
    { mode = 0o644 }: { readonly mode?: number } = {},
  ): Promise<void> {
    this.#roundTrips += 1;
    const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
    await writeFile(temporary, content, { mode });
    await chmod(temporary, mode);
    await rename(temporary, path);
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#roundTrips += 1;
    return readFile(path);
  }

  async close(): Promise<void> {}
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  const signal = (name: "SIGTERM" | "SIGKILL") => {
    try {
      process.kill(-pid, name);
    } catch {
      // The group is gone already.
    }
  };
  signal("SIGTERM");
  setTimeout(() => signal("SIGKILL"), GRACE_S * 1000).unref();
}
