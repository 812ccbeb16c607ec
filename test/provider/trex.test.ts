import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { backToBackHandler } from "../../sdk/provider/handlers/back-to-back.ts";
import { frameLossHandler } from "../../sdk/provider/handlers/frame-loss.ts";
import { soakHandler } from "../../sdk/provider/handlers/soak.ts";
import { throughputHandler } from "../../sdk/provider/handlers/throughput.ts";
import { trafficHandler } from "../../sdk/provider/handlers/traffic.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { ResultRecord } from "../../sdk/schema/record.ts";
import type { throughput } from "../../sdk/schema/throughput.ts";
import { operationOn } from "./this-machine.ts";

const RUNNER = join(import.meta.dirname, "../../sdk/provider/trex/trials.py");
const FIXTURES = join(import.meta.dirname, "../fixtures/trex");
/** A folder of TRex's, whose own client then stands in the place of ours. */
const REAL = process.env["NFVLAB_TREX"];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** TRex as it is unpacked, with a server that answers as its own does. */
function unpacked(client: "stand-in" | "real"): { folder: string; environment: Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-trex-"));
  folders.push(folder);
  for (const program of ["_t-rex-64", "_t-rex-64-o"]) {
    writeFileSync(join(folder, program), `#!/bin/sh\nexec python3 -B ${FIXTURES}/server.py "$@"\n`);
    chmodSync(join(folder, program), 0o755);
  }
  if (client === "real") {
    for (const part of ["automation", "external_libs"])
      symlinkSync(join(REAL ?? "", part), join(folder, part));
    return { folder, environment: { LIBRARIES: join(REAL ?? "", "external_libs") } };
  }
  const parts = "automation/trex_control_plane";
  execFileSync("mkdir", ["-p", join(folder, parts)]);
  symlinkSync(join(FIXTURES, "client"), join(folder, parts, "interactive"));
  return { folder, environment: {} };
}

const python = (script: string, ...args: string[]) =>
  execFileSync(
    "python3",
    [
      "-B",
      "-c",
      `import json, sys; sys.path.insert(0, sys.argv[1]); import trials\n${script}`,
      join(RUNNER, ".."),
      ...args,
    ],
    { encoding: "utf8" },
  );
/** A job on a machine that has no time to lose, at ports of TCP of its own. */
const BRIEF = {
  ...{
    version: "3.08",
    cpus: [0],
    rpcPort: 24501,
    publisherPort: 24500,
    linkMs: 1000,
    probeMs: 1000,
    settleMs: 50,
  },
  names: ["net_af_packet0", "net_af_packet1"],
  interfaces: ["--vdev=net_af_packet0,iface=lo", "--vdev=net_af_packet1,iface=lo"],
};

function ran(job: Record<string, unknown>, environment: Record<string, string> = {}) {
  const argv = ["-B", RUNNER, JSON.stringify(job)];
  const { status, stderr } = spawnSync("python3", argv, {
    encoding: "utf8",
    input: "",
    env: { ...process.env, ...environment },
  });
  return { status, stderr };
}
const running = () =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(`${FIXTURES}/server.py`);

describe.each(["stand-in", ...(REAL === undefined ? [] : (["real"] as const))] as const)(
  "TRex, by its %s client",
  (client) => {
    const { folder, environment } = unpacked(client);
    const end = { kind: "af_packet" as const, interface: "lo" };
    const base = {
      ...{ host: { name: "dut", connection: { kind: "local" as const } }, name: "ndr", frames: [64] },
      generator: { kind: "trex" as const, program: RUNNER, path: folder, version: "3.08", cpus: "0" },
      ...{ from: end, to: end, settle: "50ms" as const, maxLoad: 1_000_000 },
    };
    const short: Inputs<typeof throughput> = {
      ...base,
      goals: { ndr: { loss: 0, sum: "3s", width: 0.05 }, pdr: { loss: 0.1, sum: "3s", width: 0.05 } },
      latency: { at: [50], duration: "1s" },
    };
    const on = (more: Readonly<Record<string, string>> = {}) =>
      operationOn({ ...environment, FASTER: "100", CAPACITY: "400000", ...more });

    it("finds a throughput for MLRsearch, which knows of no other generator", async () => {
      const { operation } = on();
      const { record, byFrame } = await throughputHandler.create(operation, short);
      expect(ResultRecord.parse(record)).toMatchObject({
        kind: "throughput",
        valid: true,
        invalidReasons: [],
      });
      const { ndr, pdr } = byFrame["64"]!;
      expect([ndr?.kind, pdr?.kind]).toEqual(["regular", "regular"]);
      expect(ndr?.lowerPps).toBeLessThanOrEqual(400_000);
      expect(ndr?.upperPps).toBeGreaterThan(400_000);
      expect(pdr?.lowerPps).toBeGreaterThan(400_000);
      expect(record?.tool.version).toBe("TRex v3.08");
      // It has no ring to be set against itself, and its record says so.
      expect(record?.metrics.map(({ name }) => name)).not.toContain("generator.64");
      expect(record?.remarks).toContainEqual(
        expect.stringContaining("generator trex was not tried against itself"),
      );
      const latency = record?.metrics.find(({ name }) => name === "latency.64.50.forward");
      expect(latency).toMatchObject({ unit: "ns", samples: 1000, min: 7000, max: 1_500_999 });
      expect(latency?.percentiles["50"]).toBeGreaterThanOrEqual(42_000);
      expect(latency?.percentiles["50"]).toBeLessThan(43_500);
      expect(running()).toBe(false);
    });

    it("bisects, and tells loss, bursts and a soak", async () => {
      const known = { ...base, throughput: { 64: 400_000 } };
      const bisection = {
        ...short,
        method: "rfc2544" as const,
        goals: { ndr: { loss: 0, trial: "1s" as const, width: 0.1 } },
      };
      const { byFrame } = await throughputHandler.create(on().operation, {
        ...bisection,
        latency: { at: [] },
      });
      expect(byFrame["64"]?.["ndr"]?.lowerPps).toBeLessThanOrEqual(400_000);
      const { record: loss } = await frameLossHandler.create(on().operation, {
        ...base,
        trial: "1s",
        step: 0.1,
      });
      expect(loss?.valid).toBe(true);
      expect(loss?.metrics.find(({ name }) => name === "loss.64.100")?.median).toBeCloseTo(0.6, 2);
      const { record: bursts } = await backToBackHandler.create(on().operation, {
        ...known,
        ...{ bursts: 1, within: 10_000, longest: "100ms" },
      });
      expect(bursts).toMatchObject({ kind: "back-to-back", valid: true });
      const { record: soak } = await soakHandler.create(on().operation, { ...known, duration: "20s" });
      expect(soak?.metrics.map(({ name }) => name)).toEqual(
        ["throughput", "lost", "latency.forward", "latency.forward.pdv"].map((name) => `soak.64.${name}`),
      );
    });

    it("sends just the frames that were asked for, both ways, as a run at a fixed rate", async () => {
      const notes = join(folder, "requests");
      const { operation } = on({ CAPACITY: "inf", REQUESTS: notes });
      const { record, frames } = await trafficHandler.create(operation, {
        ...{
          host: base.host,
          name: "run",
          generator: { ...base.generator, stampedRate: 20 },
          from: end,
          to: end,
        },
        ...{ directions: "both", rate: 1000, count: 3000, frameSize: 128, flows: 16, settle: "50ms" },
        percentile: "50",
        addresses: { toMac: "02:00:00:00:00:77", fromIp: "198.18.1.1", toIp: "198.18.1.2" },
      });
      const counted = { planned: 3000, sent: 3000, received: 3000, lost: 0, duplicated: 0, reordered: 0 };
      expect([frames, record.invalidReasons]).toEqual([{ forward: counted, reverse: counted }, []]);
      expect(record.metrics.find(({ name }) => name === "traffic.forward.latency")?.samples).toBe(60);

      const requests = readFileSync(notes, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as [string, Asked]);
      const added = requests.flatMap(([method, asked]) => (method === "add_stream" ? [asked] : [])).slice(-4);
      expect(
        added.map(({ port_id, stream }) => [port_id, stream.mode.total_pkts, stream.mode.rate.value]),
      ).toEqual([
        [0, 2940, 980],
        [0, 60, 20],
        [1, 2940, 980],
        [1, 60, 20],
      ]);
      expect(added.map(({ stream }) => stream.flow_stats.stream_id)).toEqual([undefined, 1, undefined, 2]);
      const packets = added.map(({ stream }) => Buffer.from(stream.packet.binary, "base64"));
      expect(packets.map(({ length }) => length)).toEqual([124, 124, 124, 124]);
      const heads = packets.map((packet) => packet.toString("hex", 0, 42));
      // To, from; IPv4 with its checksum, 198.18.1.1 to .2; UDP 1024 to 9 without one.
      expect(heads[0]).toBe(
        "020000000077" +
          "0200000000a0" +
          "0800" +
          "4500006e000000004011ec57c6120101c6120102" +
          "04000009005a0000",
      );
      expect(heads[2]).toBe(
        "0200000000a0" +
          "020000000077" +
          "0800" +
          "4500006e000000004011ec57c6120102c6120101" +
          "04000009005a0000",
      );
      for (const head of heads) expect(onesComplementSum(head.slice(28, 68))).toBe(0xffff);
      const [flow, write] = added[0]?.stream.vm.instructions ?? [];
      expect(flow).toMatchObject({ type: "flow_var", size: 2, op: "inc", min_value: 1024, max_value: 1039 });
      expect(write).toMatchObject({ type: "write_flow_var", pkt_offset: 34 });
      // Sent for as long as planned and a second and a tenth longer at most, by TRex's own clock.
      const starts = requests.flatMap(([method, asked]) =>
        method === "start_traffic" ? [asked.duration] : [],
      );
      expect(starts.slice(-2)).toEqual([4.3, 4.3]);
    });

    it("keeps the shares of a mix, and stamps frames of each size", async () => {
      const { record, byFrame } = await throughputHandler.create(on({ CAPACITY: "inf" }).operation, {
        ...{ ...short, frames: ["imix"], goals: { ndr: { loss: 0, sum: "1s" } } },
      });
      expect([record?.invalidReasons, byFrame["imix"]?.["ndr"]?.kind]).toEqual([[], "at-maximum"]);
    });

    it("is worth nothing in a trial in which it fell behind", async () => {
      const { record } = await throughputHandler.create(
        on({ SENDS: "300000", CAPACITY: "inf" }).operation,
        short,
      );
      expect(record?.valid).toBe(false);
      expect(record?.trials?.flatMap(({ faults }) => faults)).toContainEqual(
        "saturated generator: forward, it could send 303000 of 1000000 frames in their time",
      );
    });

    it("is slower by its own clock where a pace is kept for long alone", async () => {
      // 990 a second of 1000: within the time that a trial may be late, and no more.
      const { record } = await trafficHandler.create(on({ SENDS: "800", CAPACITY: "inf" }).operation, {
        ...{ host: base.host, name: "run", generator: base.generator, from: end, to: end },
        ...{ rate: 1000, count: 10_000, settle: "50ms", percentile: "50" },
      });
      expect(record.invalidReasons).toEqual([
        expect.stringMatching(/^saturated generator: forward, it could send \d+ of 10000/),
      ]);
    });

    it.each<readonly [what: string, environment: Record<string, string>, said: string]>([
      ["another version", { VERSION: "v2.99" }, `TRex at ${folder}: observed version 2.99, expected 3.08`],
      [
        "a server that ends while it starts",
        { ENDS: "EAL: Cannot init memory" },
        "TRex's server ended with code 1 while it started: EAL: Cannot init memory",
      ],
      [
        "a server that ends in a trial",
        { ENDS_AT: "500000" },
        "TRex's server ended with code 1: EAL: Error - exiting with code: 1",
      ],
      ["a port without a link", { NO_LINK: "1" }, "port net_af_packet1: has no link within 1 s"],
      [
        "ports without stamped streams",
        { NO_LATENCY: "1" },
        "port net_af_packet0: has no streams with latency",
      ],
      [
        "more stamped streams than it has",
        { COUNTERS: "2" },
        "port net_af_packet0: observed 3 streams with latency wanted, expected 2 at most",
      ],
      [
        "a path that carries nothing",
        { CAPACITY: "0" },
        "no frame came through from net_af_packet0 to net_af_packet1 within 1 s",
      ],
    ])("says in a sentence what is wrong with %s", (_, wrong, said) => {
      const { status, stderr } = ran(
        { trex: folder, ...BRIEF, trial: "1000000 1000000 10 64,570,1518" },
        { ...environment, FASTER: "100", ...wrong },
      );
      expect(stderr).toContain(`nfvlab-traffic: ${said}`);
      expect(status).toBe(wrong["CAPACITY"] === "0" ? 75 : 69);
      expect(running()).toBe(false);
    });

    it("hands that sentence on", async () => {
      const { operation } = on({ ENDS_AT: "500000" });
      await expect(throughputHandler.create(operation, short)).rejects.toThrow(
        "the traffic program failed on dut: observed exit code 69: nfvlab-traffic: TRex's server ended with code 1: EAL: Error",
      );
    });

    it("leaves nothing running where it is given up", async () => {
      const { operation, statuses, controller } = on({ FASTER: "1" });
      const failure = throughputHandler.create(operation, short).catch((error) => error);
      while (!statuses.some((text) => text.startsWith("64 bytes, trial 2")))
        await new Promise((resolve) => setTimeout(resolve, 50));
      expect(running()).toBe(true);
      controller.abort();
      expect((await failure).message).toContain("was ended before its end");
      await expect.poll(running, { timeout: 15_000 }).toBe(false);
    });
  },
);

/** Of the 16-bit words of a header, which is as it should be where that is all ones. */
function onesComplementSum(hex: string): number {
  const sum = (hex.match(/.{4}/g) ?? []).reduce((all, word) => all + Number.parseInt(word, 16), 0);
  return (sum & 0xffff) + (sum >>> 16);
}

interface Asked {
  readonly port_id: number;
  readonly duration: number;
  readonly stream: {
    readonly mode: { readonly total_pkts: number; readonly rate: { readonly value: number } };
    readonly flow_stats: { readonly stream_id?: number };
    readonly packet: { readonly binary: string };
    readonly vm: { readonly instructions: readonly Record<string, unknown>[] };
  };
}

describe("before a server is started", () => {
  const { folder } = unpacked("stand-in");
  const refused = (more: Record<string, unknown>) => {
    const { status, stderr } = ran({ trex: folder, ...BRIEF, ...more });
    return `${status} ${stderr.trim()}`;
  };

  it.each<readonly [what: string, more: Record<string, unknown>, said: string]>([
    ["there is no TRex", { trex: "/nowhere" }, "69 nfvlab-traffic: TRex at /nowhere: observed no _t-rex-64"],
    [
      "a card has a driver of the kernel's",
      { interfaces: ["0000:ff:1f.7"] },
      "69 nfvlab-traffic: card 0000:ff:1f.7: observed driver none, expected vfio-pci",
    ],
    [
      "an interface is not there",
      { interfaces: ["--vdev=net_af_packet0,iface=nowhere0"] },
      "69 nfvlab-traffic: interface nowhere0: is not there or not up",
    ],
  ])("says that %s", (_, more, said) => {
    expect(refused(more)).toContain(said);
  });

  it("says that another TRex is there already", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(24501, "0.0.0.0", resolve));
    expect(refused({})).toContain("TCP port 24501: somebody listens there");
    other.close();
  });

  it("says that its client can't be loaded by this Python", () => {
    const broken = unpacked("stand-in").folder;
    rmSync(join(broken, "automation/trex_control_plane/interactive"));
    const client = join(broken, "automation/trex_control_plane/interactive/trex/stl");
    execFileSync("mkdir", ["-p", client]);
    writeFileSync(join(client, "api.py"), "import imp_of_long_ago\n");
    expect(refused({ trex: broken })).toContain("No module named 'imp_of_long_ago'");
    expect(existsSync(join(broken, "trex_cfg.yaml"))).toBe(false);
  });

  it("writes a configuration of its own, of which no other program knows", () => {
    const text = (more: Record<string, unknown>) =>
      python(
        "print(trials.configuration(trials.Job(sys.argv[2])), end='')",
        JSON.stringify({ trex: folder, ...BRIEF, ...more }),
      );
    expect(text({ interfaces: ["0000:5e:00.0"], cpus: [2, 3, 4, 5], memoryMib: 2048 })).toMatchSnapshot();
    expect(text({})).toMatchSnapshot();
  });
});

describe("the runner", () => {
  // Encoded by hdrhistogram 0.10.8 of PyPI: HdrHistogram(1, 10_000_000, 3), then record_value(value, count) of each.
  const ENCODED = "HISTFAAAADp4nJNpmSzMwMAgzQABzFCaEUzOmNZg/wEqwMZp4/yAeTk/E8tvfi6+v/wsf+2FnjtxzDZgAgAjwwvv";
  const RECORDED = {
    1: 3,
    7: 30,
    42: 240,
    1023: 1,
    1024: 2,
    2047: 5,
    2048: 6,
    2049: 1,
    4097: 2,
    65537: 9,
    1234567: 4,
    9999999: 1,
  };

  it("reads an HDR histogram to the last bucket", () => {
    const counts = JSON.parse(python("print(json.dumps(trials.hdr_counts(sys.argv[2])))", ENCODED)) as [
      number,
      number,
      number,
    ][];
    const total = Object.values(RECORDED).reduce((sum, count) => sum + count, 0);
    expect(counts.reduce((sum, [, , count]) => sum + count, 0)).toBe(total);
    for (const value of Object.keys(RECORDED).map(Number))
      expect(counts.some(([low, high]) => low <= value && value <= high && high - low <= value / 500)).toBe(
        true,
      );
  });

  it("takes TRex's own buckets where there is no other histogram", () => {
    const told = [{ histogram: { 0: 2, 10: 3, 90: 1, 200: 4, 3000: 1 } }];
    const script =
      "told = [{'histogram': {int(k): v for k, v in each['histogram'].items()}} for each in json.loads(sys.argv[2])]\nprint(json.dumps(trials.latency_of(told)))";
    expect(JSON.parse(python(script, JSON.stringify(told)))).toEqual({
      ...{ samples: 11, unstamped: 0, minNs: 0, maxNs: 3_999_999 },
      buckets: [
        [9999, 2],
        [19_999, 3],
        [99_999, 1],
        [299_999, 4],
        [3_999_999, 1],
      ],
    });
  });

  it("splits frames among sizes and stamps so that none is lost or made up", () => {
    const cases = fc.sample(
      fc.record({
        count: fc.integer({ min: 1, max: 4_000_000_000 }),
        sizes: fc.array(fc.integer({ min: 64, max: 1518 }), { minLength: 1, maxLength: 12 }),
        rate: fc.integer({ min: 1, max: 200_000_000 }),
        stamped: fc.integer({ min: 0, max: 1_000_000 }),
      }),
      200,
    );
    const script = `for case in json.loads(sys.argv[2]):
    parts = [trials.Parts(size, frames, case["rate"], case["count"], case["stamped"]) for size, frames in trials.shares(case["count"], case["sizes"])]
    print(json.dumps([[each.plain, each.stamped, each.frames, each.pps] for each in parts]))`;
    const lines = python(script, JSON.stringify(cases)).trim().split("\n");
    expect(lines).toHaveLength(cases.length);
    lines.forEach((line, at) => {
      const { count, rate, stamped } = cases[at]!;
      const parts = JSON.parse(line) as [number, number, number, number][];
      expect(parts.reduce((sum, [plain, marked]) => sum + plain + marked, 0)).toBe(count);
      expect(parts.reduce((sum, [, , , pps]) => sum + pps, 0)).toBeCloseTo(rate, 3);
      for (const [plain, marked, frames] of parts) {
        expect(Math.min(plain, marked)).toBeGreaterThanOrEqual(0);
        expect(marked).toBeLessThanOrEqual(stamped === 0 ? 0 : Math.max(1, Math.round(frames / 10)));
      }
    });
  });
});
