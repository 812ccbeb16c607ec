/**
 * A machine reached over SSH. Field names are those that @pulumi/command's users know.
 *
 * @example
 * { kind: "ssh", host: "10.0.0.7", privateKey, hostKey: "ssh-ed25519 AAAA…" }
 */
export interface SshConnection {
  readonly kind: "ssh";
  readonly host: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Default root. */
  readonly user?: string | undefined;
  /** OpenSSH or PEM text, without passphrase. Kept in memory only. */
  readonly privateKey?: string | undefined;
  readonly password?: string | undefined;
  /** Socket of an SSH agent. */
  readonly agentSocketPath?: string | undefined;
  /** Public key(s) that the machine may show: `ssh-ed25519 AAAA…`, or lines of known_hosts. There is no accept-any. */
  readonly hostKey: string | readonly string[];
  /** Jump host. */
  readonly proxy?: Omit<SshConnection, "proxy"> | undefined;
  /** Seconds for one connection attempt, default 15. */
  readonly perDialTimeout?: number | undefined;
  /** Connection attempts, default 10. */
  readonly dialErrorLimit?: number | undefined;
  /** Run commands through `sudo -n` where the user is not root. Default false. */
  readonly become?: boolean | undefined;
}

/** The machine that this process runs on. */
export interface LocalConnection {
  readonly kind: "local";
  /** Run commands through `sudo -n` where this process is not root's. Default false. */
  readonly become?: boolean | undefined;
}

export type Connection = SshConnection | LocalConnection;

/** `user@host:port`, or `local`: what errors and results name. */
export function addressOf(connection: Connection): string {
  if (connection.kind === "local") return "local";
  const { user = "root", host, port = 22 } = connection;
  return `${user}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}
