import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deadPath } from "../../sdk/plan/dead-path.ts";
import {
  checkForwarder,
  forwarderDown,
  forwarderFault,
  forwarderUnit,
  isSettled,
  removeDeadSockets,
  startForwarder,
} from "../../sdk/plan/traffic-forwarder.ts";
import { checkTraffic, framesOf, planTraffic } from "../../sdk/plan/traffic-run.ts";
import { planRunner, planTool, removeTool, toolRecipe, verifyTool } from "../../sdk/plan/traffic-tool.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import type { traffic, trafficForwarder } from "../../sdk/schema/traffic.ts";
import type { TrafficPortCounts } from "../../sdk/schema/traffic-report.ts";
import { HostError, InputError, VerificationError } from "../../sdk/units/errors.ts";

const host = { name: "dut", connection: { kind: "local" as const } };
const run: Inputs<typeof traffic> = {
  ...{ host, name: "p2p", rate: 2000 },
  generator: { kind: "nfvlab", program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic", cpus: "2-3" },
  from: { kind: "virtio-user", socketPath: "/run/v/p0.sock" },
  to: { kind: "virtio-user", socketPath: "/run/v/p1.sock", server: false },
};

describe("a run of traffic", () => {
  test("sends for ten seconds, or for as long as asked, or so many frames", () => {
    expect(framesOf(run)).toBe(20_000);
    expect(framesOf({ ...run, duration: "1500ms" })).toBe(3000);
    expect(framesOf({ ...run, count: 7 })).toBe(7);
    expect(framesOf({ ...run, rate: 1, duration: "1ms" })).toBe(1);
  });

  test("is one command that ends by itself before its unit does", () => {
    const plan = planTraffic({
      ...run,
      ...{ directions: "both", frameSize: 1518, flows: 1000, count: 100, settle: "1s" },
      addresses: {
        fromMac: "02:00:00:00:00:01",
        toMac: "02:00:00:00:00:02",
        fromIp: "198.18.1.1",
        toIp: "198.18.1.2",
      },
    });
    expect(plan.argv.slice(plan.argv.indexOf("--"))).toEqual([
      ...["--", "--role=measure", "--port=net_virtio_user0", "--port=net_virtio_user1", "--both"],
      ...["--settle-ms=1000", "--link-ms=10000", "--probe-ms=15000"],
      ...["--rate=2000", "--count=100", "--limit-ms=87055", "--frame-size=1518"],
      ...["--flows=1000", "--from-mac=02:00:00:00:00:01", "--to-mac=02:00:00:00:00:02"],
      ...["--from-ip=198.18.1.1", "--to-ip=198.18.1.2"],
    ]);
    expect(plan.seconds).toBeGreaterThan(87.055);
    expect(plan.prepare.map(({ argv }) => argv)).toEqual([["mkdir", "-p", "/run/v"]]);
    // The other end is the switch's.
    expect(plan.properties.join()).toContain("/run/v/p0.sock");
    expect(plan.properties.join()).not.toContain("/run/v/p1.sock");
  });

  test.each<readonly [what: string, inputs: Inputs<typeof traffic>, code: string]>([
    ["frames and a duration", { ...run, count: 1, duration: "1s" }, "traffic-length"],
    ["both directions of one port", { ...run, to: undefined, directions: "both" }, "traffic-both"],
    [
      "frames to all from another generator",
      {
        ...{ ...run, generator: { kind: "pktgen", cpus: "2" }, addresses: { toMac: "ff:ff:ff:ff:ff:ff" } },
        from: { kind: "af_packet", interface: "v0" },
        to: { kind: "af_packet", interface: "v1" },
      },
      "traffic-broadcast",
    ],
  ])("is not of %s", (_, inputs, code) => {
    expect(() => checkTraffic(inputs)).toThrow(expect.objectContaining({ code }));
  });

  test("may be of one port", () => {
    expect(() => checkTraffic({ ...run, from: { kind: "ring" }, to: undefined })).not.toThrow();
  });
});

const forwarder: Inputs<typeof trafficForwarder> = {
  ...{ host, name: "vnf", program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic", cpus: "2", mode: "mac" },
  ports: [run.from, { kind: "memif", socketPath: "/run/m/memif.sock", role: "server" }],
  peers: ["02:00:00:00:00:01", "02:00:00:00:00:02"],
};

describe("a forwarder", () => {
  const unit = forwarderUnit("0a1b2c3d", "vnf");

  test("is started in a unit that removes its sockets where it is killed", async () => {
    const text = startForwarder(forwarder, unit)
      .map(({ purpose, argv }) => `# ${purpose}\n${argv.join("\n  ")}\n`)
      .join("");
    await expect(text).toMatchFileSnapshot("../golden/traffic/forwarder.txt");
    expect(removeDeadSockets([{ kind: "ring" }])).toEqual([]);
  });

  test("has a peer for each port, and only where it writes addresses", () => {
    expect(() => checkForwarder(forwarder)).not.toThrow();
    expect(() => checkForwarder({ ...forwarder, mode: "io" })).toThrow(InputError);
    expect(() => checkForwarder({ ...forwarder, peers: ["02:00:00:00:00:01"] })).toThrow(InputError);
  });

  test("is up where it runs and tells its counters", () => {
    const up = { active: true, ageSeconds: 1, ports: [] };
    expect(forwarderFault(up)).toBeUndefined();
    expect(forwarderFault(undefined)).toBe("its unit does not run");
    expect(forwarderFault({ ...up, active: false })).toBe("its unit does not run");
    expect(forwarderFault({ ...up, ageSeconds: undefined })).toBe("it has told no counters yet");
    expect(forwarderFault({ ...up, ageSeconds: 16 })).toBe("its counters are 16 s old");
    const waits = { ...up, ageSeconds: undefined };
    expect([up, undefined, { ...up, active: false }, waits].map(isSettled)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("the tool", () => {
  const ground = { dpdk: "24.11.8", compiler: "14.2.0", architecture: "x86_64" };
  const source = { "b.h": "int b;\n", "a.c": "int a;\n" };
  const { hash, path, build } = planTool("traffic", source, ground, "0a1b2c3d", "dut");

  test("is named by what it is made of, in whatever order", () => {
    expect(path).toBe(`/var/lib/nfvlab/traffic/${hash}/nfvlab-traffic`);
    const others = [
      planTool("traffic", { ...source, "a.c": "int c;\n" }, ground, "0a1b2c3d", "dut"),
      planTool("traffic", source, { ...ground, dpdk: "25.03" }, "0a1b2c3d", "dut"),
      planTool("traffic", source, { ...ground, architecture: "aarch64" }, "0a1b2c3d", "dut"),
    ];
    expect(new Set([hash, ...others.map((plan) => plan.hash)]).size).toBe(4);
    expect(planTool("traffic", { "a.c": "int a;\n", "b.h": "int b;\n" }, ground, "other", "dut").hash).toBe(
      hash,
    );
    // A newer compiler makes no other program.
    expect(planTool("traffic", source, { ...ground, compiler: "15.1.0" }, "0a1b2c3d", "dut").hash).toBe(hash);
  });

  test("has a recipe of everything that it is built by, whatever the machine", () => {
    const programs = ["traffic", "exchange", "exits"] as const;
    const recipes = programs.flatMap((program) => {
      const { recipe, build: steps } = planTool(program, source, ground, "0a1b2c3d", "dut");
      expect(recipe).toBe(toolRecipe(program, source));
      for (const other of [
        { ...ground, dpdk: "25.03" },
        { ...ground, compiler: "15.1.0" },
      ])
        expect(planTool(program, source, other, "other", "dut").recipe).toBe(recipe);
      // What differs between two machines are the folder and the owner.
      const { argv } = steps.at(-1)!;
      const [, , script, , folder, ...flags] = argv;
      expect(folder).toMatch(/^\/var\/lib\/nfvlab\/traffic\/[0-9a-f]{16}$/);
      const files = steps.slice(0, -1).map(({ argv: put, stdin }) => [put.at(-1), stdin]);
      const made = JSON.stringify({ files, flags, build: script });
      expect(recipe).toBe(createHash("sha256").update(made).digest("hex").slice(0, 16));
      return [recipe, toolRecipe(program, { ...source, "a.c": "int c;\n" })];
    });
    expect(new Set(recipes).size).toBe(recipes.length);
    const runner = planRunner("trex", source, "0a1b2c3d");
    expect([runner.recipe, planRunner("trex", { "a.c": "" }, "0a1b2c3d").recipe]).not.toContain("");
    expect(planRunner("trex", { ...source, "a.c": "" }, "0a1b2c3d").recipe).not.toBe(runner.recipe);
  });

  test("is written file by file, then built", () => {
    expect(build.map(({ purpose, stdin }) => [purpose, stdin])).toEqual([
      ["write a.c", "int a;\n"],
      ["write b.h", "int b;\n"],
      ["build the traffic program", undefined],
    ]);
    expect(removeTool(hash, "0a1b2c3d").argv.slice(-2)).toEqual([
      `/var/lib/nfvlab/traffic/${hash}`,
      "0a1b2c3d",
    ]);
  });

  test("is without DPDK what runs in a guest, with its libraries in it", () => {
    const without = { ...ground, dpdk: undefined };
    const plan = planTool("exchange", source, without, "0a1b2c3d", "dut");
    expect(plan.path).toBe(`/var/lib/nfvlab/traffic/${plan.hash}/nfvlab-exchange`);
    expect(plan.dpdkVersion).toBe("");
    const { argv } = plan.build.at(-1)!;
    expect(argv).toContain("-static");
    expect(argv.join(" ")).not.toContain("pkg-config");
    expect(planTool("exchange", source, ground, "0a1b2c3d", "dut").hash).toBe(plan.hash);
    expect(() => planTool("exchange", source, { ...ground, compiler: undefined }, "0a1b2c3d", "dut")).toThrow(
      /^dut can't build a program: observed no gcc/,
    );
  });

  test("is bare of all libraries what runs as a guest, and of one architecture", () => {
    const plan = planTool("exits", source, { ...ground, dpdk: undefined }, "0a1b2c3d", "dut");
    expect(plan.path).toBe(`/var/lib/nfvlab/traffic/${plan.hash}/nfvlab-exits`);
    const { argv } = plan.build.at(-1)!;
    expect(argv).toEqual(expect.arrayContaining(["-nostdlib", "-static", "-mgeneral-regs-only"]));
    expect(argv.join(" ")).not.toContain("pkg-config");
    expect(() =>
      planTool("exits", source, { ...ground, architecture: "aarch64" }, "0a1b2c3d", "dut"),
    ).toThrow("dut can't build a guest that times its exits: observed aarch64, expected x86_64");
  });

  test("needs a compiler and DPDK's headers", () => {
    for (const lacking of [{ dpdk: undefined }, { compiler: undefined }])
      expect(() => planTool("traffic", source, { ...ground, ...lacking }, "0a1b2c3d", "dut")).toThrow(
        HostError,
      );
  });

  test("is what was built", () => {
    const plan = planTool("traffic", source, ground, "0a1b2c3d", "dut");
    expect(() => verifyTool(plan, new Set([hash]))).not.toThrow();
    expect(() => verifyTool(plan, new Set(["other"]))).toThrow(VerificationError);
  });
});

describe("a path that no frame came through", () => {
  const counters = { opackets: 0, ipackets: 0, imissed: 0, rxNombuf: 0 };
  const port = { name: "net_virtio_user0", foreign: 0, dropped: 0, counters };
  const at = (received: number, sent: number, linkUp = true): TrafficPortCounts => ({
    ...port,
    received,
    sent,
    linkUp,
  });
  const vhost = (name: string, took: number, gave: number, linkState = "up") => ({
    ...{ name, type: "dpdkvhostuserclient", linkState, options: {}, status: {}, settings: {}, uuid: name },
    statistics: { rx_packets: took, tx_packets: gave },
  });

  test("is told by what was counted on the way, ports without a link apart", () => {
    const seen = new Map([
      ["nfvlab-forwarder-1-a", { active: true, ageSeconds: 1, ports: [at(7, 0), at(0, 7)] }],
      ["nfvlab-forwarder-1-b", { active: true, ageSeconds: 1, ports: [at(0, 0, false)] }],
      ["nfvlab-forwarder-1-c", { active: false, ageSeconds: undefined, ports: [] }],
      ["nfvlab-forwarder-1-d", { active: true, ageSeconds: undefined, ports: [] }],
    ]);
    const tap = { ...vhost("br0", 9, 9), type: "internal" };
    expect(deadPath(seen, [vhost("a0", 0, 7), vhost("a1", 7, 0), vhost("gen0", 0, 0, "down"), tap])).toEqual([
      "nfvlab-forwarder-1-a net_virtio_user0 received 7 and sent 0, net_virtio_user0 received 0 and sent 7",
      "nfvlab-forwarder-1-b net_virtio_user0 has no link",
      "nfvlab-forwarder-1-c does not run",
      "nfvlab-forwarder-1-d has told nothing yet",
      "of the switch's ports a0 took 0 and gave 7, a1 took 7 and gave 0",
      "by now without a peer, as a generator's own are: gen0",
    ]);
  });

  test("says nothing where nothing counts", () => {
    expect(deadPath(new Map(), [vhost("gen0", 0, 0, "down")])).toEqual([]);
  });
});

describe("a forwarder that does not come up", () => {
  const waits = (port: number) =>
    `VIRTIO_DRIVER: vhost_user_start_server(): (/run/v/c${port}.sock) waiting for client connection...`;
  const hintOf = (said: string) =>
    forwarderDown("nfvlab-forwarder-1-c", "it has told no counters yet", said).hint;

  test("is told with the socket that no switch connects to, where that is the last that it said", () => {
    expect(hintOf(`EAL: VFIO support initialized | ${waits(0)} | ${waits(1)}`)).toMatch(
      /^no switch connects to \/run\/v\/c1\.sock: .* make that port anew/,
    );
  });

  test("is told with where to read on otherwise", () => {
    for (const said of [`${waits(0)} | EAL: Bus (vdev) probe failed.`, "Cannot allocate memory", ""])
      expect(hintOf(said)).toBe("read its journal: journalctl -u nfvlab-forwarder-1-c");
  });
});
