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
  });

  test("is told otherwise before anything is sent", () => {
    expect(refusal({ kind: "guest-reset", domain: "old" })).toBe(
      "event.domain: guest old does not run on dut, so that it can't be reset: observed shut off, expected running",
    );
    expect(refusal({ kind: "guest-reset", domain: "none" })).toContain("observed no guest of that name");
    expect(refusal({ kind: "add-port", bridge: "br1" })).toBe(
      "event.bridge: dut has no bridge br1 to add a port to: observed br0, expected br1",
    );
    expect(refusal({ kind: "add-port", bridge: "br0" })).toContain(
      'the switch of dut has no vhost-user ports: observed DPDK does not run in it, expected a switch with DPDK; interface: "internal"',
    );
  });
});
