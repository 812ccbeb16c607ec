import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modulePath, TrialProject } from "../lab/trial-project.ts";

const program = `
import { bench } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: { kind: "local" as const } };
new bench.Cyclictest("timers", { host: dut, name: "timers", subject: { kind: "host", cpus: "0" }, duration: "1s" });
`;

describe("the results folder that a stack's configuration names", () => {
  let project: TrialProject;
  const up = (folder: string) => {
    project.pulumi(["config", "set", "nfvlab:results", folder]);
    return project.pulumi(["up", "--yes", "--skip-preview"]);
  };

  beforeAll(() => {
    project = new TrialProject("results", program);
  });
  afterAll(() => project.remove());

  it("is one of the project where it is relative, and is tried before anything is measured", () => {
    writeFileSync(join(project.folder, "blocked"), "");
    const { code, said } = up("blocked/results");
    expect(code).not.toBe(0);
    expect(said).toContain(
      `nothing can be written into the results folder, so nothing was measured: observed ${project.folder}/blocked/results: ENOTDIR`,
    );
  });

  it("holds no run that had not begun", () => {
    mkdirSync(join(project.folder, "kept"));
    // The tests' machine has no systemd that would run it.
    const { code } = up("kept");
    expect(code).not.toBe(0);
    expect(readdirSync(join(project.folder, "kept/results/trial"))).toEqual(["timers"]);
    expect(readdirSync(join(project.folder, "kept/results/trial/timers"))).toEqual([]);
  });

  it("is no place that nobody knows how to write to", () => {
    const { code, said } = up("gs://lab/results");
    expect(code).not.toBe(0);
    expect(said).toContain(
      'observed "gs://lab/results", expected a folder, or s3://BUCKET/PREFIX in an object store',
    );
  });
});
