import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SshConnection } from "../../sdk/remote/connection.ts";
import { generateKeyPair } from "../../sdk/remote/host-keys.ts";

const SSHD = "/usr/sbin/sshd";

/** Where a user that is not in this machine's passwd comes from: a private mount namespace with tables of its own. */
const LAB_USER = { name: "lab", uid: 54_321 };

export interface Sshd {
  readonly port: number;
  readonly user: string;
  readonly hostKey: string;
  readonly clientKey: { readonly privateKey: string; readonly publicKey: string };
  readonly pid: number;
  /** A folder of its own, the user's where there is one. */
  readonly folder: string;
  /** How to reach it with `clientKey`; one attempt only. */
  connection(change?: Partial<SshConnection>): SshConnection;
  /** What sshd logged so far. */
  log(): string;
  /** The processes that serve connections, not their commands. */
  servers(): number[];
  stop(): Promise<void>;
}

export interface SshdOptions {
  readonly maxSessions?: number;
  /** Log in as an unprivileged user of the server's own, who has this password and what sudoers says; needs root. */
  readonly unprivileged?: { readonly password?: string; readonly sudoers?: string };
  /** More lines for sshd_config. */
  readonly config?: readonly string[];
  readonly hostKeyType?: "ed25519" | "ecdsa" | "rsa";
  /** Let this key in instead of a new one. */
  readonly clientKey?: { readonly privateKey: string; readonly publicKey: string };
}

/** A real OpenSSH server on 127.0.0.1 with a port, host key and client key of its own. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-sshd-"));
  const clientKey = options.clientKey ?? generateKeyPair();
  const user = options.unprivileged === undefined ? userInfo().username : LAB_USER.name;
  const keyFile = join(folder, "host_key");
  execFileSync("ssh-keygen", ["-q", "-t", options.hostKeyType ?? "ed25519", "-N", "", "-f", keyFile]);
  writeFileSync(join(folder, "authorized_keys"), `${clientKey.publicKey}\n`);
  // The privilege separation folder, which a distribution makes when it starts its own sshd.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });

  const port = await freePort();
  const configFile = join(folder, "sshd_config");
  writeFileSync(
    configFile,
    [
      "ListenAddress 127.0.0.1",
      `Port ${port}`,
      `HostKey ${keyFile}`,
      "PidFile none",
      `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
      "StrictModes no",
      "UsePAM no",
      `PasswordAuthentication ${options.unprivileged?.password === undefined ? "no" : "yes"}`,
      "PermitRootLogin yes",
      "Subsystem sftp internal-sftp",
      "LogLevel VERBOSE",
      `MaxSessions ${options.maxSessions ?? 10}`,
      "MaxStartups 100",
      // Shells that are cut off in the middle of what the user's own .bashrc does could leave its locks behind.
      ...(options.unprivileged === undefined ? [`SetEnv HOME=${folder}`] : []),
      ...(options.config ?? []),
      "",
    ].join("\n"),
  );
  const argv = [SSHD, "-D", "-e", "-f", configFile];
  const [program = "", ...args] =
    options.unprivileged === undefined ? argv : inOwnTables(folder, options.unprivileged, argv);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  const endWithUs = () => child.kill("SIGKILL");
  process.once("exit", endWithUs);
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  await answering(port, child, () => log);

  const { privateKey } = clientKey;
  const hostKey = readFileSync(`${keyFile}.pub`, "utf8").trim();
  return {
    port,
    user,
    hostKey,
    clientKey,
    folder,
    pid: child.pid as number,
    connection: (change = {}) => ({
      ...{ kind: "ssh", host: "127.0.0.1", port, user, privateKey, hostKey, dialErrorLimit: 1 },
      ...change,
    }),
    log: () => log,
    servers: () => descendants(child.pid as number).filter((pid) => /^sshd/.test(nameOf(pid))),
    async stop() {
      const all = [child.pid as number, ...descendants(child.pid as number)];
      process.off("exit", endWithUs);
      for (const pid of all.reverse()) signal(pid, "SIGKILL");
      if (child.exitCode === null && child.signalCode === null) {
        await new Promise((resolve) => child.once("exit", resolve));
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until something is so, and fails if it doesn't become so. */
export async function eventually(what: string, isSo: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(25);
  }
}

/** The processes whose command line holds the text, zombies left out. */
export function processesWith(text: string): number[] {
  const lines = execFileSync("ps", ["-eww", "-o", "pid=,stat=,args="], { encoding: "utf8" }).split("\n");
  return lines
    .filter((line) => line.includes(text) && !/^\s*\d+\s+Z/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

/** Ends the process groups that these processes lead. */
export function endProcessesWith(text: string): void {
  for (const pid of processesWith(text)) signal(-pid, "SIGKILL");
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Runs a program where the files in /etc also know the lab's user; nothing changes outside. */
function inOwnTables(
  folder: string,
  { password, sudoers }: NonNullable<SshdOptions["unprivileged"]>,
  argv: readonly string[],
): string[] {
  const { name, uid } = LAB_USER;
  const home = join(folder, "home");
  mkdirSync(home);
  chownSync(home, uid, uid);
  chmodSync(folder, 0o755);
  const hash =
    password === undefined ? "*" : execFileSync("openssl", ["passwd", "-6", "-stdin"], { input: password });
  const tables = new Map([
    ["passwd", `${name}:x:${uid}:${uid}::${home}:/bin/bash`],
    ["group", `${name}:x:${uid}:`],
    ["shadow", `${name}:${hash.toString().trim()}:19000:0:99999:7:::`],
    ...(sudoers === undefined ? [] : [["sudoers", sudoers] as const]),
  ]);
  for (const [table, line] of tables) {
    const mode = table === "shadow" || table === "sudoers" ? 0o440 : 0o644;
    writeFileSync(join(folder, table), `${readFileSync(`/etc/${table}`, "utf8")}${line}\n`, { mode });
  }
  const mounts = [...tables.keys()].map((table) => `mount --bind "$1/${table}" /etc/${table}`);
  return ["unshare", "--mount", "sh", "-ec", `${mounts.join("\n")}\nshift\nexec "$@"`, "sh", folder, ...argv];
}

async function answering(port: number, child: ChildProcess, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (child.exitCode !== null) break;
    if (await answers(port)) return;
    await sleep(25);
  }
  throw new Error(`sshd does not answer: ${log()}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}

function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return children.map(Number).flatMap((child) => [child, ...descendants(child)]);
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}
