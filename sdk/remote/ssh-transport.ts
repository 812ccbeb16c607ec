import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeSSH } from "node-ssh";
import pLimit from "p-limit";
import type { SFTPWrapper } from "ssh2";
import { HostError, TransportError } from "../units/errors.ts";
import { quoteAll } from "../units/quoting.ts";
import { addressOf, type SshConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import { connectionLost, type Exit, execute, type Start, succeeded } from "./execution.ts";
import { fileError } from "./file-error.ts";
import { readAsRoot, writeAsRoot } from "./root-files.ts";
import { isRefusal, readBySftp, writeBySftp } from "./sftp-files.ts";
import type { Command, CommandResult, Transport } from "./transport.ts";

/** Together sshd's default MaxSessions of ten: commands and file transfers, and what ends commands. */
const CHANNELS = 8;
/**
 * A server may count a session for a moment longer than it lives, so one that is refused is asked for again. Nothing was run: no command is
 * sent twice.
 */
const REFUSED_PAUSES_MS = [50, 100, 200, 400];
const ENDING_CHANNELS = 2;

/**
 * A machine over SSH: one connection, made when it is first needed, used by all commands, and made anew for the next command after it
 * broke. No command is ever sent twice.
 *
 * @throws InputError `host-key-format`, `private-key`
 * @throws TransportError `host-key`, `authentication`, `connection-refused`, `connection-timeout`, `connection-failed`, `host-unknown`,
 * `host-unreachable`, `connection-lost`, `sessions`, `closed`
 * @throws HostError `sudo`, `not-started`, `file`, `sftp`
 * @example
 * const transport = new SshTransport({ kind: "ssh", host: "10.0.0.7", privateKey, hostKey: "ssh-ed25519 AAAA…" });
 * const { stdout } = await transport.run({ argv: ["ovs-vsctl", "--version"] });
 */
export class SshTransport implements Transport {
  readonly host: string;
  readonly #connection: SshConnection;
  readonly #limit = pLimit(CHANNELS);
  readonly #limitEndings = pLimit(ENDING_CHANNELS);
  readonly #closing = new AbortController();
  readonly #jump: SshTransport | undefined;
  #session: Promise<NodeSSH> | undefined;
  #roundTrips = 0;

  constructor(connection: SshConnection) {
    this.#connection = connection;
    this.#jump = connection.proxy === undefined ? undefined : new SshTransport(connection.proxy);
    this.host = addressOf(connection);
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  execute(command: Command): Promise<CommandResult> {
    return this.#limit(() => this.#execute(command));
  }

  async run(command: Command): Promise<CommandResult> {
    return succeeded(command, await this.execute(command));
  }

  async writeFile(
    path: string,
    content: Uint8Array | string,
    { mode = 0o644 }: { readonly mode?: number } = {},
  ): Promise<void> {
    const bytes = Buffer.from(content);
    const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
    if (this.#sudo(this.#connection.become)) {
      await this.run(writeAsRoot(path, temporary, bytes, mode)).catch((error) => {
        throw error instanceof TransportError ? error : fileError("write", path, this.host, error);
      });
      return;
    }
    await this.#transfer("write", path, (sftp) => writeBySftp(sftp, path, temporary, bytes, mode));
  }

  async readFile(path: string): Promise<Uint8Array> {
    if (this.#sudo(this.#connection.become)) {
      const chunks: Uint8Array[] = [];
      await this.run(readAsRoot(path, (chunk) => chunks.push(chunk))).catch((error) => {
        throw error instanceof TransportError ? error : fileError("read", path, this.host, error);
      });
      return Buffer.concat(chunks);
    }
    return this.#transfer("read", path, (sftp) => readBySftp(sftp, path));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const session = this.#session;
    this.#session = undefined;
    const connection = (await session?.catch(() => undefined))?.connection;
    connection?.end();
    // A machine that does not answer would otherwise keep this process alive.
    setTimeout(() => connection?.destroy(), 1000).unref();
    await this.#jump?.close();
  }

  #execute(command: Command): Promise<CommandResult> {
    const sudo = this.#sudo(command.become ?? this.#connection.become);
    const connect = async () => {
      const session = await this.#connect();
      this.#roundTrips += 1;
      const start = this.#startOn(session, command);
      const startEnding: Start = (argv, streams) => this.#limitEndings(() => start(argv, streams));
      return { start, startEnding };
    };
    return execute({ host: this.host, sudo, connect }, command);
  }

  #startOn(session: NodeSSH, command: Command): Start {
    return (argv, { stdin, onStdout, onStderr, abandoned }) => {
      const attempt = async ([pauseMs, ...later]: readonly number[]): Promise<Exit> => {
        try {
          return (await session.execCommand(quoteAll(argv), {
            stdin,
            onStdout,
            onStderr,
            onChannel: (channel) => {
              // A command that ends before it has read its input resets the channel's writing half; that is its own affair.
              channel.on("error", () => undefined);
              abandoned.addEventListener("abort", () => channel.close());
            },
          })) as Exit;
        } catch (error) {
          const refused = refusedSession(this.host, error);
          if (refused === undefined)
            throw connectionLost(this.host, `\`${command.argv[0]}\` ran`, error as Error);
          if (pauseMs === undefined || abandoned.aborted) throw refused;
          await sleep(pauseMs);
          return attempt(later);
        }
      };
      return attempt(REFUSED_PAUSES_MS);
    };
  }

  async #transfer<T>(
    verb: "read" | "write",
    path: string,
    work: (sftp: SFTPWrapper) => Promise<T>,
  ): Promise<T> {
    const lost = (cause: Error) =>
      connectionLost(this.host, `${path} was ${verb === "read" ? "read" : "written"}`, cause);
    return this.#limit(async () => {
      const session = await this.#connect();
      this.#roundTrips += 1;
      const sftp = await session.requestSFTP().catch((error) => {
        throw refusedSession(this.host, error) ?? noSftp(this.host, error) ?? lost(error);
      });
      // What the server says out of turn ends the channel: that is how we notice.
      sftp.on("error", () => undefined);
      const closed = new Promise((resolve) => sftp.once("close", resolve));
      // What is asked on a closed channel is never answered.
      const cut = closed.then(() => Promise.reject(new Error("the transfer was cut off")));
      try {
        return await Promise.race([work(sftp), cut]);
      } catch (error) {
        throw isRefusal(error) ? fileError(verb, path, this.host, error as Error) : lost(error as Error);
      } finally {
        sftp.end();
        // Until the machine has closed it too, it counts as a session.
        await closed;
      }
    });
  }

  #connect(): Promise<NodeSSH> {
    this.#session ??= this.#dial();
    return this.#session;
  }

  #dial(): Promise<NodeSSH> {
    const tunnel = this.#jump && (() => this.#forward(this.#jump as SshTransport));
    const session = dial(this.#connection, tunnel, this.#closing.signal);
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    // An error after the handshake is emitted here and nowhere else: without a listener it would end the process.
    session.then(({ connection }) => {
      if (connection === null) forget();
      else connection.on("error", forget).on("end", forget).on("close", forget);
    }, forget);
    return session;
  }

  async #forward(jump: SshTransport): Promise<Duplex> {
    const { host, port = 22 } = this.#connection;
    return (await jump.#connect()).forwardOut("127.0.0.1", 0, host, port);
  }

  #sudo(become: boolean | undefined): boolean {
    return become === true && (this.#connection.user ?? "root") !== "root";
  }
}

function refusedSession(host: string, error: unknown): TransportError | undefined {
  const { message } = error as Error;
  if (!/Channel open failure/.test(message)) return undefined;
  return new TransportError({
    code: "sessions",
    problem: `${host} refuses one more session on its connection, so nothing was run`,
    observed: message.replace("(SSH) ", ""),
    expected: `room for ${CHANNELS + ENDING_CHANNELS} sessions`,
    hint: "set MaxSessions 10 (the default) or more in its sshd_config",
    cause: error,
  });
}

function noSftp(host: string, cause: Error): HostError | undefined {
  if (!/Unable to start subsystem|while establishing SFTP/.test(cause.message)) return undefined;
  return new HostError({
    code: "sftp",
    problem: `${host} does not transfer files`,
    observed: cause.message,
    hint: "set `Subsystem sftp internal-sftp` in its sshd_config",
    cause,
  });
}
