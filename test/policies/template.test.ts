import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copyTemplate, installIn, template } from "./template.ts";

const root = join(import.meta.dirname, "../..");
const packageOf = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

describe("a lab's own pack, begun with the template", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nfvlab pack-"));
    copyTemplate(folder);
    installIn(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const tested = () =>
    spawnSync(process.execPath, [join(folder, "node_modules/vitest/vitest.mjs"), "run"], {
      cwd: folder,
      encoding: "utf8",
      // A run inside a run: this one's settings are none of that one's.
      env: { PATH: process.env["PATH"], NO_COLOR: "1" },
    });

  it("has an example whose four cases pass", () => {
    const { status, stdout, stderr } = tested();
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/Tests {2}4 passed \(4\)/);
  });

  it("has cases that a wrong policy fails", () => {
    const file = join(folder, "guest-within-quota.ts");
    const right = readFileSync(file, "utf8");
    const wrong = right.replace("pins > vcpus)", "pins > 1000)").replace("bytes(asked", "0 * bytes(asked");
    expect(wrong).not.toBe(right);
    writeFileSync(file, wrong);
    const { status, stderr } = tested();
    expect(status).toBe(1);
    expect(stderr).toContain("violates: observed not a word, expected a violation");
  });

  it("needs the packages that this project has", () => {
    const { dependencies, devDependencies } = packageOf(template);
    const own = packageOf(root);
    const { nfvlab, ...others } = { ...dependencies, ...devDependencies };
    expect(nfvlab).toBe("file:../..");
    for (const [name, version] of Object.entries(others))
      expect({ ...own.dependencies, ...own.devDependencies }[name], name).toBe(version);
  });
});
