/** A machine reached over SSH. Field names are those that @pulumi/command's users know. */
export interface SshConnection {
  readonly kind: "ssh";
  readonly host: string;
  /** Default 22. */
  readonly port?: number | undefined;
  /** Default root. */
  readonly user?: string | undefined;
  readonly privateKey?: string | undefined;
  readonly password?: string | undefined;
  readonly agentSocketPath?: string | undefined;
  /** Public key(s) that the machine must show, as in known_hosts. There is no accept-any. */
  readonly hostKey: string | readonly string[];
  /** Jump host. */
  readonly proxy?: Omit<SshConnection, "proxy"> | undefined;
  /** Seconds for one connection attempt, default 15. */
  readonly perDialTimeout?: number | undefined;
  /** Connection attempts, default 10. */
  readonly dialErrorLimit?: number | undefined;
  /** Run commands through `sudo -n`, default false. */
  readonly become?: boolean | undefined;
}

/** The machine that this process runs on. */
export interface LocalConnection {
  readonly kind: "local";
  readonly become?: boolean | undefined;
}

export type Connection = SshConnection | LocalConnection;

/** `user@host:port`, or `local`: what errors and results name. */
export function addressOf(connection: Connection): string {
  return connection.kind === "local"
    ? "local"
    : `${connection.user ?? "root"}@${connection.host}:${connection.port ?? 22}`;
}
