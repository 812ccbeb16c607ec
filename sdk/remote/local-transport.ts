import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { type Exit, execute, type Streams, succeeded } from "./execution.ts";
import { fileError } from "./file-error.ts";
import { readAsRoot, writeAsRoot } from "./root-files.ts";
import type { Command, CommandResult, Transport } from "./transport.ts";

/** The machine that this process runs on, with the meaning that SSH has: sessions, time limits, exact bytes. */
export class LocalTransport implements Transport {
  readonly host = "local";
  readonly #become: boolean;
  #roundTrips = 0;

  constructor(become = false) {
    this.#become = become;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  execute(command: Command): Promise<CommandResult> {
    const sudo = this.#sudo(command.become ?? this.#become);
    const connect = async () => {
      this.#roundTrips += 1;
      return { start, startEnding: start };
    };
    return execute({ host: this.host, sudo, connect }, command);
  }

  async run(command: Command): Promise<CommandResult> {
    return succeeded(command, await this.execute(command));
  }

  async writeFile(
    path: string,
    content: Uint8Array | string,
    { mode = 0o644 }: { readonly mode?: number } = {},
  ): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
    try {
      if (this.#sudo(this.#become)) {
        await this.run(writeAsRoot(path, temporary, Buffer.from(content), mode));
        return;
      }
      this.#roundTrips += 1;
      const file = await open(temporary, "wx", mode);
      try {
        await file.writeFile(content);
        await file.chmod(mode);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw fileError("write", path, this.host, error as Error);
    }
  }

  async readFile(path: string): Promise<Uint8Array> {
    try {
      if (this.#sudo(this.#become)) {
        const chunks: Uint8Array[] = [];
        await this.run(readAsRoot(path, (chunk) => chunks.push(chunk)));
        return Buffer.concat(chunks);
      }
      this.#roundTrips += 1;
      return await readFile(path);
    } catch (error) {
      throw fileError("read", path, this.host, error as Error);
    }
  }

  async close(): Promise<void> {}

  #sudo(become: boolean): boolean {
    return become && process.getuid?.() !== 0;
  }
}

function start(argv: readonly string[], streams: Streams): Promise<Exit> {
  const [program = "", ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, { detached: true, stdio: "pipe" });
    child.stdout.on("data", streams.onStdout);
    child.stderr.on("data", streams.onStderr);
    // A command that ends before it has read its input closes the pipe; that is its own affair.
    child.stdin.on("error", () => undefined);
    streams.stdin.pipe(child.stdin);
    streams.abandoned.addEventListener("abort", () => {
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.on("error", (error) => {
      streams.onStderr(Buffer.from(error.message));
      resolve({ code: 127, signal: null });
    });
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
}
