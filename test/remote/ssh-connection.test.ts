import { execFileSync, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SshConnection } from "../../sdk/remote/connection.ts";
import { generateKeyPair } from "../../sdk/remote/host-keys.ts";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";
import { startRelay } from "./relay.ts";
import {
  endProcessesWith,
  eventually,
  freePort,
  processesWith,
  type Sshd,
  type SshdOptions,
  startSshd,
} from "./sshd.ts";

const isRoot = process.getuid?.() === 0;

let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function open(connection: SshConnection): SshTransport {
  const transport = new SshTransport(connection);
  cleanups.push(() => transport.close());
  return transport;
}

async function another(options: SshdOptions): Promise<Sshd> {
  const server = await startSshd(options);
  cleanups.push(() => server.stop());
  return server;
}

async function relayTo(target: number, options?: { holdMs?: number; port?: number }) {
  const relay = await startRelay(target, options);
  cleanups.push(() => relay.close());
  return relay;
}

/** The error's sentence, with what differs from run to run replaced by words. */
async function sentenceOf(
  failing: Promise<unknown>,
  words: Readonly<Record<string, string>> = {},
): Promise<string> {
  const error = await failing.then(
    () => new Error("no error"),
    (error: Error) => error,
  );
  const message = Object.entries(words).reduce(
    (text, [word, found]) => text.replaceAll(found, `<${word}>`),
    error.message,
  );
  return `${error.name}: ${message.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>").replaceAll(sshd.user, "<user>")}\n`;
}

const golden = (name: string) => join(import.meta.dirname, "golden", `${name}.txt`);
const run = (connection: SshConnection) => open(connection).run({ argv: ["true"] });

describe("a host key that is not pinned", () => {
  const other = generateKeyPair().publicKey;

  test("ends the connection with one sentence, both fingerprints, one attempt, and nothing run", async () => {
    const relay = await relayTo(sshd.port);
    const trap = join(sshd.folder, "trap");
    const transport = open(sshd.connection({ port: relay.port, hostKey: other, dialErrorLimit: 5 }));
    const failing = transport.run({ argv: ["touch", trap] });
    await expect(failing).rejects.toMatchObject({
      name: "TransportError",
      code: "host-key",
      observed: fingerprintBySshKeygen(sshd.hostKey),
      expected: fingerprintBySshKeygen(other),
    });
    const words = { shown: fingerprintBySshKeygen(sshd.hostKey), pinned: fingerprintBySshKeygen(other) };
    await expect(await sentenceOf(failing, words)).toMatchFileSnapshot(golden("host-key"));
    expect(relay.taken).toBe(1);
    expect(existsSync(trap)).toBe(false);
  });

  test("is named also where the machine has a key of another type", async () => {
    const server = await another({ hostKeyType: "rsa" });
    await expect(run(server.connection({ hostKey: other }))).rejects.toMatchObject({
      code: "host-key",
      observed: fingerprintBySshKeygen(server.hostKey),
    });
  });

  test.each(["rsa", "ecdsa"] as const)("is none where a key of type %s is pinned", async (hostKeyType) => {
    const server = await another({ hostKeyType });
    await run(server.connection({ hostKey: [other, `127.0.0.1 ${server.hostKey}`] }));
    expect(server.log()).toContain("Accepted publickey");
  });

  function fingerprintBySshKeygen(publicKey: string): string {
    const line = execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: publicKey, encoding: "utf8" });
    return line.split(" ")[1] ?? "";
  }
});

describe("a machine that can't be reached", () => {
  test("because nothing listens", async () => {
    const failing = run(sshd.connection({ port: await freePort(), dialErrorLimit: 2 }));
    await expect(failing).rejects.toMatchObject({ name: "TransportError", code: "connection-refused" });
    await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("connection-refused"));
  });

  test("because its name has no address", async () => {
    const failing = run(sshd.connection({ host: "dut.invalid", dialErrorLimit: 2 }));
    await expect(failing).rejects.toMatchObject({ code: "host-unknown" });
    const { message } = await failing.catch((error) => error);
    expect(message).toMatch(
      /^could not connect to .*@dut\.invalid:\d+ in 2 attempts: observed .*; check the/,
    );
  });

  test("because it accepts but says nothing", async () => {
    const silent = await relayTo(sshd.port, { holdMs: 60_000 });
    const failing = run(sshd.connection({ port: silent.port, perDialTimeout: 1, dialErrorLimit: 2 }));
    await expect(failing).rejects.toMatchObject({ code: "connection-timeout" });
    await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("connection-timeout"));
    expect(silent.taken).toBe(2);
  });

  test("because something else answers", async () => {
    const port = await freePort();
    const server = createServer((socket) => {
      socket.on("error", () => undefined).write("HTTP/1.1 400 Bad Request\r\n\r\n", () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const failing = run(sshd.connection({ port }));
    await expect(failing).rejects.toMatchObject({ code: "connection-failed" });
    await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("connection-failed"));
  });

  test("is tried again until it is there", async () => {
    const port = await freePort();
    const answer = open(sshd.connection({ port, dialErrorLimit: 10 })).run({ argv: ["echo", "there"] });
    await sleep(700);
    await relayTo(sshd.port, { port });
    expect((await answer).stdout).toBe("there\n");
  });

  test("is not waited for once the command is aborted, or the transport closed", async () => {
    const silent = await relayTo(sshd.port, { holdMs: 60_000 });
    const transport = open(sshd.connection({ port: silent.port, dialErrorLimit: 10 }));
    const signal = AbortSignal.timeout(300);
    const startedAt = performance.now();
    await expect(transport.run({ argv: ["true"], signal })).rejects.toMatchObject({
      code: "command-aborted",
    });
    const waiting = transport.run({ argv: ["true"] });
    const closed = expect(waiting).rejects.toMatchObject({ name: "TransportError", code: "closed" });
    await transport.close();
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});

test("a slow banner is waited for", async () => {
  const slow = await relayTo(sshd.port, { holdMs: 2000 });
  await run(sshd.connection({ port: slow.port }));
  expect(slow.taken).toBe(1);
});

describe("credentials", () => {
  test("that are refused are told at once, without what they are", async () => {
    const relay = await relayTo(sshd.port);
    const { privateKey } = generateKeyPair();
    const connection = sshd.connection({
      port: relay.port,
      privateKey,
      password: "pa55word",
      dialErrorLimit: 5,
    });
    const failing = run(connection);
    await expect(failing).rejects.toMatchObject({ name: "TransportError", code: "authentication" });
    await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("authentication"));
    const everything = inspect([await failing.catch((error) => error), new SshTransport(connection)], {
      depth: 9,
      showHidden: true,
    });
    expect(everything).not.toMatch(/pa55word|PRIVATE KEY/);
    expect(relay.taken).toBe(1);
  });

  test("that are none are told as such", async () => {
    const { privateKey: _, ...connection } = sshd.connection();
    await expect(run(connection)).rejects.toMatchObject({ observed: "no credentials given" });
  });

  test("of an agent that is not there are told as such", async () => {
    const { privateKey: _, ...connection } = sshd.connection();
    const observed = async (more: object) => {
      const error = await run({ ...connection, ...more }).catch((cause: unknown) => cause);
      return (error as { observed?: string }).observed;
    };
    const empty = "agentSocketPath is empty: no agent";
    expect(await observed({ agentSocketPath: "" })).toBe(empty);
    expect(await observed({ agentSocketPath: "", password: "pa55word" })).toBe(`password refused, ${empty}`);
    const failing = run({ ...connection, agentSocketPath: "/nowhere/agent" });
    await expect(failing).rejects.toMatchObject({ code: "agent", observed: "nothing at /nowhere/agent" });
  });

  test("that need a passphrase, or are no key, are the program's mistake", async () => {
    const file = join(sshd.folder, "encrypted");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "a passphrase", "-f", file]);
    const encrypted = execFileSync("cat", [file], { encoding: "utf8" });
    const failing = run(sshd.connection({ privateKey: encrypted }));
    await expect(failing).rejects.toMatchObject({ name: "InputError", code: "private-key" });
    await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("private-key"));
    await expect(run(sshd.connection({ privateKey: "no key" }))).rejects.toMatchObject({
      code: "private-key",
      observed: "not the text of a private key",
    });
  });

  test("may come from an agent", async () => {
    const socket = join(sshd.folder, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    cleanups.push(async () => agent.kill());
    await eventually("the agent listens", () => existsSync(socket));
    const { privateKey, ...connection } = sshd.connection({ agentSocketPath: socket });
    await expect(run(connection)).rejects.toMatchObject({ observed: "agentSocketPath refused" });
    execFileSync("ssh-add", ["-q", "-"], {
      input: privateKey,
      env: { ...process.env, SSH_AUTH_SOCK: socket },
    });
    await run(connection);
  });

  test.skipIf(!isRoot)("may be a password", async () => {
    const server = await another({ unprivileged: { password: "pa55word" } });
    const { privateKey: _, ...connection } = server.connection();
    const { stdout } = await open({ ...connection, password: "pa55word" }).run({ argv: ["id", "-un"] });
    expect(stdout).toBe("lab\n");
    await expect(run({ ...connection, password: "wrong" })).rejects.toMatchObject({
      observed: "password refused",
    });
  });
});

describe("a jump host", () => {
  test("carries the connection, with its own host key and credentials", async () => {
    const jump = await another({ config: ["PermitTTY no", "ForceCommand echo nothing is run here"] });
    const transport = open(sshd.connection({ proxy: jump.connection() }));
    expect((await transport.run({ argv: ["echo", "behind"] })).stdout).toBe("behind\n");
    expect(jump.log()).toContain("Accepted publickey");
  });

  test("that forbids it, or can't reach the machine, is named", async () => {
    const jump = await another({ config: [`PermitOpen 127.0.0.1:${sshd.port}`] });
    const failing = run(sshd.connection({ port: await freePort(), proxy: jump.connection() }));
    await expect(failing).rejects.toMatchObject({ name: "TransportError", code: "connection-refused" });
    await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("jump"));
  });

  test("with another host key than the pinned one is not used", async () => {
    const jump = await another({});
    const failing = run(sshd.connection({ proxy: jump.connection({ hostKey: sshd.hostKey }) }));
    await expect(failing).rejects.toMatchObject({ code: "host-key" });
    expect(jump.log()).not.toContain("Accepted");
  });
});

describe("a connection that breaks", () => {
  test("between commands is made anew for the next one, and does not end this process", async () => {
    const relay = await relayTo(sshd.port);
    const transport = open(sshd.connection({ port: relay.port }));
    await transport.run({ argv: ["true"] });
    relay.reset();
    await sleep(300);
    expect((await transport.run({ argv: ["echo", "again"] })).stdout).toBe("again\n");
    expect(relay.taken).toBe(2);
  });

  test("during a command is an error, and the command is not sent again", async () => {
    const relay = await relayTo(sshd.port);
    const transport = open(sshd.connection({ port: relay.port }));
    const tally = join(sshd.folder, "tally");
    const failing = transport.run({
      argv: ["sh", "-c", 'echo run >> "$1"; sleep 300', "sh", tally],
    });
    await Promise.all([
      expect(failing).rejects.toMatchObject({ name: "TransportError", code: "connection-lost" }),
      eventually("it runs", () => existsSync(tally)).then(() => relay.reset()),
    ]);
    // Whether the reset is read or the stream closes first is up to the kernel.
    const said = (await sentenceOf(failing)).replace("read ECONNRESET", "closed by the other side");
    await expect(said).toMatchFileSnapshot(golden("connection-lost"));
    await transport.run({ argv: ["true"] });
    expect(execFileSync("cat", [tally], { encoding: "utf8" })).toBe("run\n");
    endProcessesWith(tally);
  });

  test.each([0, 2, 5, 10, 20, 50])(
    "%d ms into a transfer is an error of the connection, not of the file",
    async (afterMs) => {
      const relay = await relayTo(sshd.port);
      const transport = open(sshd.connection({ port: relay.port }));
      await transport.run({ argv: ["true"] });
      const file = join(sshd.folder, `transferred-${afterMs}`);
      const failing = transport.writeFile(file, Buffer.alloc(64 << 20));
      const cut = sleep(afterMs).then(() => relay.reset());
      await expect(failing).rejects.toMatchObject({ name: "TransportError", code: "connection-lost" });
      await cut;
      expect(existsSync(file)).toBe(false);
      await transport.writeFile(file, "whole");
    },
  );

  test("because its server was killed is an error too, not a result", async () => {
    const server = await another({});
    const transport = open(server.connection());
    const running = join(server.folder, "running");
    const failing = transport.run({ argv: ["sh", "-c", ': > "$1"; sleep 300; :', "sh", running] });
    await Promise.all([
      expect(failing).rejects.toMatchObject({ name: "TransportError", code: "connection-lost" }),
      eventually("it runs", () => existsSync(running)).then(() => {
        for (const pid of server.servers()) process.kill(pid, "SIGKILL");
      }),
    ]);
    await transport.run({ argv: ["true"] });
    endProcessesWith(running);
  });
});

test("a server with fewer sessions than usual is told what to change, and refused commands are not run", async () => {
  const server = await another({ maxSessions: 2 });
  const transport = open(server.connection());
  const ran = join(server.folder, "ran");
  const commands = Array.from({ length: 6 }, () =>
    transport.run({ argv: ["sh", "-c", 'echo run >> "$1"; sleep 10', "sh", ran] }),
  );
  const settled = await Promise.allSettled(commands);
  const refused = settled.filter(({ status }) => status === "rejected");
  expect(refused).toHaveLength(4);
  expect(execFileSync("cat", [ran], { encoding: "utf8" })).toBe("run\nrun\n");
  const one = refused[0] as PromiseRejectedResult;
  expect(one.reason).toMatchObject({ name: "TransportError", code: "sessions" });
  await expect(await sentenceOf(Promise.reject(one.reason))).toMatchFileSnapshot(golden("sessions"));
});

test.skipIf(!isRoot)("a login shell that says something on its own does not get in between", async () => {
  const server = await another({ unprivileged: {} });
  writeFileSync(join(server.folder, "home", ".bashrc"), "echo noise >&2\n");
  const argv = ["sh", "-c", "echo word >&2; sleep 300"] as const;
  await expect(open(server.connection()).run({ argv, timeoutMs: 3000 })).rejects.toMatchObject({
    code: "command-timeout",
    result: { stdout: "", stderr: "noise\nword\n" },
  });
});

test("a server that runs something else instead is told what it needs", async () => {
  const server = await another({
    config: ["ForceCommand echo 'This account is not available.' >&2; exit 1"],
  });
  const failing = run(server.connection());
  await expect(failing).rejects.toMatchObject({ name: "HostError", code: "not-started" });
  await expect(await sentenceOf(failing)).toMatchFileSnapshot(golden("not-started"));
});

describe.skipIf(!isRoot)("root through sudo", () => {
  test("is refused with a clear word where the machine does not allow it", async () => {
    const server = await another({ unprivileged: {} });
    const transport = open(server.connection({ become: true }));
    const failing = transport.run({ argv: ["id", "-u"] });
    await expect(failing).rejects.toMatchObject({ name: "HostError", code: "sudo" });
    expect((await failing.catch((error) => error)).message).toMatch(
      /^lab@127\.0\.0\.1:\d+ does not let this user become root, so nothing was run: observed .*sudo.*; install sudo and allow/,
    );
    expect((await transport.run({ argv: ["id", "-u"], become: false })).stdout).toBe("54321\n");
  });

  test("is not asked for where the user is root already", async () => {
    const { stdout } = await open(sshd.connection({ become: true })).run({ argv: ["id", "-u"] });
    expect(stdout).toBe("0\n");
  });

  const terminals = ["use_pty", "!use_pty"];
  describe.skipIf(!existsSync("/usr/bin/sudo")).each(terminals)("where sudo lets us, with %s", (terminal) => {
    let transport: SshTransport;
    let server: Sshd;
    beforeAll(async () => {
      server = await startSshd({
        unprivileged: { sudoers: `Defaults ${terminal}\nlab ALL=(ALL) NOPASSWD: ALL` },
      });
      transport = new SshTransport(server.connection({ become: true }));
    });
    afterAll(async () => {
      await transport.close();
      await server.stop();
    });

    test("commands run as root, with their environment, input and exit code", async () => {
      const argv = ["sh", "-c", 'id -u; printf %s "$WORD"; cat; exit 5'] as const;
      const result = await transport.execute({ argv, environment: { WORD: "one " }, stdin: "two" });
      expect(result).toMatchObject({ code: 5, stdout: "0\none two", stderr: "" });
    });

    test("a time limit ends root's processes", async () => {
      const stubborn = join(server.folder, "stubborn");
      const argv = ["sh", "-c", `trap '' TERM; sleep 300 & sleep 300; : ${stubborn}`] as const;
      await expect(transport.run({ argv, timeoutMs: 3000 })).rejects.toMatchObject({
        code: "command-timeout",
      });
      expect(processesWith(stubborn)).toEqual([]);
    });

    test("files are root's, exact, and leave nothing beside them", async () => {
      const path = join(server.folder, "root's file");
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index & 255));
      await transport.writeFile(path, bytes, { mode: 0o640 });
      expect(Buffer.from(await transport.readFile(path)).equals(bytes)).toBe(true);
      const { stdout } = await transport.run({ argv: ["stat", "-c", "%a %U", path] });
      expect(stdout).toBe("640 root\n");
      await expect(transport.writeFile(join(path, "below"), "")).rejects.toMatchObject({ code: "file" });
      const listed = await transport.run({ argv: ["ls", server.folder] });
      expect(listed.stdout).not.toContain(".part");
    });
  });
});
