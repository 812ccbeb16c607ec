import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeptRun, type KeptRunFacts, withoutSecrets } from "../../sdk/provider/kept-run.ts";
import { SecretStream } from "../../sdk/provider/secret-stream.ts";
import { ResultRecord } from "../../sdk/schema/record.ts";
import { MANIFEST, RECORD, RunManifest } from "../../sdk/schema/run.ts";
import { HostError } from "../../sdk/units/errors.ts";
import { recordOf } from "../cli/state.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "nfvlab-runs-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const run = (more: Partial<KeptRunFacts> = {}) =>
  new KeptRun({
    ...{ root, project: "lab", stack: "rack", name: "timers", kind: "cyclictest", subject: "dut, CPUs 2-3" },
    secrets: [],
    ...more,
  });
const record = recordOf([{ buckets: [[2000, 10]], overflow: 0, max: 2000, expected: 10 }]);
const manifestIn = (folder: string) =>
  RunManifest.parse(JSON.parse(readFileSync(join(folder, MANIFEST), "utf8")));
/** What anybody can check with the tools that every system has. */
const hashed = (folder: string, file: string) =>
  execFileSync("sha256sum", [join(folder, file)], { encoding: "utf8" }).split(" ")[0];

describe("a run's folder", () => {
  it("has the record, each byte that was printed, the command lines, and the hash of every file", () => {
    const kept = run();
    const argv = ["cyclictest", "--affinity", "2,3", "it's"];
    const output = kept.begin("dut", argv);
    const printed = Buffer.from([0x7b, 0x00, 0xff, 0xc3, 0x0a]);
    output.stdout(printed.subarray(0, 3));
    output.stdout(printed.subarray(3));
    output.stderr(Buffer.from("WARN: no high resolution\n"));
    output.end(0);
    const second = kept.begin("guest vnf of dut", ["ping", "198.18.0.1"]);
    second.stdin("64 1000 10\n");
    second.end(1);
    const { folder, sha256 } = kept.complete(record);

    expect(folder).toMatch(/\/lab\/rack\/timers\/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}$/);
    expect(hashed(folder, MANIFEST)).toBe(sha256);
    const manifest = manifestIn(folder);
    expect(manifest).toMatchObject({ ended: "complete", reason: "", name: "timers", kind: "cyclictest" });
    expect(
      manifest.commands.map(({ on, argv: words, exitCode, stdin, stdout, stderr }) => [
        ...[on, words, exitCode, stdin, stdout, stderr],
      ]),
    ).toEqual([
      ["dut", argv, 0, null, "raw/0001.stdout", "raw/0001.stderr"],
      ["guest vnf of dut", ["ping", "198.18.0.1"], 1, "raw/0002.stdin", null, null],
    ]);
    expect(readFileSync(join(folder, "raw/0001.stdout"))).toEqual(printed);
    expect(ResultRecord.parse(JSON.parse(readFileSync(join(folder, RECORD), "utf8")))).toEqual(record);
    const files = Object.entries(manifest.files);
    expect(files.map(([path]) => path).sort()).toEqual(
      readdirSync(folder, { recursive: true })
        .map(String)
        .filter((path) => path !== MANIFEST && path !== "raw")
        .sort(),
    );
    for (const [path, { sha256: expected, bytes }] of files)
      expect([hashed(folder, path), readFileSync(join(folder, path)).length]).toEqual([expected, bytes]);
  });

  it("takes nothing more once the run is over, and so nothing into a file that is open since then", () => {
    const kept = run();
    const output = kept.begin("dut", ["ping", "198.18.0.1"]);
    output.stdout(Buffer.from("PING\n"));
    const { folder = "" } = kept.stop("interrupted", "cancelled by the user") ?? {};
    // The system gives the number of a closed file to the next one.
    const other = join(root, "other");
    const descriptor = openSync(other, "w");
    output.stdout(Buffer.from("late\n"));
    output.stderr(Buffer.from("late\n"));
    kept.begin("dut", ["ping"]);
    closeSync(descriptor);
    expect(readFileSync(other, "utf8")).toBe("");
    expect(readdirSync(join(folder, "raw"))).toEqual(["0001.stdout"]);
    expect(readdirSync(dirname(folder))).toHaveLength(1);
  });

  it("is never one that is there", () => {
    const folders = Array.from({ length: 50 }, () => run().complete(record).folder);
    expect(new Set(folders).size).toBe(50);
  });

  it.each([
    ["interrupted", "cancelled by the user"],
    ["failed", "cyclictest failed on dut"],
  ] as const)("of one that %s has what was printed until then, and no record", (ended, reason) => {
    const kept = run();
    kept.begin("dut", ["cyclictest"]).stdout(Buffer.from("T: 0 ("));
    const { folder = "" } = kept.stop(ended, reason) ?? {};
    const manifest = manifestIn(folder);
    expect(manifest).toMatchObject({ ended, reason, commands: [{ exitCode: null, durationMs: null }] });
    expect(readFileSync(join(folder, "raw/0001.stdout"), "utf8")).toBe("T: 0 (");
    expect(hashed(folder, "raw/0001.stdout")).toBe(manifest.files["raw/0001.stdout"]?.sha256);
    expect(existsSync(join(folder, RECORD))).toBe(false);
  });

  it("of one that had not begun is not left", () => {
    expect(run().stop("failed", "another measurement runs")).toBeUndefined();
    expect(readdirSync(join(root, "lab/rack/timers"))).toEqual([]);
  });

  it("of an engine that is killed has what was printed until then, under a name that says so", () => {
    const output = run().begin("dut", ["cyclictest"]);
    output.stdout(Buffer.from("T: 0 ("));
    // Nobody ends it.
    const [name = ""] = readdirSync(join(root, "lab/rack/timers"));
    expect(name).toMatch(/\.part$/);
    const folder = join(root, "lab/rack/timers", name);
    expect(readFileSync(join(folder, "raw/0001.stdout"), "utf8")).toBe("T: 0 (");
    expect(manifestIn(folder)).toMatchObject({ ended: "unfinished", endedAt: null, files: {} });
    expect(manifestIn(folder).commands.map(({ argv }) => argv)).toEqual([["cyclictest"]]);
  });

  it("lies in the results folder whatever a name has in it", () => {
    for (const name of ["..", ".", "a/../../b", ".hidden"]) {
      const { folder } = run({ name }).complete(record);
      expect(folder.startsWith(`${root}/lab/rack/`)).toBe(true);
      expect(folder.slice(`${root}/lab/rack/`.length).split("/")).toHaveLength(2);
      expect(manifestIn(folder).name).toBe(name);
    }
  });

  it("holds no secret: not in what was printed, not in a command line, not in the record", () => {
    const secret = "hunter22";
    const kept = run({ secrets: [secret] });
    const output = kept.begin("dut", ["login", `--password=${secret}`]);
    output.stdout(Buffer.from(`welcome hunt`));
    output.stdout(Buffer.from(`er22, hunter2`));
    output.stderr(Buffer.from(secret));
    output.end(0);
    const { folder } = kept.complete({ ...record, remarks: [`by ${secret}`] });
    expect(readFileSync(join(folder, "raw/0001.stdout"), "utf8")).toBe("welcome [secret], hunter2");
    expect(execFileSync("grep", ["-rc", "--", "[secret]", folder], { encoding: "utf8" })).not.toBe("");
    expect(() => execFileSync("grep", ["-r", "--", secret, root])).toThrow("Command failed");
  });

  it("can't be made where nothing can be written: nothing is measured then", () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    const within = join(file, "results");
    expect(() => run({ root: within })).toThrow(HostError);
    expect(() => run({ root: within })).toThrow(
      `nothing can be written into the results folder, so nothing was measured: observed ${within}: ENOTDIR; name another one: pulumi config set nfvlab:results FOLDER`,
    );
  });

  it("that can't be written to the end does not end the measurement, and keeps its unfinished name", () => {
    const kept = run();
    const output = kept.begin("dut", ["cyclictest"]);
    output.stdout(Buffer.from("one"));
    const timers = join(root, "lab/rack/timers");
    const [part = ""] = readdirSync(timers);
    // As a folder that was taken away meanwhile.
    rmSync(join(timers, part, "raw"), { recursive: true });
    writeFileSync(join(timers, part, "raw"), "");
    kept.begin("dut", ["cyclictest"]).stdout(Buffer.from("two"));
    expect(() => kept.complete(record)).toThrow();
    expect(readdirSync(timers)).toEqual([part]);
  });
});

describe("texts without secrets", () => {
  const secrets = fc.array(
    fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom("a", "b", "c", "ü") }),
    {
      maxLength: 3,
    },
  );

  it("are the same however they come in chunks, and hold none of them", () => {
    const chunks = fc.array(fc.string({ maxLength: 12, unit: fc.constantFrom("a", "b", "c", "ü", "-") }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(secrets, chunks, (texts, parts) => {
        const bytes = Buffer.from(parts.join(""));
        const whole = new SecretStream(texts);
        const expected = Buffer.concat([whole.take(bytes), whole.end()]).toString("utf8");
        const stream = new SecretStream(texts);
        const out = [...bytes].map((byte) => stream.take(Uint8Array.of(byte)));
        expect(Buffer.concat([...out, stream.end()]).toString("utf8")).toBe(expected);
        const rest = expected.split("[secret]");
        for (const secret of texts) for (const part of rest) expect(part).not.toContain(secret);
      }),
    );
  });

  it("are byte by byte what they were where there is no secret in them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), secrets, (bytes, texts) => {
        fc.pre(texts.every((text) => !Buffer.from(bytes).includes(Buffer.from(text))));
        const stream = new SecretStream(texts);
        expect(Buffer.concat([stream.take(bytes), stream.end()])).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it("keep the shape of what they are in", () => {
    expect(withoutSecrets({ a: ["x key1", 3, null], b: { c: "key1" } }, ["key1"])).toEqual({
      a: ["x [secret]", 3, null],
      b: { c: "[secret]" },
    });
  });
});
