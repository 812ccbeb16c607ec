import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { beforeTheChange, proposed, ReviewTrial, standingOutputs } from "./review-trial.ts";
import { SarifLog } from "./sarif.ts";

const example = (file: string) => join(import.meta.dirname, "../../docs/review", file);
const FILES = ["cpu-map.svg", "review.junit.xml", "review.md", "review.sarif"];

describe("nfvlab review, with the real engine", () => {
  let trial: ReviewTrial;
  beforeAll(() => {
    trial = new ReviewTrial();
    trial.stand(beforeTheChange(), standingOutputs);
  });
  afterAll(() => trial.remove());

  it("reviews the pull request of the example: exit code 1, and the policy in every file", async () => {
    trial.write(proposed);
    const { code, stdout, stderr } = trial.review("--stack", "rack", "--out", "out");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^review of lab\/rack: Blocked: 1 mandatory policy is violated, in 1 finding\./);
    expect(stdout).toContain("CPU 5 of dut belongs to the poll-mode threads");
    expect(code).toBe(1);
    expect(readdirSync(join(trial.folder, "out")).sort()).toEqual(FILES);
    for (const file of FILES) await expect(trial.read(join("out", file))).toMatchFileSnapshot(example(file));

    const { runs } = SarifLog.parse(JSON.parse(trial.read("out/review.sarif")));
    const blocking = runs[0]?.results.filter(({ level }) => level === "error") ?? [];
    expect(blocking.map(({ ruleId }) => ruleId)).toEqual(["exclusive-cpus"]);
    const place = blocking[0]?.locations[0]?.physicalLocation;
    const line = proposed.split("\n").findIndex((each) => each.includes('VhostUserVnf("vnf"')) + 1;
    expect([place?.artifactLocation.uri, place?.region?.startLine]).toEqual(["lab.ts", line]);
    const junit = new XMLParser({ ignoreAttributes: false }).parse(trial.read("out/review.junit.xml"));
    expect(junit.testsuites["@_failures"]).toBe("1");
  });

  it("tells the cost by the very properties that the provider announces", () => {
    const text = trial.read("out/review.md");
    const announced =
      /- `br0-daemon`: (.*): takes a restart of the daemon/.exec(text)?.[1]?.split(", ") ?? [];
    expect(announced).toEqual(["lcoreCpus", 'socketLimit["1"]', 'socketMemory["1"]']);
    const [row = ""] = text.split("\n").filter((line) => line.startsWith("| restart of ovs-vswitchd |"));
    for (const property of announced) expect(row).toContain(`\`${property}\``);
    expect(row).toContain("ovs-vswitchd of dut restarts");
    expect(text).toMatch(/\| guest stopped or restarted \| dut \| `vnf-domain` .*`memory`.*defined anew/);
  });

  it("lets a right program pass with exit code 0, into the folder of the stack, and changes nothing", () => {
    const before = trial.pulumi("stack", "export").stdout;
    trial.write(proposed.replace('vcpus: "5-6"', 'vcpus: "6-7"'));
    const { code, stdout } = trial.review();
    expect(stdout).toMatch(/^review of lab\/rack: Nothing blocks\./);
    expect(code).toBe(0);
    expect(readdirSync(join(trial.folder, ".nfvlab/review/rack")).sort()).toEqual(FILES);
    expect(trial.read(".nfvlab/review/rack/review.md")).toContain("| ✓ holds | `exclusive-cpus` |");
    expect(trial.pulumi("stack", "export").stdout).toBe(before);
  });

  it("shows no secret, neither in files nor at the terminal", () => {
    trial.write(
      `import * as pulumi from "@pulumi/pulumi";\n${proposed.replace(
        '{ kind: "local" }',
        '{ kind: "ssh", host: "192.0.2.1", hostKey: "ssh-ed25519 AAAA", password: pulumi.secret("open-sesame") }',
      )}`,
    );
    const { stdout, stderr } = trial.review("--out", "secret");
    const files = FILES.map((file) => trial.read(join("secret", file)));
    expect([stdout, stderr, ...files].join("\n")).not.toContain("open-sesame");
    expect(files.join("\n")).toContain("a secret");
  });

  it("says by exit code 2 that a program is broken, and why", () => {
    // With a short trace: Node.js 20 needs minutes to colour one that goes through the engine's own files.
    trial.write(`${proposed}\nError.stackTraceLimit = 2;\nthrow new Error("no such rack");\n`);
    const { code, stdout } = trial.review("--out", "broken");
    expect(code).toBe(2);
    expect(stdout).toContain("The preview failed, so nothing is judged as a whole.");
    expect(trial.read("broken/review.md")).toContain("no such rack");
    const { runs } = SarifLog.parse(JSON.parse(trial.read("broken/review.sarif")));
    expect(runs[0]?.invocations[0]?.executionSuccessful).toBe(false);
    expect(trial.read("broken/review.junit.xml")).toContain('errors="1"');
  });

  it("says by exit code 2 that there is no such stack, and how it is used", () => {
    const unknown = trial.review("--stack", "nowhere", "--out", "nowhere");
    expect(unknown).toMatchObject({ code: 2, stdout: "" });
    expect(unknown.stderr).toContain("there is no stack nowhere");
    expect(existsSync(join(trial.folder, "nowhere"))).toBe(false);
    const misspelt = trial.review("--stak", "rack");
    expect(misspelt).toMatchObject({ code: 2, stdout: "" });
    expect(misspelt.stderr).toContain("usage: nfvlab review");
  });
});

describe("a stack that another release of nfvlab brought up", () => {
  let trial: ReviewTrial;
  beforeAll(() => {
    trial = new ReviewTrial();
    const image = { ...standingOutputs["vnf-image"], recipe: "of another release" };
    trial.stand(proposed, { ...standingOutputs, "vnf-image": image });
  });
  afterAll(() => trial.remove());

  it("is reviewed with what is made otherwise now, what hangs on it, and the cost", () => {
    const { code, stdout } = trial.review("--out", "release");
    expect(code, stdout).toBe(1);
    const rows = trial.read("release/review.md").split("\n");
    const [changed, cost] = rows.filter((row) => row.includes("`vnf-image` libvirt:BootImage"));
    expect(changed).toMatch(/^\| replace \| dut .*`recipe`: "of another release" → made anew \(replaces\)/);
    expect(cost).toMatch(/^\| made anew \| dut .*`recipe`.*nfvlab makes it otherwise than when it was made/);
    expect(rows).toContainEqual(
      expect.stringMatching(
        /^\| guest stopped or restarted \| dut \| `vnf-domain` .*guest vnf is shut down, defined anew/,
      ),
    );
    const announced = "- `vnf-image`: recipe: takes making it anew, since nfvlab makes it otherwise now";
    expect(rows).toContain(announced);
  });
});
