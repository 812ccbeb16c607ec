import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { results } from "../../../sdk/cli/results/results.ts";
import { summary } from "../../../sdk/cli/summary.ts";
import { KeptRun } from "../../../sdk/provider/kept-run.ts";
import type { ResultRecord } from "../../../sdk/schema/record.ts";
import { InputError } from "../../../sdk/units/errors.ts";
import { benchmark, recordOf } from "../state.ts";

let folder: string;
let kept: NonNullable<ResultRecord["kept"]>;

const record = recordOf([{ buckets: [[2000, 10]], overflow: 0, max: 2000, expected: 10 }]);

function run(name: string): KeptRun {
  const kind = { kind: "cyclictest", subject: "dut, CPUs 2-3" };
  const started = new KeptRun({
    ...{ root: join(folder, "results"), project: "lab", stack: "rack", name, ...kind, secrets: [] },
  });
  const output = started.begin("dut", ["cyclictest", "--affinity", "2,3"]);
  output.stdout(Buffer.from("T: 0\n"));
  output.end(0);
  return started;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-runs-"));
  kept = run("timers").complete(record);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const asked = async (...args: string[]) =>
  (await results(args, folder))
    .replaceAll(folder, "/lab")
    .replaceAll(/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}/g, "<run>")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => (time === record.startedAt ? time : "<time>"))
    .replaceAll(/ +$/gm, "");
const all = () => join(folder, "results");
const refusal = async (...args: string[]) => {
  try {
    return await asked(...args);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return `${error.code} | ${error.message.replaceAll(folder, "/lab").replaceAll(/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}/g, "<run>")}`;
  }
};
const altered = (file: string) =>
  `${file} is not what was written: observed SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}`;

describe("a results folder", () => {
  it("is read as exported records are, and what is whole is said to be", async () => {
    expect(await asked("list", all())).toContain("valid   ");
    const whole = "kept       /lab/results/lab/rack/timers/<run>, as it was written";
    expect(await asked("show", all())).toContain(whole);
    // A run's own folder, and the record in it.
    expect(await asked("show", kept.folder)).toContain(whole);
    expect(await asked("show", join(kept.folder, "record.json"))).toContain(whole);
    // However the folder is named.
    for (const named of [
      `${folder}/./results${kept.folder.slice(all().length)}`,
      `./${relative(".", kept.folder)}`,
    ])
      expect(await asked("show", named)).toContain(", as it was written");
    expect(await asked("compare", all(), all())).toContain("the environment is the same");
    expect(JSON.parse(await results(["export", all(), "--format", "json"], folder))).toEqual([
      { name: "timers", ...record },
    ]);
  });

  it("has runs without a record, and says how each ended", async () => {
    run("cut").stop("interrupted", "cancelled by the user");
    run("broken").stop("failed", "cyclictest failed on dut: observed exit code 1: no memory");
    run("running");
    const golden = (name: string) => join(import.meta.dirname, "../../golden/results", name);
    // How wide a column of paths is hangs on where this run's folder lies.
    const list = (await asked("list", all())).replaceAll(/ {4,}/g, "   ");
    await expect(list).toMatchFileSnapshot(golden("list-runs.txt"));
    await expect(await asked("show", all(), "--name", "broken")).toMatchFileSnapshot(golden("show-run.txt"));
    // They have no numbers; the others have.
    expect((await asked("export", all(), "--format", "csv")).trim().split("\n")).toHaveLength(2);
    expect(await refusal("export", all(), "--name", "cut", "--format", "csv")).toBe(
      "results-none | no run in /lab/results came to its end, so there is no record; nfvlab results list says how each ended",
    );
  });

  it.each<readonly [what: string, alter: () => void, file: string, sentence: string]>([
    [
      "a changed output",
      () => appendFileSync(join(kept.folder, "raw/0001.stdout"), "T: 1\n"),
      "raw/0001.stdout",
      altered("raw/0001.stdout"),
    ],
    [
      "a changed record",
      () =>
        writeFileSync(join(kept.folder, "record.json"), JSON.stringify({ ...record, valid: !record.valid })),
      "record.json",
      altered("record.json"),
    ],
    [
      "a record that is none any more",
      () => writeFileSync(join(kept.folder, "record.json"), "{"),
      "record.json",
      altered("record.json"),
    ],
    [
      "a lost file",
      () => rmSync(join(kept.folder, "raw/0001.stdout")),
      "raw/0001.stdout",
      "raw/0001.stdout is not there any more",
    ],
    [
      "a file of somebody else's",
      () => writeFileSync(join(kept.folder, "raw/0002.stdout"), ""),
      "raw/0002.stdout",
      "raw/0002.stdout is none of the run's files",
    ],
  ])(
    "in which somebody left %s is told by that file's name, and no number of it is compared",
    async (_, alter, file, sentence) => {
      alter();
      expect(await asked("list", all())).toContain(`, ALTERED: ${file}`);
      const unwrapped = (await asked("show", all())).replaceAll(/\s+/g, " ");
      expect(unwrapped).toMatch(new RegExp(`altered: ${sentence}`));
      expect(unwrapped).toContain("/lab/results/lab/rack/timers/<run>, ALTERED since");
      const refused = new RegExp(
        `^results-altered \\| what a run kept is not what it wrote: /lab/results/lab/rack/timers/<run>: ${sentence}; take it from where it is whole, or measure again$`,
      );
      expect(await refusal("compare", all(), all())).toMatch(refused);
      expect(await refusal("export", all(), "--format", "csv")).toMatch(refused);
      const state = join(folder, "state.json");
      writeFileSync(state, JSON.stringify({ deployment: { resources: [benchmark(record, "timers")] } }));
      const report = join(folder, "report.html");
      const held = summary(["rack", "--file", state, "--baseline", all(), "--report", report], folder);
      await expect(held).rejects.toMatchObject({ code: "results-altered" });
      expect(existsSync(report)).toBe(false);
    },
  );

  it("is held against the hash in the state: a manifest that was written anew is told too", async () => {
    const state = join(folder, "state.json");
    const write = (sha256: string) =>
      writeFileSync(
        state,
        JSON.stringify({
          deployment: { resources: [benchmark({ ...record, kept: { ...kept, sha256 } }, "timers")] },
        }),
      );
    write(kept.sha256);
    expect(await asked("show", state)).toContain("<run>, as it was written");
    write("0".repeat(64));
    expect(await asked("list", state)).toContain("ALTERED: manifest.json");
    expect(await refusal("compare", state, state)).toMatch(
      new RegExp(`^results-altered .*: ${altered("manifest.json")}; `),
    );
  });

  it.each<readonly [what: string, spoil: (manifest: string) => void, sentence: string]>([
    ["cut off", (manifest) => writeFileSync(manifest, '{ "schema": "nfv'), altered("manifest.json")],
    ["empty", (manifest) => writeFileSync(manifest, ""), altered("manifest.json")],
    ["of something else", (manifest) => writeFileSync(manifest, "{}"), altered("manifest.json")],
    ["gone", (manifest) => rmSync(manifest), "manifest.json is not there any more"],
  ])("whose manifest is %s is told by a state, and its numbers are refused", async (_, spoil, sentence) => {
    const state = join(folder, "state.json");
    const resources = [benchmark({ ...record, kept }, "timers")];
    writeFileSync(state, JSON.stringify({ deployment: { resources } }));
    spoil(join(kept.folder, "manifest.json"));
    expect(await asked("list", state)).toContain("valid, ALTERED: manifest.json");
    expect((await asked("show", state)).replaceAll(/\s+/g, " ")).toMatch(new RegExp(`altered: ${sentence}`));
    expect(await refusal("compare", state, state)).toMatch(new RegExp(`^results-altered .*: ${sentence}; `));
  });

  it.each([["{"], [""], ["{}"]])(
    "is no folder of ordinary files because its manifest is %j by now: its record is not read unverified",
    async (text) => {
      writeFileSync(join(kept.folder, "manifest.json"), text);
      for (const path of [all(), kept.folder, join(kept.folder, "record.json")])
        expect(await refusal("list", path)).toBe(
          "run-invalid | /lab/results/lab/rack/timers/<run>/manifest.json is no manifest any more, so nothing says whether the record beside it is what was written; take the run from where it is whole, or measure again",
        );
    },
  );

  it("that is on another machine is no reason against a record in a state", async () => {
    const state = join(folder, "record.json");
    writeFileSync(state, JSON.stringify({ ...record, kept: { folder: "/elsewhere/<run>", sha256: "" } }));
    expect(await asked("show", state)).toContain("/elsewhere/<run>, which is not on this machine");
    expect(await asked("compare", state, state)).toContain("the environment is the same");
  });

  it("may be moved as a whole", async () => {
    mkdirSync(join(folder, "archive"));
    renameSync(all(), join(folder, "archive/2026"));
    expect(await asked("show", join(folder, "archive"))).toContain("as it was written");
  });

  it("of another version is refused, and what is no manifest is none", async () => {
    const manifest = join(kept.folder, "manifest.json");
    writeFileSync(manifest, JSON.stringify({ schema: "nfvlab/run/2" }));
    expect(await refusal("list", all())).toBe(
      "run-version | the run in /lab/results/lab/rack/timers/<run> was kept by another version: observed nfvlab/run/2, expected nfvlab/run/1; read it with the version that wrote it",
    );
    writeFileSync(manifest, JSON.stringify({ schema: "nfvlab/run/1", name: 3 }));
    expect(await refusal("list", all())).toMatch(
      /^run-invalid \| name: .*manifest\.json is no whole manifest/,
    );
  });

  it("has a manifest that its published schema takes", async () => {
    const schema = z.fromJSONSchema(
      JSON.parse(await results(["export", "--format", "manifest-schema"], folder)),
    );
    const manifest = JSON.parse(readFileSync(join(kept.folder, "manifest.json"), "utf8"));
    expect(schema.safeParse(manifest).success).toBe(true);
    expect(schema.safeParse({ ...manifest, ended: "soon" }).success).toBe(false);
  });
});
