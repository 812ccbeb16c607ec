import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const shipped = ["sdk", "components", "policies", "tools", "package.json"];

/** A project that has nfvlab as one package among the others, as npm lays them out. */
let project: string;
let installed: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "nfvlab project-"));
  const modules = join(project, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(join(root, "node_modules")))
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  installed = join(modules, "nfvlab");
  copyTo(installed);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

/** What a package has: nothing that git ignores. */
function copyTo(folder: string): void {
  for (const name of shipped)
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (path) => !path.includes("main.bundle") && !path.endsWith("node_modules"),
    });
}

/** What docs/first-stack.md has of a file: the first block below the line that begins with its name. */
const written = (name: string): string => {
  const page = readFileSync(join(root, "docs/first-stack.md"), "utf8");
  return page.split(`\n\`${name}\``)[1]?.split("```json\n")[1]?.split("```")[0] ?? "";
};

describe("nfvlab as a package of another project", () => {
  it("starts its provider with the packages around it", async () => {
    const plugin = spawn(join(installed, "sdk/provider/pulumi-resource-nfvlab"), {
      cwd: project,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [first] = (await once(plugin.stdout, "data")) as [Buffer];
    expect(first.toString()).toMatch(/^\d+\n$/);
    plugin.kill("SIGINT");
    expect((await once(plugin, "exit"))[0]).toBe(0);
  });

  it("starts its policies with the packages around it", async () => {
    // Nobody answers there: the pack only has to come as far as to say where it listens.
    const pack = spawn(join(installed, "policies/pulumi-analyzer-nfvlab"), ["127.0.0.1:9"], {
      cwd: project,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [first] = (await once(pack.stdout, "data")) as [Buffer];
    expect(first.toString()).toMatch(/^\d+\n$/);
    pack.kill("SIGKILL");
  });

  it("type-checks a program with the settings of docs/first-stack.md", { timeout: 240_000 }, () => {
    writeFileSync(join(project, "package.json"), written("package.json"));
    writeFileSync(join(project, "tsconfig.json"), written("tsconfig.json"));
    writeFileSync(
      join(project, "index.ts"),
      [
        'import { host } from "nfvlab";',
        'import { TunedHost } from "nfvlab/components";',
        'const dut = new TunedHost("dut", {',
        '  connection: { kind: "local" },',
        '  cpus: { housekeeping: "0-1", isolated: "2-7" },',
        '  hugepages: [{ size: "2MiB", count: "many", numaNode: 0 }],',
        "});",
        "export const { text } = host.getLeasesOutput({ host: dut.reference });",
      ].join("\n"),
    );
    const { stdout } = spawnSync(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "-p", project],
      { cwd: project, encoding: "utf8" },
    );
    // The one thing that is wrong there, and nothing of the package's own sources.
    expect(stdout).toBe("index.ts(6,31): error TS2322: Type 'string' is not assignable to type 'number'.\n");
  });

  it("has packages in docs/first-stack.md of the versions that it has itself", () => {
    const wanted = JSON.parse(written("package.json"));
    const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const { nfvlab, ...others } = { ...wanted.dependencies, ...wanted.devDependencies };
    expect(nfvlab).toBe(`file:../nfvlab/nfvlab-${own.version}.tgz`);
    expect({ ...own.dependencies, ...own.devDependencies }).toMatchObject(others);
  });

  it("says what is missing where its packages are not installed", () => {
    const bare = mkdtempSync(join(tmpdir(), "nfvlab alone-"));
    try {
      cpSync(join(root, "sdk/provider"), join(bare, "sdk/provider"), {
        recursive: true,
        filter: (path) => !path.includes("main.bundle"),
      });
      const { status, stderr } = spawnSync(join(bare, "sdk/provider/pulumi-resource-nfvlab"), {
        cwd: bare,
        encoding: "utf8",
      });
      expect(stderr).toBe(
        `the provider of nfvlab can't start: the npm package tsx is not installed beside or above ${bare}/sdk/provider; run npm install in the project's folder, in a clone of nfvlab npm run setup\n`,
      );
      expect(status).toBe(1);
    } finally {
      rmSync(bare, { recursive: true, force: true });
    }
  });
});
