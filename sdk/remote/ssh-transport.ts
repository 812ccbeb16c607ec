import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type Config, NodeSSH } from "node-ssh";
import pLimit from "p-limit";
import type { ClientChannel, SFTPWrapper } from "ssh2";
import { HostError, TransportError } from "../units/errors.ts";
import { addressOf, type SshConnection } from "./connection.ts";
import { algorithmsFor, fingerprint, parseHostKey } from "./host-keys.ts";
import { quoteAll } from "./quoting.ts";
import { completeArgv, GRACE_S, RunningCommand, settle, succeeded, watch } from "./running-command.ts";
import type { Command, CommandResult, Transport } from "./transport.ts";

/** sshd allows ten sessions on a connection; two are left for ending what these run. */
const CHANNELS = 8;
const KEEPALIVE_MS = 10_000;
const KEEPALIVES_MISSED = 3;
const RETRY_MS = 1000;

// The command leads a session of its own, so that it can be ended with all its children; its process group is told on the first line of stderr.
const WRAPPER = `printf '%s\\n' "$$" >&2; exec "$@"`;

/** One connection to a machine, made when first needed, used by all, and made anew when it broke. */
export class SshTransport implements Transport {
  readonly host: string;
  readonly #connection: SshConnection;
  readonly #limit = pLimit(CHANNELS);
  #roundTrips = 0;
  #session: Promise<NodeSSH> | undefined;
  #jump: SshTransport | undefined;

  constructor(connection: SshConnection) {
    this.#connection = connection;
    this.host = addressOf(connection);
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  execute(command: Command): Promise<CommandResult> {
    return this.#limit(() => this.#execute(command));
  }

  async run(command: Command): Promise<CommandResult> {
    return succeeded(await this.execute(command));
  }

  writeFile(
    path: string,
    content: Uint8Array | string,
    { mode = 0o644 }: { readonly mode?: number } = {},
  ): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
    if (this.#connection.become === true)
      return this.#writeAsRoot(path, temporary, Buffer.from(content), mode);
    return this.#withSftp(path, async (sftp) => {
      await settled((done) => sftp.writeFile(temporary, Buffer.from(content), { mode }, done));
      await settled((done) => sftp.chmod(temporary, mode, done));
      await settled((done) => sftp.ext_openssh_rename(temporary, path, done));
    });
  }

  async readFile(path: string): Promise<Uint8Array> {
    if (this.#connection.become === true) {
      const chunks: Uint8Array[] = [];
      await this.run({ argv: ["cat", path], onStdout: (chunk) => chunks.push(chunk) });
      return Buffer.concat(chunks);
    }
    return this.#withSftp(path, (sftp) => settled<Buffer>((done) => sftp.readFile(path, done)));
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    session?.dispose();
    await this.#jump?.close();
  }

  async #execute(command: Command): Promise<CommandResult> {
    const argv = completeArgv(command, command.become ?? this.#connection.become ?? false);
    if (command.signal?.aborted === true) {
      return settle(command, new RunningCommand(command, this.host).result(130), "abort");
    }
    const session = await this.#connect();
    this.#roundTrips += 1;
    const running = new RunningCommand(command, this.host);
    const group = new GroupLine((chunk) => running.onStderr(chunk));
    let channel: ClientChannel | undefined;
    const watched = watch(command, () => {
      void this.#end(session, group, command).finally(() => channel?.close());
    });
    try {
      const { code, signal } = await session.execCommand(
        quoteAll(["setsid", "-w", "sh", "-c", WRAPPER, "sh", ...argv]),
        {
          stdin: Readable.from(command.stdin === undefined ? [] : [Buffer.from(command.stdin)]),
          onStdout: (chunk) => running.onStdout(chunk),
          onStderr: (chunk) => group.take(chunk),
          onChannel: (opened) => {
            channel = opened;
            // A command that ends before it has read its input resets the channel's writing half.
            opened.on("error", () => undefined);
          },
        },
      );
      if (watched.ended() === undefined && code === null && signal === null) {
        throw this.#lost(command, "the connection was closed while the command ran");
      }
      return settle(command, refuseSudo(running.result(code ?? 128)), watched.ended());
    } catch (error) {
      if (watched.ended() !== undefined) return settle(command, running.result(128), watched.ended());
      throw this.#asTransportError(error, command);
    } finally {
      watched.stop();
    }
  }

  /** Ends the remote process group: asks, waits, insists. On a channel of its own, since the command's does not listen. */
  async #end(session: NodeSSH, group: GroupLine, command: Command): Promise<void> {
    const id = group.id;
    if (id === undefined) return;
    const signal = (name: string) => `kill -s ${name} -- -${id}`;
    const script = `${signal("TERM")}; for i in $(seq ${GRACE_S * 10}); do ${signal("0")} || exit 0; sleep 0.1; done; ${signal("KILL")}`;
    const argv = ["sh", "-c", `{ ${script}; } 2>/dev/null`] as const;
    const become = command.become ?? this.#connection.become ?? false;
    await session.execCommand(quoteAll(become ? ["sudo", "-n", "--", ...argv] : argv)).catch(() => undefined);
  }

  #connect(): Promise<NodeSSH> {
    this.#session ??= this.#dial().catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  async #dial(): Promise<NodeSSH> {
    const attempts = this.#connection.dialErrorLimit ?? 10;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#dialOnce();
      } catch (error) {
        if (error instanceof TransportError || error instanceof HostError) throw error;
        const message = error instanceof Error ? error.message : String(error);
        if (/authentication methods failed|encrypted|parse privateKey/i.test(message))
          throw this.#refused(message, error);
        if (attempt >= attempts) throw this.#unreachable(message, attempt, error);
        await sleep(RETRY_MS);
      }
    }
  }

  async #dialOnce(): Promise<NodeSSH> {
    const { host, port = 22, user = "root", perDialTimeout = 15 } = this.#connection;
    const pinned = [this.#connection.hostKey].flat().map(parseHostKey);
    let shown: Buffer | undefined;
    const session = new NodeSSH();
    const config: Config = {
      host,
      port,
      username: user,
      readyTimeout: perDialTimeout * 1000,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_MISSED,
      algorithms: { serverHostKey: algorithmsFor(pinned) as never },
      hostVerifier: (key: Buffer) => {
        shown = key;
        return pinned.some(({ blob }) => blob.equals(key));
      },
      ...(this.#connection.privateKey !== undefined && { privateKey: this.#connection.privateKey }),
      ...(this.#connection.password !== undefined && { password: this.#connection.password }),
      ...(this.#connection.agentSocketPath !== undefined && { agent: this.#connection.agentSocketPath }),
      ...(this.#connection.proxy !== undefined && { sock: (await this.#tunnel()) as never }),
    };
    try {
      await session.connect(config);
    } catch (error) {
      session.dispose();
      const wrongKey = shown !== undefined && !pinned.some(({ blob }) => blob.equals(shown as Buffer));
      if (wrongKey)
        throw this.#wrongKey(
          fingerprint(shown as Buffer),
          pinned.map(({ blob }) => fingerprint(blob)),
          error,
        );
      if (/no matching host key format/i.test((error as Error).message)) {
        throw this.#wrongKey(
          "no key of that type",
          pinned.map(({ type, blob }) => `${type} ${fingerprint(blob)}`),
          error,
        );
      }
      throw error;
    }
    const forget = () => {
      this.#session = undefined;
    };
    // A reset after the handshake is emitted here and nowhere else; without a listener it would end the process.
    session.connection?.on("error", forget);
    session.connection?.on("close", forget);
    return session;
  }

  async #tunnel(): Promise<Duplex> {
    const { host, port = 22, proxy } = this.#connection;
    this.#jump ??= new SshTransport(proxy as SshConnection);
    const jump = await this.#jump.#connect();
    return jump.forwardOut("127.0.0.1", 0, host, port);
  }

  #withSftp<T>(path: string, work: (sftp: SFTPWrapper) => Promise<T>): Promise<T> {
    return this.#limit(async () => {
      const session = await this.#connect();
      this.#roundTrips += 1;
      const sftp = await session.requestSFTP();
      try {
        return await work(sftp);
      } catch (cause) {
        throw new HostError({
          code: "file",
          problem: `could not transfer ${path} on ${this.host}`,
          observed: cause instanceof Error ? cause.message : String(cause),
          hint: "check that its folder exists and is writable",
          cause,
        });
      } finally {
        sftp.end();
      }
    });
  }

  async #writeAsRoot(path: string, temporary: string, content: Uint8Array, mode: number): Promise<void> {
    const script = 'umask 077; cat > "$2" && chmod "$3" "$2" && mv "$2" "$1"';
    await this.run({ argv: ["sh", "-c", script, "sh", path, temporary, mode.toString(8)], stdin: content });
  }

  #lost(command: Command, observed: string, cause?: unknown): TransportError {
    return new TransportError({
      code: "connection-lost",
      problem: `lost ${this.host} during \`${command.argv[0]}\``,
      observed,
      hint: "what the command did is not known; the next run looks at the machine again",
      cause,
    });
  }

  #asTransportError(error: unknown, command: Command): unknown {
    if (error instanceof HostError || error instanceof TransportError) return error;
    const message = error instanceof Error ? error.message : String(error);
    if (/Channel open failure/i.test(message)) {
      return new TransportError({
        code: "channel-refused",
        problem: `${this.host} refuses another session on its connection`,
        observed: message,
        expected: `room for ${CHANNELS} sessions and one more`,
        hint: "raise MaxSessions in its sshd_config to 10 or more",
        cause: error,
      });
    }
    return this.#lost(command, message, error);
  }

  #unreachable(observed: string, attempts: number, cause: unknown): TransportError {
    return new TransportError({
      code: "unreachable",
      problem: `could not connect to ${this.host} in ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`,
      observed,
      hint: "check that the machine is up, the address and port are right, and sshd listens",
      cause,
    });
  }

  #refused(observed: string, cause: unknown): TransportError {
    return new TransportError({
      code: "authentication",
      problem: `${this.host} does not let us in`,
      observed,
      hint: "give a privateKey, password or agentSocketPath that its user accepts",
      cause,
    });
  }

  #wrongKey(observed: string, expected: readonly string[], cause: unknown): TransportError {
    return new TransportError({
      code: "host-key",
      property: "hostKey",
      problem: `${this.host} shows another host key than the pinned one, so nothing was run on it`,
      observed,
      expected: expected.join(" or "),
      hint: "if the machine was reinstalled, pin its new key; if not, somebody stands between",
      cause,
    });
  }
}

/** Takes the first line off standard error, which tells the process group, and passes the rest on. */
class GroupLine {
  readonly #rest: (chunk: Uint8Array) => void;
  #line: Buffer = Buffer.alloc(0);
  #complete = false;

  constructor(rest: (chunk: Uint8Array) => void) {
    this.#rest = rest;
  }

  get id(): number | undefined {
    const id = Number.parseInt(this.#line.toString("latin1"), 10);
    return this.#complete && id > 1 ? id : undefined;
  }

  take(chunk: Uint8Array): void {
    if (this.#complete) {
      this.#rest(chunk);
      return;
    }
    const all = Buffer.concat([this.#line, chunk]);
    const end = all.indexOf("\n");
    if (end < 0) {
      this.#line = all;
      return;
    }
    this.#complete = true;
    this.#line = all.subarray(0, end);
    if (!/^\d+$/.test(this.#line.toString("latin1"))) this.#rest(all);
    else if (end + 1 < all.length) this.#rest(all.subarray(end + 1));
  }
}

function refuseSudo(result: CommandResult): CommandResult {
  if (result.code === 1 && /^sudo: .*(password is required|not allowed|may not run)/m.test(result.stderr)) {
    throw new HostError({
      code: "sudo",
      problem: `${result.host} does not let this user become root without a password`,
      observed: result.stderr.trim(),
      hint: "allow it in sudoers with NOPASSWD, or connect as root",
    });
  }
  return result;
}

function settled<T = void>(
  start: (done: (error: Error | null | undefined, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error == null ? resolve(value as T) : reject(error)));
  });
}
