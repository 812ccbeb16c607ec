import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { review } from "../../sdk/cli/review.ts";
import { recordOf } from "./state.ts";

const root = join(import.meta.dirname, "../..");
let folder: string;
let overview: ReturnType<typeof nfvlab>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab main-"));
  overview = nfvlab("--help");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** As a colleague runs it who has no Pulumi engine. */
function nfvlab(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "tools/nfvlab.mjs"), ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, HOME: folder, PULUMI_HOME: folder },
  });
  return { status, stdout, stderr };
}

describe("nfvlab, without an engine", () => {
  it.each([["summary"], ["results"], ["review"], ["policies"]])("says how %s is used", (command) => {
    const asked = nfvlab(command, "--help");
    expect(asked).toMatchObject({ status: 0, stderr: "" });
    expect(asked.stdout).toMatch(new RegExp(`^usage: nfvlab ${command} `));
    expect(overview.stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
  });

  it("says how it is used as a whole, where nothing is asked by a code of its own", () => {
    expect(overview).toMatchObject({ status: 0, stderr: "" });
    expect(nfvlab()).toEqual({ status: 2, stdout: "", stderr: overview.stdout });
    expect(nfvlab("sumary", "rack")).toEqual({
      status: 2,
      stdout: "",
      stderr:
        "there is no such command: observed sumary, expected summary, results, review or policies; nfvlab --help says what each does\n",
    });
    expect(nfvlab("summary")).toMatchObject({ status: 2, stdout: "" });
  });

  it("reads records, and says what it would ask an engine for", () => {
    const record = recordOf([{ buckets: [[2000, 10]], overflow: 0, max: 2000, expected: 10 }]);
    writeFileSync(join(folder, "timers.json"), JSON.stringify(record));
    expect(nfvlab("results", "list", "timers.json").stdout).toContain(
      "timers.json   host.timer.latency 2 µs",
    );
    const missing =
      "there is no Pulumi engine to ask for the state of rack: expected pulumi 3.229 or newer on PATH; install it, or in a clone of nfvlab: npm run setup\n";
    for (const args of [["results", "list", "stack:rack"] as const, ["summary", "rack"] as const])
      expect(nfvlab(...args)).toEqual({ status: 1, stdout: "", stderr: missing });
    expect(nfvlab("review")).toMatchObject({ status: 2, stdout: "" });
  });
});

it("a review is refused where there is no project", () => {
  expect(() => review(["--stack", "rack"], folder)).toThrow(
    `there is no project to review in ${folder}: observed no Pulumi.yaml there or above; run it in the project's folder`,
  );
});
