import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  checkOutage,
  markEvent,
  outageSettings,
  planEvent,
  planOutageTraffic,
  requireEventGround,
} from "../../sdk/plan/outage.ts";
import { restartSteps } from "../../sdk/plan/ovs-daemon.ts";
import { outage } from "../../sdk/schema/outage.ts";

const given = {
  ...{ host: { name: "dut", connection: { kind: "local" as const } }, name: "restart", rate: 10_000 },
  generator: { kind: "nfvlab" as const, program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic", cpus: "2-3" },
  from: { kind: "virtio-user" as const, socketPath: "/run/v/p0.sock" },
  to: { kind: "virtio-user" as const, socketPath: "/run/v/p1.sock" },
  event: { kind: "switch-restart" as const },
};
const of = (fields: object = {}) => outage.inputs.parse({ ...given, ...fields });

describe("traffic round an event", () => {
  test("goes on for as long as the event may take, and loses what a port refuses", () => {
    const { argv, seconds } = planOutageTraffic(of({ lead: "2s", watch: "60s", directions: "both" }));
    expect(argv).toEqual(
      expect.arrayContaining([
        "--rate=10000",
        `--count=${(2 + 60 + 240) * 10_000}`,
        "--both",
        "--drop-refused",
      ]),
    );
    expect(seconds).toBeGreaterThan(302);
    expect(outageSettings(of())).toEqual({ leadMs: 5000, watchMs: 30_000, repetitions: 1 });
  });

  test("is told of the event by a signal to its unit", () => {
    expect(markEvent("nfvlab-1-restart").argv.slice(2)).toEqual([
      'systemctl kill --kill-who=main --signal=SIGUSR2 "$1"',
      ...["sh", "nfvlab-1-restart.service"],
    ]);
  });

  test.each<readonly [what: string, fields: object, code: string]>([
    ["both directions of one port", { to: undefined, directions: "both" }, "traffic-both"],
    ["no time before it", { lead: "0s" }, "outage-short"],
    ["no time behind it", { watch: "999ms" }, "outage-short"],
    ["more frames than can be told apart", { rate: 200_000_000 }, "outage-frames"],
    [
      "frames to all in both directions",
      { directions: "both", addresses: { toMac: "ff:ff:ff:ff:ff:ff" } },
      "traffic-broadcast",
    ],
    [
      "frames that the added flows may be of",
      { event: { kind: "add-flows", bridge: "br0" }, addresses: { toIp: "203.0.113.9" } },
      "outage-addresses",
    ],
  ])("is refused with %s", (_, fields, code) => {
    expect(() => checkOutage(of(fields))).toThrow(expect.objectContaining({ code }));
  });

  test("is of the traffic program, and of an event that is named", () => {
    const told = (fields: object) =>
      outage.inputs.safeParse({ ...given, ...fields }).error?.issues.map(({ path }) => path.join("."));
    expect(told({ generator: { kind: "trex" }, event: undefined })).toEqual(
      expect.arrayContaining(["generator.kind", "event"]),
    );
    expect(told({ event: { kind: "reboot" } })).toEqual(["event.kind"]);
    expect(told({ event: { kind: "guest-reset" } })).toEqual(["event.domain"]);
    for (const count of [0, 1_000_001])
      expect(told({ event: { kind: "add-flows", bridge: "br0", count } })).toEqual(["event.count"]);
    expect(told({})).toBeUndefined();
  });
});

describe("an event", () => {
  test("restarts the switch as a change of its options does, and nothing else", () => {
    expect(planEvent({ kind: "switch-restart" }, "0a1b2c3d")).toEqual({ steps: restartSteps(), undo: [] });
  });

  test("resets a guest", () => {
    const { steps, undo } = planEvent({ kind: "guest-reset", domain: "vnf" }, "0a1b2c3d");
    expect(steps.map(({ argv }) => argv)).toEqual([
      ["virsh", "--quiet", "--connect", "qemu:///system", "reset", "vnf"],
    ]);
    expect(undo).toEqual([]);
  });

  test.each([
    [
      undefined,
      ["type=dpdkvhostuserclient", "options:vhost-server-path=/run/nfvlab-vhost/nfvlab-0a1b2c3d.sock"],
    ],
    ["internal" as const, ["type=internal"]],
  ])("adds a port in one transaction, %s, and takes it away", (kind, settings) => {
    const event = { kind: "add-port" as const, bridge: "br0", ...(kind && { interface: kind }) };
    const { steps, undo } = planEvent(event, "0a1b2c3d");
    const port = "nfvlab-0a1b2c3d";
    expect(port.length).toBeLessThanOrEqual(15);
    expect(steps.map(({ argv }) => argv.slice(2))).toEqual([
      ["--", "add-port", "br0", port, "--", "set", "Interface", port, ...settings],
    ]);
    expect(undo.map(({ argv }) => argv.slice(2))).toEqual([["--", "--if-exists", "del-port", "br0", port]]);
  });
});

describe("flows that are added", () => {
  const planned = (count?: number) =>
    planEvent({ kind: "add-flows", bridge: "br0", ...(count !== undefined && { count }) }, "0a1b2c3d");
  /** What ovs-ofctl is told, and what becomes of that. */
  const told = (count: number, tools: Readonly<Record<string, string>> = {}) => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-flows-"));
    try {
      for (const [name, script] of Object.entries({ "ovs-ofctl": 'echo "$@"; cat', ...tools }))
        writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const [{ argv } = expect.fail("no step")] = planned(count).steps;
      const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
      const { stdout } = spawnSync(argv[0], argv.slice(1), { encoding: "utf8", env, maxBuffer: 1e8 });
      const [command = "", ...flows] = stdout.trimEnd().split("\n");
      return { command, flows };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test("are a bundle of as many different ones as are wanted, by a cookie of their own", () => {
    const { command, flows } = told(70_000);
    expect(command).toBe("--timeout=240 -O OpenFlow13 --bundle add-flows br0 -");
    expect(flows).toHaveLength(70_000);
    expect(new Set(flows).size).toBe(70_000);
    const match = String.raw`priority=65535,udp,nw_src=198\.51\.100\.\d+,nw_dst=203\.0\.113\.\d+,tp_dst=[12]`;
    const form = new RegExp(`^cookie=0x6e66766c0a1b2c3d,${match},actions=drop$`);
    expect(flows.filter((flow) => !form.test(flow))).toEqual([]);
    expect(flows.at(-1)).toContain("nw_src=198.51.100.17,nw_dst=203.0.113.111,tp_dst=2,");
    expect(planned().steps[0]?.argv.slice(-3)).toEqual(["br0", "0x6e66766c0a1b2c3d", "1000"]);
  });

  test("are no bundle where not all of them were made", () => {
    expect(told(1000, { awk: "echo cookie=0x1,actions=drop; exit 1" }).flows).toEqual([
      "cookie=0x1,actions=drop",
      "not all flows",
    ]);
  });

  test("are taken away by their cookie, and no others", () => {
    expect(planned().undo.map(({ argv }) => argv.slice(2))).toEqual([
      ["-O", "OpenFlow13", "del-flows", "br0", "cookie=0x6e66766c0a1b2c3d/-1"],
    ]);
  });
});

describe("a machine that an event is to happen on", () => {
  type Ground = Parameters<typeof requireEventGround>[1];
  const ground = {
    guests: [
      { name: "vnf", state: "running" },
      { name: "old", state: "shut off" },
    ],
    database: { bridges: [{ name: "br0" }], interfaceTypes: ["internal", "tap"] },
  } as unknown as Ground;
  const refusal = (event: Parameters<typeof requireEventGround>[0]) => {
    try {
      requireEventGround(event, ground, "dut");
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  test("has the guest running, or the bridge, and can have the port", () => {
    expect(refusal({ kind: "switch-restart" })).toBe("");
    expect(refusal({ kind: "guest-reset", domain: "vnf" })).toBe("");
    expect(refusal({ kind: "add-port", bridge: "br0", interface: "internal" })).toBe("");
    expect(refusal({ kind: "add-flows", bridge: "br0" })).toBe("");
  });

  test("is told otherwise before anything is sent", () => {
    expect(refusal({ kind: "guest-reset", domain: "old" })).toBe(
      "event.domain: guest old does not run on dut, so that it can't be reset: observed shut off, expected running",
    );
    expect(refusal({ kind: "guest-reset", domain: "none" })).toContain("observed no guest of that name");
    expect(refusal({ kind: "add-port", bridge: "br1" })).toBe(
      "event.bridge: dut has no bridge br1 to add a port to: observed br0, expected br1",
    );
    expect(refusal({ kind: "add-flows", bridge: "br1" })).toBe(
      "event.bridge: dut has no bridge br1 to add flows to: observed br0, expected br1",
    );
    expect(refusal({ kind: "add-port", bridge: "br0" })).toContain(
      'the switch of dut has no vhost-user ports: observed DPDK does not run in it, expected a switch with DPDK; interface: "internal"',
    );
  });
});
