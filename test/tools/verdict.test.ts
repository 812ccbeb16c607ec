import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verdict, verdictLines } from "../../tools/verdict.mjs";

const root = join(import.meta.dirname, "../..");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-verdict-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const tests: Record<string, string> = {
    good: 'it("passes", () => {}); it("passes too", () => {});',
    mixed:
      'it("is fine", () => {}); it("fails", () => { throw new Error("no"); }); it.skip("waits", () => {}); it.todo("is to come");',
    broken: 'throw new Error("can not be loaded");',
    uncaught:
      'it("leaks", () => { setTimeout(() => { throw new Error("later"); }, 0); return new Promise((r) => setTimeout(r, 50)); });',
  };
  for (const [name, text] of Object.entries(tests)) {
    writeFileSync(join(folder, `${name}.test.ts`), `import { it } from "vitest";\n${text}\n`);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(...files: string[]): { report: unknown; code: number } {
  const file = join(folder, "report.json");
  rmSync(file, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(
    process.execPath,
    [vitest, "run", "--root", folder, "--reporter=json", `--outputFile=${file}`, ...files],
    {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, CI: "true" },
    },
  );
  return { report: JSON.parse(readFileSync(file, "utf8")), code: status ?? -1 };
}

describe("the verdict on a run of vitest", () => {
  it("counts what passed", () => {
    const { report, code } = run("good");
    expect(code).toBe(0);
    expect(verdictLines(verdict(report, code))).toEqual(["2 passed, 0 failed"]);
  });

  it("counts failures and files that can't be loaded, names what is skipped, and says last what failed and why", () => {
    const { report, code } = run("good", "mixed", "broken");
    expect(code).toBe(1);
    const lines = verdictLines(verdict(report, code));
    expect(lines.filter((line) => !/^ +at /.test(line))).toEqual([
      `SKIPPED: ${relative(root, join(folder, "mixed.test.ts"))}: waits`,
      `SKIPPED: ${relative(root, join(folder, "mixed.test.ts"))}: is to come`,
      `FAILED: ${relative(root, join(folder, "mixed.test.ts"))}: fails`,
      "  Error: no",
      `FAILED: ${relative(root, join(folder, "broken.test.ts"))}`,
      "  can not be loaded",
      "3 passed, 2 failed, 2 skipped",
    ]);
  });

  it("tells of a message no more than its beginning", () => {
    const message = Array.from({ length: 50 }, (_, line) => `${line} ${"x".repeat(1000)}`).join("\n");
    const report = {
      testResults: [{ name: join(root, "a.test.ts"), status: "failed", message, assertionResults: [] }],
    };
    const lines = verdictLines(verdict(report, 1));
    expect(lines[0]).toBe("FAILED: a.test.ts");
    expect(lines.slice(1, -1).map((line) => line.trim().split(" ")[0])).toEqual(
      Array.from({ length: 12 }, (_, line) => `${line}`),
    );
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(500);
  });

  it("does not let a run pass whose error is in no test", () => {
    const { report, code } = run("uncaught");
    expect(code).toBe(1);
    expect(verdict(report, code).failed).toBe(1);
  });

  it("is a failure without a report", () => {
    expect(verdictLines(verdict(undefined, 1))).toEqual(["0 passed, 1 failed"]);
    expect(verdictLines(verdict(undefined, 0))).toEqual(["0 passed, 1 failed"]);
  });
});
