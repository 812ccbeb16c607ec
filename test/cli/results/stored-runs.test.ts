import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { results } from "../../../sdk/cli/results/results.ts";
import { KeptRun } from "../../../sdk/provider/kept-run.ts";
import { RunStore } from "../../../sdk/provider/run-store.ts";
import type { ObjectStore } from "../../../sdk/remote/object-store.ts";
import type { KeptRecord } from "../../../sdk/schema/record.ts";
import { LabError } from "../../../sdk/units/errors.ts";
import { storeUrl } from "../../../sdk/units/store-url.ts";
import { credentials, StoreServer } from "../../remote/store-server.ts";
import { benchmark, recordOf } from "../state.ts";

const record = recordOf([{ buckets: [[2000, 10]], overflow: 0, max: 2000, expected: 10 }]);
const variables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;
const before = variables.map((name) => [name, process.env[name]] as const);
let server: StoreServer;
let objects: ObjectStore;
let folder: string;
let prefix: string;
let kept: KeptRecord;

beforeAll(async () => {
  server = await StoreServer.start();
  objects = server.open();
});
afterAll(async () => {
  objects.close();
  await server.stop();
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});
beforeEach(async () => {
  delete process.env.AWS_SESSION_TOKEN;
  process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey;
  folder = mkdtempSync(join(tmpdir(), "nfvlab-unsent-"));
  prefix = `nfv/${folder.slice(-6)}`;
  const store = new RunStore(folder, server.place(prefix), () => credentials);
  await store.tryOut();
  kept = await store.take(run("timers").complete(record), () => undefined);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(name: string): KeptRun {
  const facts = { project: "lab", stack: "rack", name, kind: "cyclictest", subject: "dut, CPUs 2-3" };
  const started = new KeptRun({ ...facts, root: folder, secrets: [] });
  const output = started.begin("dut", ["cyclictest"]);
  output.stdout(Buffer.from("T: 0\n"));
  output.end(0);
  return started;
}

const urlOf = (below = "") => `s3://lab-results/${prefix}${below && `/${below}`}?endpoint=${server.endpoint}`;
const asked = async (...args: string[]) => (await results(args, folder)).replaceAll(/\s+/g, " ");
const refusal = async (...args: string[]) => {
  const error = await results(args, folder).then(
    () => new Error("it was done"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof LabError)) throw error;
  return `${error.code} | ${error.message}`;
};
const fileOf = (path: string) => `${storeUrl(kept.folder).prefix}/${path}`;

describe("runs in an object store", () => {
  it("are read as those of a folder are, by any URL above them", async () => {
    for (const url of [urlOf(), urlOf("lab/rack"), kept.folder, kept.folder.replace("?", "/record.json?")]) {
      expect(await asked("list", url)).toContain("cyclictest");
      expect(await asked("show", url)).toContain(`kept ${kept.folder}, as it was written`);
    }
    expect(await asked("compare", urlOf(), urlOf())).toContain("the environment is the same");
    expect(JSON.parse(await results(["export", urlOf(), "--format", "json"], folder))).toEqual([
      { name: "timers", ...record },
    ]);
  });

  it("are compared with those of a folder", async () => {
    const { folder: other } = run("timers").complete(record);
    expect(await asked("compare", urlOf(), other)).toContain("the environment is the same");
  });

  it("that are being sent are not there yet", async () => {
    const { folder: other } = run("other").complete(record);
    const name = other.slice(folder.length + 1);
    await objects.put(`${prefix}/${name}/raw/0001.stdout`, Buffer.from("T: 0\n"));
    await objects.put(`${prefix}/${name}/record.json`, Buffer.from(JSON.stringify(record)));
    expect(JSON.parse(await results(["export", urlOf(), "--format", "json"], folder))).toHaveLength(1);
  });

  it("without a record say how they ended", async () => {
    const store = new RunStore(folder, server.place(prefix), () => credentials);
    const stopped = run("cut").stop("interrupted", "cancelled by the user") as KeptRecord;
    await store.take(stopped, () => undefined);
    expect(await asked("list", urlOf())).toMatch(/cut cyclictest .* interrupted/);
  });

  it("are told by name where a file is another, is lost, or is somebody else's", async () => {
    // Nothing of ours replaces an object, so the server is asked past it: it knows no conditions.
    await objects.put(fileOf("raw/0001.stdout"), Buffer.from("T: 1\n"));
    await objects.put(fileOf("raw/0009.stdout"), Buffer.from("T: 1\n"));
    expect(await asked("list", urlOf())).toContain("ALTERED: raw/0001.stdout raw/0009.stdout");
    expect(await refusal("compare", urlOf(), urlOf())).toMatch(
      /^results-altered \| what a run kept is not what it wrote: s3:\/\/lab-results\/.*: raw\/0001\.stdout is not what was written: observed SHA-256 /,
    );
  });

  it("are held against the hash in a stack's state", async () => {
    const state = (sha256: string) => {
      const file = join(folder, "state.json");
      const resource = benchmark({ ...record, kept: { ...kept, sha256 } }, "timers");
      writeFileSync(file, JSON.stringify({ deployment: { resources: [resource] } }));
      return file;
    };
    expect(await asked("show", state(kept.sha256))).toContain("as it was written");
    expect(await asked("list", state("0".repeat(64)))).toContain("ALTERED: manifest.json");
    // The numbers of a state count without the store.
    process.env.AWS_SECRET_ACCESS_KEY = "hunter22";
    const unread = await asked("show", state(kept.sha256));
    expect(unread).toContain("which was not looked at");
    expect(unread).toContain("does not take these credentials");
    expect(unread).not.toContain("hunter22");
    expect(await asked("compare", state(kept.sha256), state(kept.sha256))).toContain(
      "the environment is the same",
    );
  });

  it("that can't be read are a sentence", async () => {
    expect(await refusal("list", urlOf("nothing"))).toMatch(/^results-none \| s3:.* holds no record/);
    expect(await refusal("list", urlOf().replace("lab-results", "no-bucket"))).toMatch(
      /^store-bucket-missing \| /,
    );
    expect(await refusal("list", "s3://Lab")).toMatch(/^store-url \| /);
    delete process.env.AWS_ACCESS_KEY_ID;
    expect(await refusal("list", urlOf())).toMatch(/^store-credentials \| .*no AWS_ACCESS_KEY_ID/);
  });
});
