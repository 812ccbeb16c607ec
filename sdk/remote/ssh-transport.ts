import { randomBytes } from "node:crypto";
import { type Duplex, Readable } from "node:stream";
import type { NodeSSH } from "node-ssh";
import pLimit from "p-limit";
import type { SFTPWrapper } from "ssh2";
import { HostError, LabError, TransportError } from "../units/errors.ts";
import { addressOf, type SshConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import { connectionLost, execute, type Start, succeeded } from "./execution.ts";
import { fileError } from "./file-error.ts";
import { quoteAll } from "./quoting.ts";
import { readAsRoot, writeAsRoot } from "./root-files.ts";
import { isRefusal, readBySftp, writeBySftp } from "./sftp-files.ts";
import type { Command, CommandResult, Transport } from "./transport.ts";

/** Together sshd's default MaxSessions of ten: commands and file transfers, and what ends commands. */
const CHANNELS = 8;
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
    const session = await this.#session?.catch(() => undefined);
    session?.dispose();
    await this.#jump?.close();
  }
}
