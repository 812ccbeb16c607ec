import { existsSync } from "node:fs";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type Config, NodeSSH } from "node-ssh";
import { InputError, LabError, TransportError } from "../units/errors.ts";
import { addressOf, type SshConnection } from "./connection.ts";
import { algorithmsFor, fingerprint, parseHostKeys } from "./host-keys.ts";

const KEEPALIVE_MS = 10_000;
const KEEPALIVES_MISSED = 3;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;

/** Commands that wait for their channels each listen for errors of the connection, more than Node's default of ten. */
const LISTENERS = 64;

/**
 * Connects to a machine, trying again while it is not there. What trying again can't change is told at once: a host key that is not
 * pinned, credentials that are refused.
 *
 * @param tunnel a stream to the machine through its jump host, made for each attempt
 * @param signal ends the trying
 */
export async function dial(
  connection: SshConnection,
  tunnel: (() => Promise<Duplex>) | undefined,
  signal: AbortSignal,
): Promise<NodeSSH> {
  const limit = connection.dialErrorLimit ?? 10;
  for (let attempt = 1; ; attempt += 1) {
    if (signal.aborted) throw closed(connection, signal.reason);
    try {
      return await dialOnce(connection, tunnel, signal);
    } catch (error) {
      if (signal.aborted) throw closed(connection, error);
      if (error instanceof LabError) throw error;
      if (attempt >= limit) throw unreachable(connection, attempt, error as NodeJS.ErrnoException);
    }
    const pause = Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS);
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

async function dialOnce(
  connection: SshConnection,
  tunnel: (() => Promise<Duplex>) | undefined,
  signal: AbortSignal,
): Promise<NodeSSH> {
  const { host, port = 22, user = "root", perDialTimeout = 15 } = connection;
  const { privateKey, password, agentSocketPath } = connection;
  const pinned = parseHostKeys(connection.hostKey);
  const isPinned = (key: Buffer) => pinned.some(({ blob }) => blob.equals(key));
  let shown: Buffer | undefined;
  const config: Config = {
    host,
    port,
    username: user,
    readyTimeout: perDialTimeout * 1000,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVES_MISSED,
    // The type names fewer algorithms than the library knows.
    algorithms: { serverHostKey: algorithmsFor(pinned) as never[] },
    hostVerifier: (key: Buffer) => {
      shown = key;
      return isPinned(key);
    },
    ...(privateKey !== undefined && { privateKey }),
    ...(password !== undefined && { password, tryKeyboard: true }),
    ...(agentSocketPath !== undefined && { agent: agentSocketPath }),
    // Called a Readable there, but written to all the same.
    ...(tunnel !== undefined && { sock: await tunnel() }),
  };
  const session = new NodeSSH();
  const abandon = () => session.connection?.destroy();
  signal.addEventListener("abort", abandon);
  try {
    await session.connect(config);
  } catch (error) {
    session.dispose();
    const { message } = error as Error;
    if (shown !== undefined && !isPinned(shown)) {
      throw wrongHostKey(
        connection,
        shown,
        pinned.map(({ blob }) => fingerprint(blob)),
        error,
      );
    }
    if (/^Cannot parse privateKey/.test(message)) throw unusableKey(message);
    // Told before any other credential is tried, and tried again in vain.
    if ((error as { level?: unknown }).level === "agent") throw withoutAgent(connection, error as Error);
    if (/authentication methods failed/.test(message)) throw refused(connection, error);
    throw error;
  } finally {
    signal.removeEventListener("abort", abandon);
  }
  session.connection?.setMaxListeners(LISTENERS);
  session.connection?.setNoDelay(true);
  return session;
}

/** What is known of why nothing answered, by Node's error code. */
const REASONS: Readonly<Record<string, { code: string; observed: string; hint: string }>> = {
  ECONNREFUSED: {
    code: "connection-refused",
    observed: "connection refused",
    hint: "check the port, and that sshd runs there",
  },
  ENOTFOUND: {
    code: "host-unknown",
    observed: "no address for this name",
    hint: "check the name, or use an address",
  },
  EAI_AGAIN: {
    code: "host-unknown",
    observed: "the name server does not answer",
    hint: "check the resolver, or use an address",
  },
  EHOSTUNREACH: {
    code: "host-unreachable",
    observed: "no route to host",
    hint: "check that the machine is up and on this network",
  },
  ENETUNREACH: {
    code: "host-unreachable",
    observed: "network unreachable",
    hint: "check this machine's routes",
  },
};

function unreachable(
  connection: SshConnection,
  attempts: number,
  cause: NodeJS.ErrnoException,
): TransportError {
  const { proxy } = connection;
  const way = proxy === undefined ? "" : ` through ${addressOf(proxy)}`;
  return new TransportError({
    ...reasonOf(connection, cause),
    problem: `could not connect to ${addressOf(connection)}${way} in ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`,
    cause,
  });
}

function reasonOf({ perDialTimeout = 15 }: SshConnection, { code, message }: NodeJS.ErrnoException) {
  if (/Timed out/i.test(message) || code === "ETIMEDOUT") {
    return {
      code: "connection-timeout",
      observed: `no SSH handshake within ${perDialTimeout} s`,
      hint: "check that the machine is up, no firewall drops the port, and sshd is not overloaded",
    };
  }
  if (/Channel open failure/.test(message)) {
    return {
      code: "connection-refused",
      observed: "the jump host does not connect us",
      hint: "check the port, that sshd runs there, and that the jump host's AllowTcpForwarding and PermitOpen allow it",
    };
  }
  return (
    REASONS[code ?? ""] ?? {
      code: "connection-failed",
      observed: message,
      hint: "check that an SSH server listens on this port",
    }
  );
}

function wrongHostKey(
  connection: SshConnection,
  shown: Buffer,
  pinned: readonly string[],
  cause: unknown,
): TransportError {
  return new TransportError({
    code: "host-key",
    property: "hostKey",
    problem: `${addressOf(connection)} shows another host key than the pinned one, so nothing was run there`,
    observed: fingerprint(shown),
    expected: pinned.join(" or "),
    hint: "pin the new key if the machine was reinstalled; if not, somebody stands in between",
    cause,
  });
}

function refused(connection: SshConnection, cause: unknown): TransportError {
  const given = (["privateKey", "password", "agentSocketPath"] as const).filter(
    (name) => (connection[name] ?? "") !== "",
  );
  const observed = [
    ...(given.length === 0 ? [] : [`${given.join(", ")} refused`]),
    // What a program makes of SSH_AUTH_SOCK where no agent runs.
    ...(connection.agentSocketPath === "" ? ["agentSocketPath is empty: no agent"] : []),
  ];
  return new TransportError({
    code: "authentication",
    problem: `${addressOf(connection)} does not let this user in`,
    observed: observed.length === 0 ? "no credentials given" : observed.join(", "),
    hint: "give a privateKey, password or agentSocketPath that this user of the machine accepts",
    cause,
  });
}

function withoutAgent(connection: SshConnection, cause: Error): TransportError {
  const { agentSocketPath = "" } = connection;
  return new TransportError({
    code: "agent",
    property: "agentSocketPath",
    problem: `no SSH agent answers, so nobody is logged in to ${addressOf(connection)}`,
    observed: existsSync(agentSocketPath) ? cause.message : `nothing at ${agentSocketPath}`,
    expected: "the socket of a running agent",
    hint: "name the one that $SSH_AUTH_SOCK names, or give a privateKey instead",
    cause,
  });
}

// Without its cause: what a parser says of a private key is not worth the risk.
function unusableKey(message: string): InputError {
  return new InputError({
    code: "private-key",
    property: "privateKey",
    problem: "the private key can't be used",
    observed: /encrypted/i.test(message) ? "encrypted with a passphrase" : "not the text of a private key",
    expected: "OpenSSH or PEM text without passphrase",
    hint: "use an agent (agentSocketPath) for a key with a passphrase",
  });
}

function closed(connection: SshConnection, cause: unknown): TransportError {
  return new TransportError({
    code: "closed",
    problem: `the connection to ${addressOf(connection)} is closed`,
    observed: "closed by this side",
    cause,
  });
}
