import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { trexGround } from "../../sdk/observe/trex.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { checkTraffic, planTraffic } from "../../sdk/plan/traffic-run.ts";
import { checkThroughput, planSelfTest, planTrials } from "../../sdk/plan/traffic-trials.ts";
import {
  checkTrexTool,
  fetchTrex,
  forgetTrex,
  isTrex,
  noteTrex,
  trexFolder,
  verifyTrex,
} from "../../sdk/plan/trex-tool.ts";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import type { trex } from "../../sdk/schema/traffic.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { said } from "../observe/recorded.ts";

const host = { name: "dut", connection: { kind: "local" as const } };
const root = mkdtempSync(join(tmpdir(), "nfvlab-trex-plan-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const local = new LocalTransport();

/** A step as it is, but for the place that it leaves something at. */
const here = <S extends { readonly argv: readonly string[] }>(step: S): S => ({
  ...step,
  argv: step.argv.map((word) => word.replaceAll("/var/lib/nfvlab", root)),
});
const run = async (...steps: readonly Step[]) => {
  for (const step of steps) await local.run(here(step));
};
const look = async () => {
  if (trexGround.ask.kind !== "command") throw new Error("no command");
  const { stdout } = await local.run(here({ argv: trexGround.ask.argv }));
  return trexGround.parse(said(stdout));
};

/** TRex's folder as far as it is looked at. */
function folderOf(name: string, version: string): string {
  const folder = join(root, name);
  mkdirSync(join(folder, "automation/trex_control_plane/interactive/trex/stl"), { recursive: true });
  writeFileSync(join(folder, "automation/trex_control_plane/interactive/trex/stl/api.py"), "");
  mkdirSync(join(folder, "external_libs"));
  // The one with AVX ends as it does on a processor without; what follows is how TRex 3.08 prints its version (src/main_dpdk.cpp, usage).
  writeFileSync(join(folder, "_t-rex-64"), "#!/bin/sh\nkill -ILL $$\n");
  writeFileSync(
    join(folder, "_t-rex-64-o"),
    `#!/bin/sh\n[ "$1" = --help ] && [ "$LD_LIBRARY_PATH" = . ] && printf ' \\n Version : v${version}   \\n DPDK version : DPDK 22.03.0   \\n'\n`,
  );
  for (const program of ["_t-rex-64", "_t-rex-64-o"]) chmodSync(join(folder, program), 0o755);
  return folder;
}

const at = (path: string, version = "3.08"): Inputs<typeof trex> => ({
  ...{ host, name: "trex", version },
  source: { kind: "path", path },
});

describe("TRex on a machine", () => {
  it("is asked itself which version it is", async () => {
    const folder = folderOf("v3.08", "3.08");
    await run(noteTrex(at(folder), "0a1b"));
    const ground = await look();
    expect(ground.folders.get(folder)).toEqual({ there: true, missing: [], version: "3.08" });
    expect(ground.python).toMatch(/^3\.\d+/);
    expect(isTrex(at(folder), ground.folders.get(folder))).toBe(true);
    expect(() => verifyTrex(at(folder), ground, "dut")).not.toThrow();
    expect(() => verifyTrex(at(folder, "3.07"), ground, "dut")).toThrow(
      `TRex at ${folder} on dut is another than was asked for: observed 3.08, expected 3.07`,
    );
    await run(forgetTrex(at(folder), "0a1b"));
    expect((await look()).folders.size).toBe(0);
    expect(existsSync(folder)).toBe(true);
  });

  it("that is not there is told with what is missing", async () => {
    const folder = folderOf("half", "3.08");
    rmSync(join(folder, "external_libs"), { recursive: true });
    await run(noteTrex(at(folder), "0a1b"), noteTrex(at("/nowhere/trex"), "0a1c"));
    const ground = await look();
    expect(() => verifyTrex(at(folder), ground, "dut")).toThrow(
      `there is no TRex at ${folder} on dut: observed no external_libs, expected TRex's folder as it is unpacked`,
    );
    expect(() => verifyTrex(at("/nowhere/trex"), ground, "dut")).toThrow("observed no such folder");
    expect(() => verifyTrex(at(folder), { ...ground, python: undefined }, "dut")).toThrow("has no python3");
    await run(forgetTrex(at(folder), "0a1b"), forgetTrex(at("/nowhere/trex"), "0a1c"));
  });

  it("is fetched with the sum that it must have, once, and goes with the last that means it", async () => {
    folderOf("packed/v3.08", "3.08");
    execFileSync("tar", ["-czf", join(root, "v3.08.tar.gz"), "-C", join(root, "packed"), "v3.08"]);
    const archive = readFileSync(join(root, "v3.08.tar.gz"));
    const sum = createHash("sha256").update(archive).digest("hex");
    let fetched = 0;
    const server = createServer((_, answer) => {
      fetched += 1;
      answer.end(archive);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3.08.tar.gz?token=secret`;
    const from = (sha256: string): Inputs<typeof trex> => ({
      ...{ host, name: "trex", version: "3.08" },
      source: { kind: "url", url, sha256 },
    });
    const [wanted, wrong] = [from(sum), from("0".repeat(64))];

    const failure = await run(...fetchTrex(wrong, "0a1b")).catch((error) => error);
    expect(failure.message).toContain(`its sum is ${sum}, expected ${"0".repeat(64)}`);
    expect(existsSync(trexFolder(wrong).replace("/var/lib/nfvlab", root))).toBe(false);
    await run(forgetTrex(wrong, "0a1b"));

    const steps = [...fetchTrex(wanted, "0a1b"), ...fetchTrex(wanted, "0a1c")];
    expect(JSON.stringify(steps.map(({ argv, purpose }) => [argv, purpose]))).not.toContain("secret");
    await run(...steps, noteTrex(wanted, "0a1b"));
    expect(fetched).toBe(2);
    const folder = trexFolder(wanted).replace("/var/lib/nfvlab", root);
    // The note names the folder where it would be.
    writeFileSync(join(root, "trex/at/0a1b"), `${folder}\n`);
    expect((await look()).folders.get(folder)?.version).toBe("3.08");
    await run(forgetTrex(wanted, "0a1b"));
    expect(existsSync(folder)).toBe(true);
    await run(forgetTrex(wanted, "0a1c"));
    expect(existsSync(join(root, "trex"))).toBe(false);
    server.close();
  });

  it.each([
    ["2.57", false],
    ["2.58", true],
    ["2.6", false],
    ["3.0", true],
    ["3.08.1", true],
  ])("of version %s is new enough: %s", (version, isEnough) => {
    const check = () => checkTrexTool(at("/opt/trex", version));
    if (isEnough) expect(check).not.toThrow();
    else expect(check).toThrow(InputError);
  });
});

const generator = {
  ...{ kind: "trex" as const, program: "/var/lib/nfvlab/traffic/1/nfvlab-trex", path: "/opt/trex/v3.08" },
  ...{ version: "3.08", cpus: "2-5" as const },
};
const pci = (address: string) => ({ kind: "pci" as const, address });
const cards = { from: pci("0000:5e:00.0"), to: pci("0000:5e:00.1") };
const way = { host, name: "run", generator, ...cards };

describe("TRex as a generator", () => {
  it("is one command that holds all that it has to know, and speaks with its own machine alone", () => {
    const { argv, properties, prepare, seconds } = planTraffic({
      ...{ ...way, rate: 2000, count: 20_000, directions: "both", flows: 100 },
      generator: { ...generator, memory: "2GiB", stampedRate: 10 },
    });
    expect(argv.slice(0, 3)).toEqual(["python3", "-B", generator.program]);
    expect(JSON.parse(argv[3] ?? "")).toEqual({
      ...{ trex: "/opt/trex/v3.08", version: "3.08", cpus: [2, 3, 4, 5], memoryMib: 2048 },
      ...{ names: ["0000:5e:00.0", "0000:5e:00.1"], interfaces: ["0000:5e:00.0", "0000:5e:00.1"] },
      ...{ both: true, flows: 100, stampedPps: 10, settleMs: 2000, linkMs: 10_000, probeMs: 15_000 },
      ...{ startMs: 60_000, rpcPort: 4501, publisherPort: 4500, trial: "2000 20000 2000 64" },
    });
    expect(properties).toEqual(["CPUAffinity=2", "IPAddressDeny=any", "IPAddressAllow=localhost"]);
    expect(prepare).toEqual([]);
    expect(seconds).toBeGreaterThan(10 + 2 + 2 + 60);
  });

  it("is told trials by standard input, and has no ring to be tried over", () => {
    const ports = {
      from: { kind: "memif" as const, socketPath: "/run/m.sock" },
      to: { kind: "af_packet" as const, interface: "v1" },
    };
    const { argv } = planTrials({ ...way, ...ports }, 60_000);
    const job = JSON.parse(argv[3] ?? "") as { interfaces: string[]; trial?: string };
    expect(job.interfaces).toEqual([
      "--vdev=net_memif0,role=client,id=0,socket=/run/m.sock,socket-abstract=no",
      "--vdev=net_af_packet1,iface=v1",
    ]);
    expect(job.trial).toBeUndefined();
    expect(planSelfTest({ ...way, ...ports })).toBeUndefined();
  });

  it.each<readonly [what: string, inputs: Partial<Parameters<typeof checkTraffic>[0]>, code: string]>([
    ["ports that it can't make", { from: { kind: "virtio-user", socketPath: "/run/v.sock" } }, "trex-ports"],
    ["a card and an interface at once", { to: { kind: "af_packet", interface: "v1" } }, "trex-ports"],
    ["two CPUs", { generator: { ...generator, cpus: "2-3" } }, "trex-cpus"],
    ["a rate that is none", { rate: "unpaced" }, "traffic-unpaced"],
  ])("is none for %s", (_, inputs, code) => {
    expect(() => checkTraffic({ ...way, rate: 1000, ...inputs })).toThrow(expect.objectContaining({ code }));
  });

  it("may be of one CPU, which does all", () => {
    expect(() => checkTraffic({ ...way, rate: 1000, generator: { ...generator, cpus: "2" } })).not.toThrow();
  });
});

describe("testpmd as a generator", () => {
  const flood = { kind: "testpmd" as const, cpus: "3-5" as const };
  const ends = {
    from: { kind: "virtio-user" as const, socketPath: "/run/v/p0.sock", queues: 2 },
    to: { kind: "virtio-user" as const, socketPath: "/run/v/p1.sock" },
  };
  const run = { host, name: "flood", generator: flood, ...ends, rate: "unpaced" as const };

  it("is two of them, one that sends what it can and one that only receives", () => {
    const { argv, prepare, properties, seconds } = planTraffic({
      ...{ ...run, duration: "5s", frameSize: 512, settle: "500ms" },
      addresses: { toMac: "02:00:00:00:00:77" },
    });
    const [shell, , script, name, settle, , trial, sink, ...source] = argv;
    expect([shell, name, settle, trial]).toEqual(["sh", "nfvlab-testpmd", "500", "1000 5000 1500 512"]);
    expect(spawnSync("sh", ["-n"], { input: script }).status).toBe(0);
    expect(sink?.split(" ")).toEqual([
      ...[
        "dpdk-testpmd",
        "--lcores=0@3,1@3",
        "-v",
        "--in-memory",
        "--single-file-segments",
        "--no-telemetry",
        "-m",
        "64",
      ],
      ...[
        "--no-pci",
        "--vdev=net_virtio_user0,path=/run/v/p1.sock,queues=1,queue_size=1024,server=1",
        "--",
        "-i",
      ],
      ...["--nb-cores=1", "--rxq=1", "--txq=1", "--total-num-mbufs=8192", "--forward-mode=rxonly"],
    ]);
    expect(source).toEqual([
      ...[
        "dpdk-testpmd",
        "--lcores=0@4,1@5",
        "-v",
        "--in-memory",
        "--single-file-segments",
        "--no-telemetry",
        "-m",
        "64",
      ],
      ...[
        "--no-pci",
        "--vdev=net_virtio_user0,path=/run/v/p0.sock,queues=2,queue_size=1024,server=1",
        "--",
        "-i",
      ],
      ...["--nb-cores=1", "--rxq=2", "--txq=2", "--total-num-mbufs=8192", "--forward-mode=txonly"],
      ...["--tx-ip=198.18.0.1,198.18.0.2", "--tx-udp=1024,9", "--eth-peer=0,02:00:00:00:00:77"],
    ]);
    expect(prepare).toHaveLength(1);
    expect(properties.join()).toContain("/run/v/p0.sock /run/v/p1.sock");
    expect(seconds).toBeGreaterThan(65);
  });

  it.each<readonly [what: string, inputs: Partial<Parameters<typeof checkTraffic>[0]>, code: string]>([
    ["a rate", { rate: 1000 }, "traffic-unpaced"],
    ["a count", { count: 1000 }, "traffic-length"],
    ["one port", { to: undefined }, "testpmd-ends"],
    ["both directions", { directions: "both" }, "testpmd-ends"],
    ["several flows", { flows: 2 }, "testpmd-flows"],
    ["another source", { addresses: { fromMac: "02:00:00:00:00:01" } }, "testpmd-mac"],
    ["one CPU", { generator: { kind: "testpmd", cpus: "3" } }, "testpmd-cpus"],
  ])("is none for %s", (_, inputs, code) => {
    expect(() => checkTraffic({ ...run, ...inputs })).toThrow(expect.objectContaining({ code }));
  });

  it("searches for nothing", () => {
    const { rate: _, ...search } = run;
    expect(() => checkThroughput(search)).toThrow(
      "generator.kind: testpmd can't pace, so that no load can be tried with it, and nothing is searched for: observed testpmd, expected nfvlab, or trex where it is installed",
    );
  });
});
