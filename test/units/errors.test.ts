import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const errors = JSON.stringify(join(import.meta.dirname, "../../sdk/units/errors.ts"));

/** What a process of its own shows of an error, in colour as the engine asks for it: a loop that never ends would take this one along. */
function shown(facts: string): string {
  const program = `
    const { inspect } = await import("node:util");
    const { InputError } = await import(${errors});
    const error = new InputError(${facts});
    error.stack += "\\n    at f (/lab/node_modules/@pulumi/resource.ts:1:1)";
    console.log(inspect(error, { colors: true }));`;
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    { encoding: "utf8", timeout: 30_000 },
  );
  expect(signal, stderr).toBeNull();
  return stdout;
}

it("shows an error with its stack and its cause at once, whatever paths the stack has", () => {
  const said = shown(
    '{ code: "cpu-unknown", property: "pmdCpus", problem: "no such CPU", observed: "9", cause: new Error("ENOENT") }',
  );
  expect(said).toMatch(/^InputError: pmdCpus: no such CPU: observed 9\n {4}at /);
  expect(said).toContain("node_modules/@pulumi/resource.ts:1:1");
  expect(said).toContain("caused by Error: ENOENT\n    at ");
});

it("shows nothing of a cause that only gathers what the message has", () => {
  const said = shown(
    '{ code: "component-inputs", problem: "wrong", cause: new AggregateError([new Error("no such CPU")]) }',
  );
  expect(said).toMatch(/^InputError: wrong\n {4}at /);
  expect(said).not.toContain("caused by");
});
