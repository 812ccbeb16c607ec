import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";

const tool = pathToFileURL(join(import.meta.dirname, "../../tools/foreground.mjs")).href;

/** What `cat` finds on its input, started by a tool that is given a pipe. */
function read(options: object): string {
  const program = `import { runInForeground } from ${JSON.stringify(tool)}; await runInForeground("cat", [], ${JSON.stringify(options)});`;
  return spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    input: "a secret\n",
  }).stdout;
}

it("a program in the foreground reads what the tool is given, where it may", () => {
  expect(read({ readsFiles: true })).toBe("a secret\n");
  expect(read({})).toBe("");
});
