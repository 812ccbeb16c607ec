import type { Readable } from "node:stream";

/**
 * What the rest of the SDK sees of a machine: commands as argv arrays, and files. Two transports stand behind it, SSH and
 * local; which one is told by the connection alone.
 */
export interface Command {
  /** Program and arguments. Quoted in one place (`units/quoting.ts`); never a shell string. */
  readonly argv: readonly [string, ...string[]];
  /**
   * Sent as standard input, then closed. Scripts go this way: `{ argv: ["sh", "-s"], stdin: script }`. A stream is sent as it comes, for a program that is
   * told what to do while it runs.
   */
  readonly stdin?: string | Uint8Array | Readable;
  /** The remote process group is ended after this long, and the command rejects. Default 60 000 ms. */
  readonly timeoutMs?: number;
  /** Aborting ends the remote process group, and the command rejects. */
  readonly signal?: AbortSignal;
  /** Run as root through `sudo -n` where the connection's user is not root. Default: the connection's `become`. */
  readonly become?: boolean;
  /** Environment of the command, beside `LC_ALL=C`; set by `env`, so no AcceptEnv is needed. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Texts that must not show up in errors or logs, wherever they occur in argv or output. */
  readonly secrets?: readonly string[];
  /** Called with each chunk of standard output as it comes. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  /** Called with each chunk of standard error as it comes. */
  readonly onStderr?: (chunk: Uint8Array) => void;
}

export interface CommandResult {
  /** As a person would type it, secrets redacted. */
  readonly command: string;
  readonly host: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface Transport {
  /** `user@host:port`, or `local`. */
  readonly host: string;
  /** Round trips made so far: one a command, one a file operation. */
  readonly roundTrips: number;
  /** Resolves whatever the exit code is; rejects with TransportError where the command did not run to its end. */
  execute(command: Command): Promise<CommandResult>;
  /** Like `execute`, but an exit code other than 0 rejects with CommandError. */
  run(command: Command): Promise<CommandResult>;
  /** Exact bytes, by SFTP to a temporary name beside the target, then rename. */
  writeFile(path: string, content: Uint8Array | string, options?: { readonly mode?: number }): Promise<void>;
  readFile(path: string): Promise<Uint8Array>;
  close(): Promise<void>;
}
