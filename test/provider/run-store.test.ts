import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { keeping } from "../../sdk/provider/keeping.ts";
import { KeptRun } from "../../sdk/provider/kept-run.ts";
import { keptIn, RunStore } from "../../sdk/provider/run-store.ts";
import { ObjectStore } from "../../sdk/remote/object-store.ts";
import type { StoreCredentials } from "../../sdk/remote/store-settings.ts";
import type { KeptRecord } from "../../sdk/schema/record.ts";
import { LabError } from "../../sdk/units/errors.ts";
import { storeUrl } from "../../sdk/units/store-url.ts";
import { recordOf } from "../cli/state.ts";
import { credentials, StoreServer } from "../remote/store-server.ts";

const record = recordOf([{ buckets: [[2000, 10]], overflow: 0, max: 2000, expected: 10 }]);
let server: StoreServer;
let objects: ObjectStore;
let folder: string;
let prefix: string;
let warned: string[];

beforeAll(async () => {
  server = await StoreServer.start();
  objects = server.open();
});
afterAll(async () => {
  objects.close();
  await server.stop();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-unsent-"));
  prefix = `nfv/${folder.slice(-6)}`;
  warned = [];
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const runStore = (keys: StoreCredentials = credentials, bucket?: string) =>
  new RunStore(folder, server.place(prefix, bucket), () => keys);
const warn = (text: string) => {
  warned.push(text);
};
/** A run that is over, in the folder of what was not sent yet. */
const overRun = (name = "timers", stack = "rack"): KeptRecord => {
  const facts = { project: "lab", stack, name, kind: "cyclictest", subject: "dut" };
  const run = new KeptRun({ ...facts, root: folder, secrets: [] });
  const output = run.begin("dut", ["cyclictest"]);
  output.stdout(Buffer.from("T: 0\n"));
  output.stderr(Buffer.from("WARN\n"));
  output.end(0);
  return run.complete(record);
};
const stored = async () =>
  [...(await objects.list(`${prefix}/`)).keys()].map((key) =>
    key.replace(/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}/, "<run>").slice(prefix.length + 1),
  );
const keyOf = ({ folder: url }: KeptRecord, file: string) => `${storeUrl(url).prefix}/${file}`;
const refusalOf = async (work: Promise<unknown>): Promise<LabError> => {
  const error = await work.then(
    () => new Error("it was done"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof LabError)) throw error;
  return error;
};

describe("a run in an object store", () => {
  it("has what its folder had, byte by byte, and the folder is gone", async () => {
    const over = overRun();
    const files = new Map(
      ["manifest.json", "record.json", "raw/0001.stdout", "raw/0001.stderr"].map((file) => [
        file,
        readFileSync(join(over.folder, file)),
      ]),
    );
    const kept = await runStore().take(over, warn);
    expect(kept).toEqual({
      folder: expect.stringMatching(
        new RegExp(`^s3://lab-results/${prefix}/lab/rack/timers/[^/?]+\\?endpoint=http://127.0.0.1:\\d+$`),
      ),
      sha256: over.sha256,
    });
    for (const [file, content] of files) expect(await objects.get(keyOf(kept, file))).toEqual(content);
    expect(await stored()).toEqual([
      "lab/rack/timers/<run>/manifest.json",
      "lab/rack/timers/<run>/raw/0001.stderr",
      "lab/rack/timers/<run>/raw/0001.stdout",
      "lab/rack/timers/<run>/record.json",
    ]);
    expect(existsSync(over.folder)).toBe(false);
    expect(warned).toEqual([]);
  });

  it("is sent twice without a change, and goes on where it was cut off", async () => {
    const over = overRun();
    const copy = `${folder}-copy`;
    execFileSync("cp", ["-a", over.folder, copy]);
    const kept = await runStore().take(over, warn);
    for (let time = 0; time < 2; time++) {
      execFileSync("cp", ["-a", copy, over.folder]);
      expect(await runStore().take(over, warn)).toEqual(kept);
    }
    // Of a run that was cut off the store has some files and no manifest.
    const half = overRun("half");
    const name = half.folder.slice(folder.length + 1);
    await objects.put(`${prefix}/${name}/raw/0001.stdout`, Buffer.from("T: 0\n"));
    await runStore().take(half, warn);
    expect((await stored()).filter((key) => key.startsWith("lab/rack/half/"))).toHaveLength(4);
    rmSync(copy, { recursive: true });
  });

  it.each(["raw/0001.stdout", "record.json", "manifest.json"])(
    "never takes the place of another thing: %s",
    async (file) => {
      const over = overRun();
      const key = `${prefix}/${over.folder.slice(folder.length + 1)}/${file}`;
      await objects.put(key, Buffer.from("of somebody else"));
      const { code, message } = await refusalOf(runStore().take(over, warn));
      expect(code).toBe("results-store-other");
      expect(message).toMatch(
        /^the store has another thing at s3:\/\/lab-results\/.*: observed SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}; nothing there is replaced/,
      );
      expect(await objects.get(key)).toEqual(Buffer.from("of somebody else"));
      expect(existsSync(over.folder)).toBe(true);
      if (file !== "manifest.json")
        expect(await stored()).not.toContain("lab/rack/timers/<run>/manifest.json");
    },
  );

  it("whose folder was altered before it was sent is not sent", async () => {
    const over = overRun();
    appendFileSync(join(over.folder, "raw/0001.stdout"), "T: 1\n");
    const { code, message } = await refusalOf(runStore().take(over, warn));
    expect(code).toBe("results-altered");
    expect(message).toMatch(
      /raw\/0001\.stdout is not what the run wrote, so the run is not sent: observed SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}; /,
    );
    expect(await stored()).not.toContain("lab/rack/timers/<run>/manifest.json");
    expect(existsSync(over.folder)).toBe(true);
  });

  it("that could not be sent is sent by the next one, and stays where the state says it is", async () => {
    const left = overRun("left");
    const others = overRun("left", "of-a-customer");
    const part = join(folder, "lab/rack/left/20260101T000000.000Z-00000000.part");
    execFileSync("mkdir", ["-p", part]);
    writeFileSync(join(part, "manifest.json"), "{}");
    await runStore().take(overRun(), warn);
    expect(warned).toEqual([]);
    expect((await stored()).filter((key) => key.startsWith("lab/rack/left/"))).toHaveLength(4);
    expect(existsSync(left.folder)).toBe(true);
    // Another stack's is meant for another place.
    expect((await stored()).filter((key) => key.startsWith("lab/of-a-customer/"))).toEqual([]);
    expect(existsSync(others.folder)).toBe(true);
    // It is not fetched by each run that comes later: of what is whole its manifest tells.
    const fetched = vi.spyOn(ObjectStore.prototype, "get");
    await runStore().take(overRun(), warn);
    expect(fetched.mock.calls).toEqual([[`${prefix}/${left.folder.slice(folder.length + 1)}/manifest.json`]]);
    fetched.mockRestore();
  });
});

describe("a measurement whose stack names an object store", () => {
  const measured = (
    store: RunStore | undefined,
    work = async () => record,
    signal = new AbortController().signal,
  ) =>
    keeping(
      {
        ...{ results: folder, store, secrets: [], project: "lab", stack: "rack", signal, warn },
        status: () => undefined,
      },
      { name: "timers", kind: "cyclictest", subject: "dut" },
      async (raw) => {
        raw.begin("dut", ["cyclictest"]).stdout(Buffer.from("T: 0\n"));
        return work();
      },
    );

  it("has its run there, and its record says where", async () => {
    const { kept, ...rest } = await measured(runStore());
    expect(rest).toEqual(record);
    expect(JSON.parse(String(await objects.get(keyOf(kept as KeptRecord, "record.json"))))).toEqual(record);
    expect(readdirSync(join(folder, "lab/rack/timers"))).toEqual([]);
  });

  it("has what was printed there as well where it did not come to its end", async () => {
    const failing = measured(runStore(), () => Promise.reject(new Error("cyclictest failed on dut")));
    await expect(failing).rejects.toThrow("cyclictest failed on dut");
    const [manifest = ""] = (await objects.list(`${prefix}/lab/`)).keys();
    expect(JSON.parse(String(await objects.get(manifest)))).toMatchObject({
      ...{ ended: "failed", reason: "cyclictest failed on dut" },
    });
  });

  it.each<[string, () => RunStore, string]>([
    ["there is no bucket", () => runStore(credentials, "no-bucket"), "store-bucket-missing"],
    [
      "the key is another",
      () => runStore({ ...credentials, secretAccessKey: "hunter22" }),
      "store-credentials-refused",
    ],
    [
      "the store is not there",
      () => keptIn("s3://lab-results?endpoint=http://127.0.0.1:1", folder, credentials).store as RunStore,
      "store-unreachable",
    ],
  ])("does not begin where %s", async (_, store, code) => {
    let begun = false;
    const refusal = await refusalOf(
      measured(store(), async () => {
        begun = true;
        return record;
      }),
    );
    expect([refusal.code, begun]).toEqual([code, false]);
    expect(refusal.message).not.toContain("hunter22");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("does not begin where the key may write, but not look at what is there", async () => {
    const writeOnly = http.createServer((request, response) => {
      request.resume().on("end", () => {
        if (request.method === "PUT") response.end();
        else response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
      });
    });
    await new Promise<void>((resolve) => writeOnly.listen(0, "127.0.0.1", resolve));
    const { port } = writeOnly.address() as AddressInfo;
    const { store } = keptIn(`s3://lab-results?endpoint=http://127.0.0.1:${port}`, folder, credentials);
    const { code, message } = await refusalOf(measured(store));
    expect([code, readdirSync(folder)]).toEqual(["store-denied", []]);
    expect(message).toContain("allow s3:ListBucket there");
    writeOnly.closeAllConnections();
    writeOnly.close();
  });

  it("keeps its record and its folder where the store is gone meanwhile, and says where they are", async () => {
    const other = await StoreServer.start();
    const store = new RunStore(folder, other.place(prefix), () => credentials);
    const { kept } = await measured(store, async () => {
      await other.stop();
      return record;
    });
    expect(kept?.folder.startsWith(`${folder}/lab/rack/timers/`)).toBe(true);
    expect(existsSync(join(kept?.folder ?? "", "record.json"))).toBe(true);
    expect(warned).toEqual([
      expect.stringMatching(
        /^timers could not be sent to s3:\/\/lab-results\/.*: the store at .* can't be reached: .*\. It is in .*, and the next run sends it too\.$/,
      ),
    ]);
  });

  it("asks for credentials only when it begins", async () => {
    const { store } = keptIn("s3://lab-results/nfv", folder, undefined);
    expect(store?.url).toBe("s3://lab-results/nfv");
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
    expect((await refusalOf(measured(store))).code).toBe("store-credentials");
    Object.assign(process.env, { ...(AWS_ACCESS_KEY_ID && { AWS_ACCESS_KEY_ID }) });
    Object.assign(process.env, { ...(AWS_SECRET_ACCESS_KEY && { AWS_SECRET_ACCESS_KEY }) });
  });
});
