import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatExit, lastLines, startDetached } from "../../sdk/emulate/process.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-process-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function shell(script: string) {
  return startDetached(folder, ["sh", "-c", script]);
}

test("tells how a program ended, and what it said last", async () => {
  const { ended } = shell("seq 5; echo 'cannot set up guest memory' >&2; exit 3");
  expect(formatExit(await ended)).toBe("exit code 3");
  expect(await lastLines(folder, "qemu.log")).toBe("4 | 5 | cannot set up guest memory");
});

test("tells a crash", async () => {
  const { ended, exit } = shell("kill -SEGV $$");
  expect(exit()).toBeUndefined();
  expect(formatExit(await ended)).toBe("signal SIGSEGV");
  expect(exit()).toEqual({ code: null, signal: "SIGSEGV" });
});

test("tells that there is no such program", async () => {
  const { ended } = startDetached(folder, [join(folder, "absent")]);
  expect(formatExit(await ended)).toBe("exit code 127");
});

test("runs a program in its folder, in a session of its own, without our environment", async () => {
  process.env["NFVLAB_TEST_SECRET"] = "of the stack";
  const { ended } = shell(
    "pwd; env; read -r _ _ _ _ _ session _ < /proc/self/stat; test $session = $$ && echo leads > mark",
  );
  expect(formatExit(await ended)).toBe("exit code 0");
  expect(readFileSync(join(folder, "mark"), "utf8")).toBe("leads\n");
  const said = readFileSync(join(folder, "qemu.log"), "utf8");
  expect(said).toContain(folder);
  expect(said).not.toContain("NFVLAB_TEST_SECRET");
});
