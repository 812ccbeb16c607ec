import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { environment } from "../../tools/environment.mjs";
import { benchmark, recordOf, resources } from "./state.ts";

const root = join(import.meta.dirname, "../..");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab main-"));
  mkdirSync(join(folder, "state"));
  cpSync(join(root, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(command: string, args: readonly string[], cwd = folder) {
  const env = {
    ...process.env,
    PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "trial",
  };
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: environment(env),
  });
  return { status, stdout, stderr };
}

const nfvlab = (args: readonly string[], cwd?: string) =>
  run(process.execPath, [join(root, "tools/nfvlab.mjs"), ...args], cwd);

describe("nfvlab, with the real engine", () => {
  it("says in a sentence that there is no such stack", () => {
    expect(nfvlab(["summary", "nowhere"])).toEqual({
      status: 1,
      stdout: "",
      stderr: "there is no stack nowhere; bring it up: npm run up -- --stack nowhere\n",
    });
    expect(existsSync(join(folder, ".nfvlab"))).toBe(false);
  });

  it("says in a sentence that a stack is empty, and sums it up when it is not", () => {
    expect(run("pulumi", ["stack", "init", "rack", "--no-select", "--non-interactive"]).status).toBe(0);
    expect(nfvlab(["summary", "rack"])).toEqual({
      status: 1,
      stdout: "",
      stderr: "stack rack has no resources; bring it up: npm run up -- --stack rack\n",
    });

    const { stdout } = run("pulumi", ["stack", "export", "--stack", "rack"]);
    const { deployment, ...rest } = JSON.parse(stdout) as { deployment: object };
    // Secrets of another stack's key would not be imported.
    const measured = benchmark(
      recordOf([{ buckets: [[2000, 10]], overflow: 0, max: 2000, expected: 10 }]),
      "timers",
    );
    const plain = [...resources, measured].map(({ outputs = {}, id, ...resource }) => ({
      ...resource,
      ...(id !== undefined && { id, custom: true }),
      outputs: Object.fromEntries(
        Object.entries(outputs).filter(([key]) => !["host", "reference"].includes(key)),
      ),
    }));
    const file = join(folder, "import.json");
    writeFileSync(file, JSON.stringify({ ...rest, deployment: { ...deployment, resources: plain } }));
    const imported = run("pulumi", ["stack", "import", "--stack", "rack", "--file", file]);
    expect(imported.status, imported.stderr).toBe(0);

    const said = nfvlab(["summary", "rack"]);
    expect(said).toMatchObject({ status: 0, stderr: "" });
    expect(said.stdout).toContain("    bridge   br0 198.18.0.1/24\n");
    expect(existsSync(join(folder, ".nfvlab/reports/rack.html"))).toBe(true);

    const listed = nfvlab(["results", "list", "stack:rack"]);
    expect(listed).toMatchObject({ status: 0, stderr: "" });
    expect(listed.stdout).toMatch(/^NAME +BENCHMARK .*\n\S+ +cyclictest /);
    expect(nfvlab(["results", "list", "stack:nowhere"])).toEqual({
      status: 1,
      stdout: "",
      stderr: "there is no stack nowhere; bring it up: npm run up -- --stack nowhere\n",
    });
  });

  it("says in a sentence what the engine refuses outside a project", () => {
    const { status, stderr } = nfvlab(["summary", "rack"], tmpdir());
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^the state of rack can't be read: observed .*; run it in the project's folder, by npx nfvlab\n$/,
    );
  });
});
