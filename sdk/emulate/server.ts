import { randomUUID } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { createServer, connect as openSocket } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SshConnection } from "../remote/connection.ts";
import { generateKeyPair } from "../remote/host-keys.ts";
import { LocalTransport } from "../remote/local-transport.ts";
import { SshTransport } from "../remote/ssh-transport.ts";
import { HostError } from "../units/errors.ts";
import { chooseAccelerator } from "./acceleration.ts";
import { deadTimers } from "./cpu-timers.ts";
import { Hypervisor } from "./hypervisor.ts";
import { isImage } from "./image.ts";
import {
  type Accelerator,
  bootFiles,
  checkMachine,
  GRUB_MODULES,
  grubConfiguration,
  type MachineSpecification,
  machineArguments,
  type WireEnd,
} from "./machine.ts";
import { withLock } from "./owned-lock.ts";
import { type Exit, formatExit, lastLines, startDetached } from "./process.ts";
import { DISK_LABEL } from "./recipe.ts";
import { joinWire, leaveWires } from "./wire.ts";

export interface ServerSpecification extends MachineSpecification {
  /** Cache folder of the image. */
  readonly image: string;
}

export interface RunningServer {
  readonly connection: SshConnection;
  readonly accelerator: Accelerator;
}

export interface ServerOptions {
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What a server keeps over restarts of its process: who it is and how it is reached. */
interface Identity {
  readonly uuid: string;
  readonly sshPort: number;
  readonly hostKey: KeyPair;
  readonly accelerator: Accelerator;
  readonly wire?: WireEnd;
}

interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

const BOOT_LIMIT_S = 6 * 60;
const PORT_ATTEMPTS = 5;
/** How often QEMU may fail in one start, by a crash or a lost timer: emulation does, one boot in twenty, and another try is all that helps. */
const FAULTS_BORNE = 2;
/** nobody: what QEMU becomes once it has opened its files, where it was started by root. */
const UNPRIVILEGED = "65534:65534";

/**
 * Starts a server in a folder of its own, or finds it running. Whatever an earlier start left behind is used: the disk is made once and kept until
 * `removeServer`, and so is the server's identity. Resolves when SSH answers.
 *
 * @throws HostError `server-start` with what QEMU said, `server-boot` with what it said, how it ended and the last lines of its console, `server-timer`,
 *   `wire-taken`
 */
export async function startServer(
  folder: string,
  specification: ServerSpecification,
  options: ServerOptions = {},
): Promise<RunningServer> {
  checkMachine(specification);
  if (!isImage(specification.image)) {
    throw new HostError({
      code: "image-missing",
      property: "image",
      problem: "there is no image of an emulated server",
      observed: specification.image,
      hint: "use the folder of an Image resource; pulumi up makes it again",
    });
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return withLock(
    join(folder, "start.lock"),
    async () => {
      const clientKey = await clientKeyOf(dirname(folder));
      const identity = (await isRunning(folder))
        ? await adopt(folder, specification.name, options)
        : await boot(folder, specification, clientKey, options);
      return { accelerator: identity.accelerator, connection: connectionOf(identity, clientKey.privateKey) };
    },
    options.signal === undefined ? {} : { signal: options.signal },
  );
}

export type ServerState = "running" | "stopped" | "gone";

/** What has become of a server: its process runs, it has a disk but no process, or there is nothing of it. */
export async function inspectServer(folder: string): Promise<ServerState> {
  if (await isRunning(folder)) return "running";
  const files: string[] = await readdir(folder).catch(() => []);
  return files.includes("overlay.qcow2") ? "stopped" : "gone";
}

/** Ends a server's process and removes its disk, its identity and, with the last server of its stack, the stack's key. */
export async function removeServer(folder: string): Promise<void> {
  await stopServer(folder);
  await leaveWires(dirname(folder), basename(folder));
  await rm(folder, { recursive: true, force: true });
  const stack = dirname(folder);
  const left = await readdir(stack).catch(() => undefined);
  if (left?.every((entry) => entry.startsWith("client-key"))) {
    await rm(stack, { recursive: true, force: true });
    await rmdir(dirname(stack)).catch(() => undefined);
  }
}

/** Ends a server's process; the disk stays. */
export async function stopServer(folder: string): Promise<void> {
  const pid = await pidOf(folder);
  if (pid === undefined) return;
  for (const [signal, tries] of [
    ["SIGTERM", 50],
    ["SIGKILL", 50],
  ] as const) {
    process.kill(pid, signal);
    for (let attempt = 0; attempt < tries; attempt += 1) {
      await sleep(100);
      if ((await pidOf(folder)) === undefined) return;
    }
  }
}

/** A server that was found running; another process may have started it a moment ago. */
async function adopt(folder: string, name: string, options: ServerOptions): Promise<Identity> {
  const identity = await readIdentity(folder);
  const { answers, afterS } = await waitForSsh(identity.sshPort, name, () => isRunning(folder), options);
  if (answers) return identity;
  const [said, console] = await Promise.all([lastLines(folder, "qemu.log"), lastLines(folder, "serial.log")]);
  throw bootError(folder, name, afterS, { said, console });
}

async function boot(
  folder: string,
  specification: ServerSpecification,
  clientKey: KeyPair,
  options: ServerOptions,
): Promise<Identity> {
  const hypervisor = new Hypervisor(specification.image);
  const local = new LocalTransport();
  const file = (name: string) => join(folder, name);
  const earlier = await readIdentity(folder).catch(() => undefined);
  const hostKey = earlier?.hostKey ?? generateKeyPair();
  const uuid = earlier?.uuid ?? randomUUID();
  const accelerator = await chooseAccelerator(hypervisor, dirname(dirname(specification.image)));
  const { name, wire: wireName } = specification;
  const wire =
    wireName === undefined
      ? undefined
      : await joinWire(dirname(folder), wireName, basename(folder), freePort);

  if (!(await readdir(folder)).includes("overlay.qcow2")) {
    const backing = ["-b", join(specification.image, "disk.raw"), "-F", "raw"];
    await local.run({
      argv: hypervisor.argv("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, file("overlay.part")]),
    });
    await rename(file("overlay.part"), file("overlay.qcow2"));
  }
  await writeFile(file("grub.cfg"), grubConfiguration(specification, DISK_LABEL));
  const grub = [
    "-O",
    "i386-pc",
    "-d",
    hypervisor.grubModules,
    "-c",
    file("grub.cfg"),
    "-p",
    "/boot/grub",
    "-o",
    file("core.img"),
    ...GRUB_MODULES,
  ];
  await local.run({ argv: hypervisor.argv("grub-mkimage", grub) });
  await writeFile(
    file("boot.img"),
    Buffer.concat([
      await readFile(join(hypervisor.grubModules, "lnxboot.img")),
      await readFile(file("core.img")),
    ]),
  );
  await writeFile(file("authorized-keys"), `${clientKey.publicKey}\n`, { mode: 0o600 });
  const files = bootFiles({
    "/etc/ssh/ssh_host_ed25519_key": { mode: "0600", content: hostKey.privateKey },
    "/etc/ssh/ssh_host_ed25519_key.pub": { mode: "0644", content: `${hostKey.publicKey}\n` },
    "/etc/hostname": { mode: "0644", content: `${specification.name}\n` },
    "/etc/hosts": { mode: "0644", content: `127.0.0.1 localhost\n127.0.1.1 ${specification.name}\n` },
  });
  await writeFile(file("files"), files, { mode: 0o600 });

  const drop = process.getuid?.() === 0 ? ["-run-with", `user=${UNPRIVILEGED}`] : [];
  let faults = 0;
  for (let attempt = 1; ; attempt += 1) {
    const sshPort = attempt === 1 && earlier !== undefined ? earlier.sshPort : await freePort();
    const identity: Identity = { uuid, sshPort, hostKey, accelerator, ...(wire !== undefined && { wire }) };
    await writeIdentity(folder, identity);
    const args = [...machineArguments(specification, identity, accelerator), ...drop];
    const argv = hypervisor.argv("qemu-system-x86_64", args);
    const fault = await bootOnce(folder, argv, connectionOf(identity, clientKey.privateKey), options, name);
    if (fault === undefined) return identity;
    if (fault.isPortTaken && attempt < PORT_ATTEMPTS) continue;
    if (fault.passing === undefined || faults === FAULTS_BORNE) throw fault.error;
    faults += 1;
    options.onProgress?.(`${fault.passing} while ${name} booted; starts again`);
  }
}

interface BootFault {
  readonly error: HostError;
  /** What happened, where another try may do better. */
  readonly passing?: string | undefined;
  readonly isPortTaken?: boolean;
}

/** Starts QEMU and waits for a server that can be used; of one that can't, nothing runs on. */
async function bootOnce(
  folder: string,
  argv: [string, ...string[]],
  connection: SshConnection,
  options: ServerOptions,
  name: string,
): Promise<BootFault | undefined> {
  const qemu = startDetached(folder, argv);
  const boots = async () => qemu.exit() === undefined && !(await hasLostTimer(folder));
  const { answers, afterS } = await waitForSsh(connection.port ?? 22, name, boots, options);
  if (answers) {
    const dead = await deadTimersOf(connection, options);
    if (dead.length === 0) return undefined;
    await stopServer(folder);
    return lostTimer(name, `nobody wakes up on CPU ${dead.join(", ")}`);
  }

  const exit = qemu.exit();
  const console = await lastLines(folder, "serial.log");
  if (exit === undefined && (await hasLostTimer(folder))) {
    await stopServer(folder);
    return lostTimer(name, `after ${afterS} s: ${console}`);
  }
  const said = await lastLines(folder, "qemu.log");
  if (exit !== undefined && console === "") {
    const error = new HostError({
      code: "server-start",
      problem: `QEMU did not start the emulated server ${name}`,
      observed: `${formatExit(exit)}: ${said}`,
      hint: "check free memory and the rights on its folder",
    });
    return { error, isPortTaken: /could not set up host forwarding/i.test(said) };
  }
  return {
    error: bootError(folder, name, afterS, { exit, said, console }),
    passing: exit?.signal ? `QEMU ended by ${formatExit(exit)}` : undefined,
  };
}

/** The kernel's own word for a CPU whose timer stopped before it came up. */
async function hasLostTimer(folder: string): Promise<boolean> {
  const console = await readFile(join(folder, "serial.log"), "utf8").catch(() => "");
  return /rcu: \s*Possible timer handling issue on cpu=/.test(console);
}

function lostTimer(name: string, observed: string): BootFault {
  const error = new HostError({
    code: "server-timer",
    problem: `the emulated server ${name} came up with a CPU whose timer had stopped`,
    observed,
    hint: "QEMU's emulation loses one now and then, sooner on a busy machine: run it again",
  });
  return { error, passing: "the timer of a CPU stopped" };
}

async function deadTimersOf(connection: SshConnection, { signal }: ServerOptions): Promise<number[]> {
  const transport = new SshTransport(connection);
  try {
    return await deadTimers(transport, signal);
  } finally {
    await transport.close();
  }
}

function bootError(
  folder: string,
  name: string,
  afterS: number,
  {
    exit,
    said,
    console,
  }: { readonly exit?: Exit | undefined; readonly said: string; readonly console: string },
): HostError {
  const end = exit && `QEMU ended with ${formatExit(exit)}${said && `: ${said}`}; `;
  return new HostError({
    code: "server-boot",
    problem: `the emulated server ${name} ${afterS >= BOOT_LIMIT_S ? "does not answer on SSH" : "ended while it booted"}`,
    observed: `after ${afterS} s: ${end ?? ""}console: ${console}`,
    hint: `read its console: ${join(folder, "serial.log")}`,
  });
}

/** Until SSH answers, the server is gone or the limit is over. */
async function waitForSsh(
  port: number,
  name: string,
  isAlive: () => boolean | Promise<boolean>,
  { onProgress, signal }: ServerOptions,
): Promise<{ readonly answers: boolean; readonly afterS: number }> {
  const begun = performance.now();
  for (;;) {
    const afterS = Math.round((performance.now() - begun) / 1000);
    if (!(await isAlive()) || afterS >= BOOT_LIMIT_S) return { answers: false, afterS };
    if (await showsBanner(port)) return { answers: true, afterS };
    onProgress?.(`${name} boots: ${afterS} s`);
    await sleep(500, undefined, signal === undefined ? {} : { signal });
  }
}

/** QEMU accepts the connection long before the server does: only the banner tells. */
function showsBanner(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ host: "127.0.0.1", port });
    const answer = (shown: boolean) => {
      socket.destroy();
      resolve(shown);
    };
    socket.setTimeout(3000, () => answer(false));
    socket.once("data", (data) => answer(data.toString("latin1").startsWith("SSH-2.0")));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function isRunning(folder: string): Promise<boolean> {
  return (await pidOf(folder)) !== undefined;
}

/** The process that runs in this folder. A pid that was given to somebody else since does not count: its folder tells. */
async function pidOf(folder: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(join(folder, "pid"), "utf8").catch(() => ""), 10);
  if (!Number.isInteger(pid)) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
  const environment = await readFile(`/proc/${pid}/status`, "latin1").catch(() => "");
  const ours =
    command.includes("qemu-system-x86_64") &&
    command.includes(await ownMark(folder)) &&
    !/^State:\s+Z/m.test(environment);
  return ours ? pid : undefined;
}

/** What only this server's command line holds: its UUID. */
async function ownMark(folder: string): Promise<string> {
  const identity = await readIdentity(folder).catch(() => undefined);
  return identity === undefined ? "\0no identity\0" : `uuid=${identity.uuid}`;
}

async function readIdentity(folder: string): Promise<Identity> {
  return JSON.parse(await readFile(join(folder, "identity.json"), "utf8")) as Identity;
}

async function writeIdentity(folder: string, identity: Identity): Promise<void> {
  const path = join(folder, "identity.json");
  await writeFile(`${path}.part`, JSON.stringify(identity), { mode: 0o600 });
  await rename(`${path}.part`, path);
}

/** The key by which a stack reaches its servers, made with the first of them. */
async function clientKeyOf(stack: string): Promise<KeyPair> {
  const path = join(stack, "client-key.json");
  return withLock(join(stack, "client-key.lock"), async () => {
    const known = await readFile(path, "utf8").catch(() => undefined);
    if (known !== undefined) return JSON.parse(known);
    const pair = generateKeyPair();
    await writeFile(`${path}.part`, JSON.stringify(pair), { mode: 0o600 });
    await chmod(`${path}.part`, 0o600);
    await rename(`${path}.part`, path);
    return pair;
  });
}

function connectionOf({ sshPort, hostKey }: Identity, privateKey: string): SshConnection {
  return {
    kind: "ssh",
    host: "127.0.0.1",
    port: sshPort,
    user: "root",
    privateKey,
    hostKey: hostKey.publicKey,
  };
}
