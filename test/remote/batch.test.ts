import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAll } from "../../sdk/remote/batch.ts";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";
import type { Transport } from "../../sdk/remote/transport.ts";
import type { Ask } from "../../sdk/units/question.ts";
import { processesWith, type Sshd, startSshd } from "./sshd.ts";

let sshd: Sshd;
let folder: string;
beforeAll(async () => {
  sshd = await startSshd();
  folder = mkdtempSync(join(tmpdir(), "nfvlab-batch-"));
  writeFileSync(join(folder, "one"), "1\n");
  writeFileSync(join(folder, "two"), "first\nsecond, unfinished");
  writeFileSync(join(folder, "binary"), Buffer.from("a\0b\n"));
  writeFileSync(join(folder, "empty"), "");
  mkdirSync(join(folder, "folder"));
  symlinkSync("../drivers/vfio-pci", join(folder, "driver"));
});
afterAll(async () => {
  await sshd.stop();
  rmSync(folder, { recursive: true });
});

describe.each([
  ["SSH", () => new SshTransport(sshd.connection())],
  ["local", () => new LocalTransport()],
])("over %s", (_, open: () => Transport) => {
  let transport: Transport;
  beforeAll(() => {
    transport = open();
  });
  afterAll(() => transport.close());

  const ask = async (...asks: Ask[]) => {
    const questions = asks.map((one, index) => ({ name: `${index}`, ask: one }));
    return [...(await askAll(transport, questions)).values()];
  };
  const shell = (script: string): Ask => ({ kind: "command", argv: ["sh", "-c", script] });

  test("any number of questions is one round trip", async () => {
    const before = transport.roundTrips;
    const asks = Array.from({ length: 60 }, (_, index) =>
      shell(`echo ${index}; echo e${index} >&2; exit ${index}`),
    );
    const answers = await ask(...asks);
    expect(transport.roundTrips - before).toBe(1);
    expect(answers).toEqual(
      asks.map((_, index) => ({ code: index, stdout: `${index}\n`, stderr: `e${index}\n` })),
    );
  });

  test("answers are exact: no newline at the end, only newlines, nothing, a form like the frame's", async () => {
    const answers = await ask(
      shell("printf unfinished"),
      shell("printf '\\n\\n'"),
      shell("true"),
      shell("printf '0123 0 end 0\\n'"),
      shell("printf %s é"),
    );
    expect(answers.map(({ stdout }) => stdout)).toEqual(["unfinished", "\n\n", "", "0123 0 end 0\n", "é"]);
  });

  test("a missing program answers 127, and the next question is asked all the same", async () => {
    const [missing, next] = await ask(
      { kind: "command", argv: ["nfvlab-no-such-program"] },
      shell("echo here"),
    );
    expect(missing).toMatchObject({ code: 127, stdout: "" });
    expect(missing?.stderr).toContain("nfvlab-no-such-program");
    expect(next).toEqual({ code: 0, stdout: "here\n", stderr: "" });
  });

  test("a question can't read the script that follows it, nor end it", async () => {
    // Longer than what a shell reads of it at once.
    const after = Array.from({ length: 100 }, (_, index) => shell(`echo ${index} after ${"-".repeat(100)}`));
    const [reads, ends, ...rest] = await ask(shell("cat; exit 3"), shell("kill -KILL $$"), ...after);
    expect(reads).toEqual({ code: 3, stdout: "", stderr: "" });
    expect(ends?.code).toBe(137);
    expect(rest.map(({ stdout }) => Number.parseInt(stdout, 10))).toEqual([...after.keys()]);
  });

  test("files come line by line behind their path; those that are not there or empty are left out", async () => {
    const [some, none] = await ask(
      { kind: "files", patterns: [`${folder}/*`, `${folder}/nowhere/*`] },
      { kind: "files", patterns: [`${folder}/nowhere`] },
    );
    expect(some?.stdout.split("\n").sort()).toEqual([
      "",
      `${folder}/binary:a\0b`,
      `${folder}/one:1`,
      `${folder}/two:first`,
      `${folder}/two:second, unfinished`,
    ]);
    expect(none).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("links come with their target", async () => {
    const [links, none] = await ask(
      { kind: "links", patterns: [`${folder}/*`] },
      { kind: "links", patterns: [`${folder}/nowhere/*`] },
    );
    expect(links).toEqual({ code: 0, stdout: `${folder}/driver ../drivers/vfio-pci\n`, stderr: "" });
    expect(none).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("a pattern is no way to run anything", async () => {
    const trap = join(folder, `trap-${transport.host === "local"}`);
    const [files] = await ask({ kind: "files", patterns: [`$(touch ${trap})`, `; touch ${trap}`] });
    const [found] = await ask({ kind: "files", patterns: [trap] }, shell(`test -e ${trap}`));
    expect(files?.stdout).toBe("");
    expect(found?.code).toBe(0);
    const [, exists] = await ask(shell("true"), shell(`test -e ${trap}`));
    expect(exists?.code).toBe(1);
  });

  test("aborting ends the question that hangs", async () => {
    const mark = `${folder}/hang-${transport.host === "local"}`;
    const controller = new AbortController();
    const asked = askAll(transport, [{ name: "hang", ask: shell(`sleep 300; : ${mark}`) }], {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 500);
    await expect(asked).rejects.toMatchObject({ code: "command-aborted" });
    expect(processesWith(mark)).toEqual([]);
  });
});

test("a question that hangs answers 124 after its time, twenty seconds or what it says, the others answer", async () => {
  const transport = new LocalTransport();
  const answers = await askAll(transport, [
    { name: "hangs", ask: { kind: "command", argv: ["sleep", "300"] } },
    { name: "is cut off", ask: { kind: "command", argv: ["sh", "-c", "echo first; sleep 300"], limitS: 1 } },
    { name: "answers", ask: { kind: "command", argv: ["echo", "here"] } },
  ]);
  expect(answers.get("hangs")?.code).toBe(124);
  expect(answers.get("is cut off")).toMatchObject({ code: 124, stdout: "first\n" });
  expect(answers.get("answers")?.stdout).toBe("here\n");
});

test("nothing asked is no round trip", async () => {
  const transport = new LocalTransport();
  expect(await askAll(transport, [])).toEqual(new Map());
  expect(transport.roundTrips).toBe(0);
});
