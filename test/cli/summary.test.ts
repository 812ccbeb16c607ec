import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StateResource } from "../../sdk/cli/state-resource.ts";
import { summary } from "../../sdk/cli/summary.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { benchmark, recordOf, resources } from "./state.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab summary-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function stateFile(list: readonly StateResource[] | undefined): string {
  const file = join(folder, "state.json");
  writeFileSync(file, JSON.stringify({ version: 3, deployment: { resources: list } }));
  return file;
}

const measured = benchmark(recordOf([{ buckets: [[2_000, 100]], overflow: 0, max: 2_000, expected: 100 }]));

async function refusal(args: readonly string[]): Promise<{ code: string; said: string }> {
  try {
    return { code: "", said: await summary(args, folder) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { code: error.code, said: error.message };
  }
}

describe("nfvlab summary", () => {
  it("sums a state up and writes the report where it says", async () => {
    const said = await summary(["rack", "--file", stateFile([...resources, measured])], folder);
    const report = join(folder, ".nfvlab/reports/rack.html");
    expect(said).toContain("lab/rack\n");
    expect(said).toContain("    guest    vnf: running, 256MiB on node 1, vCPUs on 3\n");
    expect(said).toContain("    host-timers      p50 2 µs");
    expect(said).toContain("policies   none was judged\n");
    expect(said).toContain(`report     ${report}\n`);
    expect(readFileSync(report, "utf8")).toContain("<title>lab/rack</title>");
  });

  it("takes the verdicts that were kept for the stack", async () => {
    mkdirSync(join(folder, ".nfvlab/reports"), { recursive: true });
    const verdicts = [
      { policy: "exclusive-cpus", level: "mandatory", message: "", passed: true },
      { policy: "latency-budget", level: "mandatory", message: "Too slow.", passed: false },
    ];
    writeFileSync(join(folder, ".nfvlab/reports/rack.verdicts.json"), JSON.stringify(verdicts));
    const said = await summary(["rack", "--file", stateFile(resources)], folder);
    expect(said).toContain("policies   1 of 2 hold\n    violated latency-budget: Too slow.\n");
  });

  it("names files by the stack alone where it is named with organization and project", async () => {
    await summary(["acme/lab/rack", "--file", stateFile(resources)], folder);
    expect(existsSync(join(folder, ".nfvlab/reports/rack.html"))).toBe(true);
  });

  it("writes the report and reads the verdicts where it is told", async () => {
    const report = join(folder, "elsewhere.html");
    const verdicts = join(folder, "verdicts.json");
    writeFileSync(verdicts, "[]");
    const said = await summary(
      ["rack", "--file", stateFile(resources), "--report", report, "--verdicts", verdicts],
      folder,
    );
    expect(said).toContain(`report     ${report}\n`);
    expect(existsSync(report)).toBe(true);
    expect(existsSync(join(folder, ".nfvlab"))).toBe(false);
  });

  it("holds the results against a baseline: one that is named, else one that was kept for the stack", async () => {
    const before = benchmark(recordOf([{ buckets: [[3_000, 100]], overflow: 0, max: 3_000, expected: 100 }]));
    const state = stateFile([...resources, measured]);
    const report = join(folder, ".nfvlab/reports/rack.html");
    const html = () => readFileSync(report, "utf8");
    await summary(["rack", "--file", state], folder);
    expect(html()).not.toContain("Against the baseline");

    const kept = join(folder, ".nfvlab/reports/rack.baseline.json");
    writeFileSync(kept, JSON.stringify({ deployment: { resources: [before] } }));
    await summary(["rack", "--file", state], folder);
    expect(html()).toContain(kept);
    expect(html()).toContain("<td>3\u00A0µs</td><td>2\u00A0µs</td>");

    const named = join(folder, "named.json");
    writeFileSync(named, JSON.stringify({ deployment: { resources: [measured] } }));
    await summary(["rack", "--file", state, "--baseline", named], folder);
    expect(html()).not.toContain(kept);
    expect(html()).toContain("= equal");
    expect((await refusal(["rack", "--file", state, "--baseline", join(folder, "none.json")])).code).toBe(
      "results-unreadable",
    );
  });

  it.each([[undefined], [[]]])("says that a stack of %j has no resources", async (list) => {
    expect(await refusal(["rack", "--file", stateFile(list)])).toEqual({
      code: "stack-empty",
      said: "stack rack has no resources; bring it up: npm run up -- --stack rack",
    });
    expect(existsSync(join(folder, ".nfvlab"))).toBe(false);
  });

  it.each(["not JSON", "{}", "null"])("says that a file with %s is no state", async (text) => {
    const file = join(folder, "other.json");
    writeFileSync(file, text);
    expect(await refusal(["rack", "--file", file])).toEqual({
      code: "state-unreadable",
      said: `${file} is no state of a stack: expected what \`pulumi stack export\` writes`,
    });
  });

  it("says that a file or the verdicts can't be read", async () => {
    const missing = join(folder, "missing.json");
    const absent = `${missing} can't be read: observed no such file or directory`;
    expect(await refusal(["rack", "--file", missing])).toEqual({ code: "state-unreadable", said: absent });
    const state = stateFile(resources);
    expect(await refusal(["rack", "--file", state, "--verdicts", missing])).toEqual({
      code: "verdicts-unreadable",
      said: absent,
    });
    const verdicts = join(folder, "verdicts.json");
    for (const text of ["[{", "{}", "[null]", JSON.stringify([{ policy: "a", level: "advisory" }])]) {
      writeFileSync(verdicts, text);
      expect(await refusal(["rack", "--file", state, "--verdicts", verdicts])).toEqual({
        code: "verdicts-unreadable",
        said: `${verdicts} holds no verdicts; delete it: npm run up writes it anew`,
      });
    }
  });

  it.each([
    ["missing/rack.html", "no such file or directory"],
    [".", "illegal operation on a directory"],
  ])("says that the report can't be written to %s", async (report, observed) => {
    const path = join(folder, report);
    expect(await refusal(["rack", "--file", stateFile(resources), "--report", path])).toEqual({
      code: "report-unwritable",
      said: `the report can't be written to ${path}: observed ${observed}, expected a file in a folder that is there`,
    });
  });

  it.each([
    [[], "no stack is named"],
    [["a", "b"], "more than one stack is named"],
    [["a", "--colour"], "Unknown option '--colour'"],
  ])("of %j says how it is used", async (args, problem) => {
    const { code, said } = await refusal(args);
    expect(code).toBe("usage");
    expect(said).toContain(problem);
    expect(said).toContain("usage: nfvlab summary STACK");
    expect(said).not.toContain("\n");
  });
});
