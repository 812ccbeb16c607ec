import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";
import type { Transport } from "../../sdk/remote/transport.ts";
import { type Sshd, startSshd } from "./sshd.ts";

let sshd: Sshd;
let folder: string;
beforeAll(async () => {
  sshd = await startSshd();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-files-"));
  return () => rmSync(folder, { recursive: true });
});
afterAll(() => sshd.stop());

const everyByte = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index + (index >> 8)) & 255));

describe.each([
  ["SSH", () => new SshTransport(sshd.connection())],
  ["local", () => new LocalTransport()],
])("over %s", (_, open: () => Transport) => {
  let transport: Transport;
  beforeAll(() => {
    transport = open();
  });
  afterAll(() => transport.close());

  test.each([
    ["every byte", everyByte],
    ["nothing", Buffer.alloc(0)],
    ["text", Buffer.from("é\n")],
  ])("%s goes up and comes down exactly", async (_, bytes) => {
    const path = join(folder, "a file; with a 'name'");
    await transport.writeFile(path, bytes);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(Buffer.from(await transport.readFile(path)).equals(bytes)).toBe(true);
  });

  test("the mode is the one asked for, whatever the umask and the old file's", async () => {
    const path = join(folder, "file");
    const mode = () => statSync(path).mode & 0o7777;
    await transport.writeFile(path, "x");
    expect(mode()).toBe(0o644);
    await transport.writeFile(path, "x", { mode: 0o666 });
    expect(mode()).toBe(0o666);
    chmodSync(path, 0o777);
    await transport.writeFile(path, "x", { mode: 0o600 });
    expect(mode()).toBe(0o600);
  });

  test("a reader sees the old content or the new one, never a part", async () => {
    const path = join(folder, "file");
    const contents = ["a", "b"].map((letter) => letter.repeat(2_000_000));
    writeFileSync(path, contents[0] as string);
    let writing = true;
    const watching = (async () => {
      for (let reads = 0; ; reads += 1) {
        if (!contents.includes(readFileSync(path, "utf8"))) throw new Error("a part was seen");
        if (!writing) return reads;
        await new Promise(setImmediate);
      }
    })();
    for (let round = 1; round < 8; round += 1) await transport.writeFile(path, contents[round % 2] as string);
    writing = false;
    expect(await watching).toBeGreaterThan(8);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("where writing fails, the error names the file and nothing is left beside it", async () => {
    mkdirSync(join(folder, "folder", "full"), { recursive: true });
    const failing = transport.writeFile(join(folder, "folder"), "x");
    await expect(failing).rejects.toMatchObject({ name: "HostError", code: "file" });
    expect(readdirSync(folder)).toEqual(["folder"]);
    const nowhere = join(folder, "nowhere", "file");
    await expect(transport.writeFile(nowhere, "x")).rejects.toThrow(
      `could not write ${nowhere} on ${transport.host}`,
    );
  });

  test("a file that is not there is an error that names it", async () => {
    const failing = transport.readFile(join(folder, "nowhere"));
    await expect(failing).rejects.toMatchObject({ name: "HostError", code: "file" });
    await expect(failing).rejects.toThrow(`could not read ${folder}/nowhere on ${transport.host}`);
  });

  test("a file of /proc, whose size is 0, is read whole", async () => {
    expect(Buffer.from(await transport.readFile("/proc/version")).toString()).toBe(
      readFileSync("/proc/version", "utf8"),
    );
  });

  test("a transfer is one round trip", async () => {
    const before = transport.roundTrips;
    await transport.writeFile(join(folder, "file"), "x");
    await transport.readFile(join(folder, "file"));
    expect(transport.roundTrips - before).toBe(2);
  });

  test("twenty at once all arrive", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `${index}`);
    await Promise.all(names.map((name) => transport.writeFile(join(folder, name), name)));
    expect(readdirSync(folder).sort()).toEqual([...names].sort());
    expect(names.map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(names);
  });
});

test("a server without SFTP is told what to change", async () => {
  const server = await startSshd({ config: ["Match all", "ForceCommand false"] });
  const transport = new SshTransport(server.connection());
  await expect(transport.readFile("/proc/version")).rejects.toMatchObject({
    name: "HostError",
    code: "sftp",
  });
  await transport.close();
  await server.stop();
});
