import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const fiveMinutes = 300_000;

function check(program: string, ...args: string[]): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin", program), args, {
    cwd: root,
    encoding: "utf8",
  });
  return { code: status, said: `${stdout}${stderr}` };
}

it("the types are right", { timeout: fiveMinutes }, () => {
  expect(check("tsc", "--noEmit", "--pretty", "false")).toEqual({ code: 0, said: "" });
});

it("format and lint are clean", { timeout: fiveMinutes }, () => {
  const { code, said } = check("biome", "check", "--colors=off", ".");
  expect(code, said).toBe(0);
});
