import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { volumes } from "../../sdk/observe/volumes.ts";
import { fatImage } from "../../sdk/plan/fat-image.ts";
import {
  checkVolume,
  checkVolumeOwner,
  makeVolume,
  removeVolume,
  seedImage,
  volumeOutputs,
} from "../../sdk/plan/volume.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { volume } from "../../sdk/schema/volume.ts";
import { readFat } from "./fat-reader.ts";

type VolumeInputs = Inputs<typeof volume>;

const TAG = "0badcafe";
const root = mkdtempSync(join(tmpdir(), "nfvlab-volumes-"));
const folder = join(root, "volumes");
const source = join(root, "source");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const inputs = (change: Partial<VolumeInputs>): VolumeInputs => ({
  host: { name: "dut", connection: { kind: "local" } },
  name: "disk",
  source: { kind: "empty" },
  ...change,
});

/** Carries out steps on this machine, in a folder of the test's instead of the real one. */
function carryOut(steps: ReturnType<typeof makeVolume>): { code: number | null; said: string } {
  for (const { argv, stdin } of steps) {
    const [program, ...args] = argv.map((word) => word.replaceAll("/var/lib/nfvlab/volumes", folder));
    const { status, stderr } = spawnSync(program as string, args, { input: stdin ?? "", encoding: "utf8" });
    if (status !== 0) return { code: status, said: stderr.trim() };
  }
  return { code: 0, said: "" };
}

function observed() {
  const { ask, parse } = volumes;
  if (ask.kind !== "command") throw new Error("the probe is a command");
  const [program, ...args] = ask.argv.map((word) => word.replaceAll("/var/lib/nfvlab/volumes", folder));
  const { stdout, stderr, status } = spawnSync(program as string, args, { encoding: "utf8" });
  return parse({ code: status ?? 1, stdout, stderr });
}

const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");

describe("a volume", () => {
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    writeFileSync(source, "the image\n");
    truncateSync(source, 4 * 2 ** 20);
  });

  it("is copied sparse, with its sum checked, and made larger", () => {
    const wanted = sha256(readFileSync(source));
    const copy = inputs({
      format: "raw",
      size: "8MiB",
      source: { kind: "copy", path: source, sha256: wanted },
    });
    expect(carryOut(makeVolume(copy, TAG))).toEqual({ code: 0, said: "" });
    const [found] = observed();
    expect(volumeOutputs(copy, found as NonNullable<typeof found>)).toEqual({
      path: "/var/lib/nfvlab/volumes/disk",
      sizeBytes: 8 * 2 ** 20,
      sourceSha256: wanted,
      present: true,
    });
    const { size, blocks, mode } = statSync(join(folder, "disk"));
    expect([size, blocks * 512 < 2 ** 20, mode & 0o777]).toEqual([8 * 2 ** 20, true, 0o600]);
  });

  it.each<[string, Partial<VolumeInputs>, RegExp]>([
    [
      "another sum",
      { source: { kind: "copy", path: source, sha256: "0".repeat(64) } },
      /observed [0-9a-f]{64}, expected 0{64}$/,
    ],
    [
      "a size that would cut it",
      { size: "1MiB", source: { kind: "copy", path: source } },
      /observed 4194304 bytes, expected at most 1048576$/,
    ],
    ["no image", { source: { kind: "copy", path: join(root, "nothing") } }, /No such file/],
  ])("is refused with %s, and leaves nothing", (_, change, said) => {
    const refused = carryOut(makeVolume(inputs({ format: "raw", ...change }), TAG));
    expect(refused.code).not.toBe(0);
    expect(refused.said).toMatch(said);
    expect(observed()).toEqual([]);
  });

  it("is known for ours, for somebody else's, and for gone", () => {
    const empty = inputs({ format: "raw", size: "1GiB" });
    carryOut(makeVolume(empty, TAG));
    const [ours] = observed();
    expect(() => checkVolumeOwner(empty, ours, TAG)).not.toThrow();
    expect(() => checkVolumeOwner(empty, ours, "12345678")).toThrow(/is there already and is not ours/);
    writeFileSync(join(folder, "stray"), "");
    expect(observed().map(({ name, owner }) => [name, owner])).toEqual([
      ["disk", TAG],
      ["stray", undefined],
    ]);
    rmSync(join(folder, "disk"));
    expect(observed()[0]).toMatchObject({ present: false, sizeBytes: 2 ** 30 });
    carryOut(removeVolume("disk"));
    expect(observed().map(({ name }) => name)).toEqual(["stray"]);
  });

  it("is a seed that cloud-init finds, and is missed where somebody wrote to it", () => {
    const seed = inputs({ source: { kind: "cloud-init", userData: "#cloud-config\nhostname: vnf\n" } });
    expect(carryOut(makeVolume(seed, TAG))).toEqual({ code: 0, said: "" });
    const look = () => volumeOutputs(seed, observed()[0] as NonNullable<ReturnType<typeof observed>[0]>);
    expect(look()).toMatchObject({ present: true, sizeBytes: 2 ** 20 });
    const probed = spawnSync("blkid", ["-p", "-o", "export", join(folder, "disk")], {
      encoding: "utf8",
    }).stdout;
    expect(probed).toMatch(/^LABEL=CIDATA$/m);
    expect(probed).toMatch(/^TYPE=vfat$/m);
    writeFileSync(join(folder, "disk"), "other", { flag: "r+" });
    expect(look()).toMatchObject({ present: false });
  });

  it.each<[Partial<VolumeInputs>, RegExp | undefined]>([
    [{ size: "1GiB" }, undefined],
    [{}, /size: .*observed no size, expected how large it is/],
    [{ format: "raw", source: { kind: "overlay", path: "/a", baseFormat: "raw" } }, /expected qcow2/],
    [{ format: "qcow2", source: { kind: "cloud-init", userData: "" } }, /expected raw/],
    [{ size: "1GiB", source: { kind: "cloud-init", userData: "" } }, /a seed has 1 MiB/],
  ])("checks %j", (change, message) => {
    expect(volume.inputs.safeParse(inputs(change)).error).toBeUndefined();
    const check = () => checkVolume(inputs(change));
    if (message === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(message);
  });

  it("keeps what a seed holds secret, and off the command line", () => {
    const seed = inputs({ source: { kind: "cloud-init", userData: "password: swordfish" } });
    const steps = makeVolume(seed, TAG);
    expect(JSON.stringify(steps.map(({ argv, purpose }) => [argv, purpose]))).not.toContain("swordfish");
    expect(volume.inputs.shape.source.options[3].shape.userData.meta()).toMatchObject({ secret: true });
  });
});

describe("a FAT image", () => {
  it("gives back its files, by another reading of the format", () => {
    const name = fc.stringMatching(/^[a-z][a-z.-]{0,30}[a-z]$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ maxLength: 3000 }), { maxKeys: 5 }), (files) => {
        const { label, files: found } = readFat(fatImage("CIDATA", files));
        expect(label).toBe("CIDATA");
        expect(found).toEqual(files);
      }),
    );
  });

  it("is the same for the same files, and refuses what does not fit", () => {
    const seed = { kind: "cloud-init", userData: "#cloud-config\n" } as const;
    expect(seedImage("vnf", seed)).toEqual(seedImage("vnf", seed));
    expect(readFat(seedImage("vnf", seed)).files).toEqual({
      "meta-data": "instance-id: vnf\n",
      "user-data": "#cloud-config\n",
    });
    expect(() => seedImage("vnf", { ...seed, userData: "x".repeat(2 ** 20) })).toThrow(/does not fit/);
  });
});
