import { existsSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";
import type { Transport } from "../../sdk/remote/transport.ts";
import { eventually, processesWith, type Sshd, startSshd } from "./sshd.ts";

let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());

const NASTY = [
  "; touch TRAP",
  "$(touch TRAP)",
  "`touch TRAP`",
  "' ; touch TRAP ; '",
  '" && touch TRAP && "',
  "\n touch TRAP \n",
  "| touch TRAP",
  "-n",
  "",
  "\\",
  "*",
  "~",
  "é😀",
];

// What holds over SSH holds locally: the same tests for both.
describe.each([
  ["SSH", () => new SshTransport(sshd.connection())],
  ["local", () => new LocalTransport()],
])("over %s", (name, open: () => Transport) => {
  let transport: Transport;
  beforeAll(() => {
    transport = open();
  });
  afterAll(() => transport.close());

  const shell = (script: string) => ["sh", "-c", script] as const;
  /** A text that only this run's processes have in their command lines. */
  const mark = (text: string) => join(sshd.folder, `${name}-${text}`);

  test("a result says everything", async () => {
    const result = await transport.execute({ argv: shell("echo out; echo err >&2; exit 3") });
    expect(result).toMatchObject({
      command: "sh -c 'echo out; echo err >&2; exit 3'",
      host: transport.host,
      code: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(result.durationMs).toBeGreaterThan(0);
  });

  test("the exit code alone judges, not what is on standard error", async () => {
    expect((await transport.run({ argv: shell("echo careful >&2") })).stderr).toBe("careful\n");
    await expect(transport.run({ argv: ["false"] })).rejects.toMatchObject({
      code: "command-failed",
      result: { code: 1 },
      timedOut: false,
      aborted: false,
    });
  });

  test("an error is one sentence: the command, its machine, how it ended, what it last said", async () => {
    const script = "for line in 1 2 3 4; do echo line $line >&2; done; exit 3";
    const failed = await transport.run({ argv: shell(script) }).catch((error) => error);
    const long = await transport.run({ argv: shell(`exit 9 # ${"x".repeat(500)}`) }).catch((error) => error);
    const late = { argv: shell("echo begun; sleep 300"), timeoutMs: 3000 };
    const ended = await transport.run(late).catch((error) => error);
    const sentences = [failed, long, ended].map((error) => `${error.name}: ${error.message}\n`).join("");
    const file = join(import.meta.dirname, "golden", "command.txt");
    await expect(sentences.replaceAll(transport.host, "<host>")).toMatchFileSnapshot(file);
  });

  test("a signal is 128 and its number, as in a shell", async () => {
    expect((await transport.execute({ argv: shell("kill -KILL $$") })).code).toBe(137);
    expect((await transport.execute({ argv: shell("kill -SEGV $$") })).code).toBe(139);
  });

  test("a missing program is 127", async () => {
    const { code, stderr } = await transport.execute({ argv: ["nfvlab-no-such-program"] });
    expect(code).toBe(127);
    expect(stderr).toContain("nfvlab-no-such-program");
  });

  test("arguments arrive as they are, and nothing in them is run", async () => {
    const trap = mark("trap");
    const words = NASTY.map((word) => word.replace("TRAP", trap));
    const { stdout } = await transport.run({ argv: ["printf", "%s\\0", ...words] });
    expect(stdout.split("\0").slice(0, -1)).toEqual(words);
    expect(existsSync(trap)).toBe(false);
    await expect(transport.run({ argv: ["echo", "a\0b"] })).rejects.toMatchObject({ code: "argument" });
  });

  test("the environment arrives as it is, with LC_ALL=C", async () => {
    const value = `two words; $(touch ${mark("trap")}) "'\n`;
    const { stdout } = await transport.run({
      argv: shell('printf %s "$LC_ALL $VALUE"'),
      environment: { VALUE: value },
    });
    expect(stdout).toBe(`C ${value}`);
    expect(existsSync(mark("trap"))).toBe(false);
  });

  test("a character split over two chunks stays whole", async () => {
    const { stdout } = await transport.run({ argv: shell("printf '\\303'; sleep 0.3; printf '\\251'") });
    expect(stdout).toBe("é");
  });

  test("1 MiB of every byte goes in and comes out exactly", async () => {
    const bytes = Buffer.from(
      Array.from({ length: 1 << 20 }, (_, index) => (index * 31 + (index >> 8)) & 255),
    );
    const chunks: Uint8Array[] = [];
    await transport.run({ argv: ["cat"], stdin: bytes, onStdout: (chunk) => chunks.push(chunk) });
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  test("a command need not read its input", async () => {
    expect((await transport.run({ argv: ["true"], stdin: Buffer.alloc(8 << 20) })).code).toBe(0);
  });

  test("a command without input reads an empty one", async () => {
    expect((await transport.run({ argv: ["cat"] })).stdout).toBe("");
  });

  test("a command is told by a stream what to do while it runs", async () => {
    const stdin = new Readable({ read: () => undefined });
    const answers: string[] = [];
    stdin.push("first\n");
    const { code, stdout } = await transport.run({
      argv: shell('while read line; do echo "did $line"; done; echo over'),
      stdin,
      onStdout: (chunk) => {
        answers.push(Buffer.from(chunk).toString("utf8"));
        // Only an answer brings the next one, so what was sent at once would never end.
        if (answers.join("") === "did first\n") stdin.push("second\n");
        if (answers.join("") === "did first\ndid second\n") stdin.push(null);
      },
    });
    expect([code, stdout]).toEqual([0, "did first\ndid second\nover\n"]);
  });

  test("fourteen at once are all answered", async () => {
    const commands = Array.from({ length: 14 }, (_, index) =>
      transport.run({ argv: shell(`sleep 0.2; echo ${index}`) }),
    );
    const results = await Promise.all(commands);
    expect(results.map(({ stdout }) => Number(stdout))).toEqual([...commands.keys()]);
  });

  test("a time limit ends the command, its children, and theirs in groups of their own", async () => {
    const stubborn = mark("stubborn");
    const script = `trap '' TERM; timeout 300 sh -c 'trap "" TERM; sleep 300; : ${stubborn}' & sleep 300 & echo begun; wait; sleep 300; : ${stubborn}`;
    const error = await transport.execute({ argv: shell(script), timeoutMs: 3000 }).catch((error) => error);
    expect(error).toMatchObject({ code: "command-timeout", timedOut: true, result: { stdout: "begun\n" } });
    expect(processesWith(stubborn)).toEqual([]);
  });

  test("a command may tidy up when it is asked to end", async () => {
    const argv = shell("trap 'echo tidied; exit 0' TERM; echo begun; sleep 300 & wait");
    const error = await transport.execute({ argv, timeoutMs: 3000 }).catch((error) => error);
    expect(error.result.stdout).toBe("begun\ntidied\n");
  });

  test("aborting ends all that run, more than there are channels, and what waits never starts", async () => {
    const running = mark("running");
    const controller = new AbortController();
    const { signal } = controller;
    const commands = Array.from({ length: 10 }, () =>
      transport.execute({ argv: shell(`sleep 300; : ${running}`), signal }).catch((error) => error),
    );
    await eventually("eight run", () => processesWith(running).length >= 8);
    controller.abort();
    for (const error of await Promise.all(commands)) {
      expect(error).toMatchObject({ code: "command-aborted", aborted: true, timedOut: false });
    }
    expect(processesWith(running)).toEqual([]);
    expect((await transport.run({ argv: ["echo", "usable"] })).stdout).toBe("usable\n");
  });

  test("aborted before it starts, a command is not run", async () => {
    const before = transport.roundTrips;
    const argv = ["touch", mark("aborted")] as const;
    await expect(transport.execute({ argv, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "command-aborted",
    });
    expect(existsSync(mark("aborted"))).toBe(false);
    expect(transport.roundTrips).toBe(before);
  });

  test("a secret shows neither in the command, nor in the error, nor in what the error holds", async () => {
    const secret = "it's confidential";
    const argv = ["sh", "-c", 'echo "$1"; echo "$1" >&2; exit 4', "sh", secret] as const;
    const result = await transport.execute({ argv, secrets: [secret] });
    expect(result.command).toBe(`sh -c 'echo "$1"; echo "$1" >&2; exit 4' sh '[secret]'`);
    expect(result.stdout).toBe(`${secret}\n`);
    const failed = await transport.run({ argv, secrets: [secret] }).catch((error) => error);
    const late = { argv: ["sh", "-c", 'echo "$1"; sleep 300', "sh", secret], timeoutMs: 3000 } as const;
    const ended = await transport.run({ ...late, secrets: [secret] }).catch((error) => error);
    for (const error of [failed, ended]) {
      expect(error.message).toContain("observed [secret]");
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("confidential");
    }
  });
});
