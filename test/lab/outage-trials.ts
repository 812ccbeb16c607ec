import { afterAll, beforeAll, expect, it } from "vitest";
import { ResultRecord } from "../../sdk/schema/record.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** Frames of flows that the switch knows apart. */
const UNKNOWN = 40;

/** Frames over a switch in user space, or through a guest on it, to which something is done meanwhile; or whose flows it does not know. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { FlowSetupBenchmark, OutageBenchmark, OvsDpdkBridge, ServiceChain, switchedEnd, TunedHost, VhostUserVnf } from ${modulePath("components/index.ts")};
import { ovs, traffic } from ${modulePath("sdk/index.ts")};

const dut = new TunedHost("dut", {
  connection: pulumi.secret(JSON.parse(process.env.CONNECTION)), lease: false,
  cpus: { housekeeping: "0-1", isolated: "2-3" },
  hugepages: [{ size: "2MiB", count: 8, numaNode: 0 }, { size: "2MiB", count: 384, numaNode: 1 }],
});
// What is on node 0 is for ports that are connected while the switch seeks memory for its packet buffers.
const memory = { 0: "16MiB", 1: "256MiB" };
const bridge = new OvsDpdkBridge("trialoutage", {
  host: dut, pmdCpus: "2", socketMemory: memory, vhostUserPorts: ["gen0", "gen1", "in", "out"],
  daemon: { restart: "allow", pmdSleepMax: "500us", socketLimit: memory },
});
const tool = new traffic.Tool("tool", { host: dut.reference, name: "tool" });
const { EVENT } = process.env;
const guest = EVENT === "guest-reset" ? new VhostUserVnf("vnf", {
  host: dut, vcpus: "3", emulatorCpus: "0", numaNode: 1, forwards: true, memory: "256MiB", pageSize: "2MiB",
  nics: { in: { kind: "vhost-user", bridge, port: "in" }, out: { kind: "vhost-user", bridge, port: "out" } },
}) : undefined;
const over = new ServiceChain("way", {
  from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ...(guest && { through: [guest] }),
});
const event = { "add-port": { kind: "add-port", bridge }, "add-flows": { kind: "add-flows", bridge, count: 2000 }, "switch-restart": { kind: "switch-restart" }, "guest-reset": { kind: "guest-reset", guest } };
// Above those of the way: what matches a port of UDP has the datapath make an entry for each.
const perFlow = () => new ovs.Flows("per-flow", {
  host: dut.reference, bridge: bridge.bridgeName, name: "per-flow",
  flows: Array.from({ length: ${UNKNOWN} }, (_, index) => ({
    priority: 40000, match: { inPort: "gen0", ipProtocol: "udp", srcPort: 1024 + index }, actions: [{ kind: "output", port: "gen1" }],
  })),
}, { dependsOn: Object.values(bridge.ports) });
const setup = () => new FlowSetupBenchmark("flow-setup", {
  generator: { on: dut, tool, cpus: "3", idle: "100us" }, over, after: [perFlow()], frames: [64],
  flows: ${UNKNOWN}, rate: 20, settle: "500ms", repetitions: 2, percentile: "50",
});
const interrupted = () => new OutageBenchmark("outage", {
  on: dut, tool, over, cpus: "3", idle: "100us", rate: 200, event: event[EVENT], lead: "3s", watch: guest ? "4min" : "60s", rerunOn: [EVENT],
});
const run = EVENT === "flow-setup" ? setup() : interrupted();
export const { record, frames } = run;
`;

const SNAPSHOT = `ovs-vsctl list-br; ovs-vsctl --no-headings --columns=other_config list Open_vSwitch
cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
virsh -q list --all --name; ls /run/nfvlab-vhost 2>/dev/null; ls -A /var/lib/nfvlab/traffic 2>/dev/null; systemctl list-units --plain --no-legend 'nfvlab-*'; true`;
const DAEMON = "cat /run/openvswitch/ovs-vswitchd.pid";
const PORTS = "ovs-vsctl list-ports trialoutage | grep nfvlab-; true";
const FLOWS = "ovs-ofctl -O OpenFlow13 --no-stats --no-names dump-flows trialoutage | grep actions= | sort";
/** How often the switch told of this many flows that one connection added. */
const ADDED = "grep -c 'trialoutage<->.*(2000 adds)' /var/log/openvswitch/ovs-vswitchd.log; true";

/** First frames of flows; outages round events that a program names, and nothing of them without it. */
export function describeOutages(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  const shell = (script: string) => server().shell.run(script);
  const run = (event: string, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, EVENT: event });

  beforeAll(() => {
    project = new TrialProject("outages", program);
    before = shell(SNAPSHOT);
  });
  afterAll(() => project?.remove());

  const measured = (event: string) => {
    const { code, said } = run(event, "up", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    const outputs = JSON.parse(run(event, "stack", "output", "--json").said) as {
      record: unknown;
      frames: { forward: { received: number; lost: number } };
    };
    const record = ResultRecord.parse(outputs.record);
    // A machine beside other work may have no time for its generator; then that is what the record says.
    const faults = record.invalidReasons.filter(
      (reason) => !/saturated generator|generator itself/.test(reason),
    );
    expect([record.kind, record.functional, faults]).toEqual(["outage", true, []]);
    expect(outputs.frames.forward.received).toBeGreaterThan(0);
    expect(record.metrics.map(({ name }) => name)).toEqual(
      ["", ".by-loss", ".lost", ".before"].map((role) => `outage.${event}${role}`),
    );
    return { outageNs: record.metrics[0]?.max ?? 0, lost: outputs.frames.forward.lost };
  };

  it("come after first frames of flows, for each of which the switch has to ask", () => {
    const { code, said } = run("flow-setup", "up", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    const outputs = JSON.parse(run("flow-setup", "stack", "output", "--json").said) as { record: unknown };
    const record = ResultRecord.parse(outputs.record);
    const faults = record.invalidReasons.filter((reason) => !/saturated generator/.test(reason));
    expect([record.kind, record.functional, faults]).toEqual(["flow-setup", true, []]);
    // A generator that had no time for itself has measured nothing else.
    const trials = record.trials?.filter(({ purpose }) => purpose !== "self-test") ?? [];
    if (trials.length > 0) {
      const each = ["first-frames", "later-frames"];
      expect(trials.map(({ purpose }) => purpose)).toEqual(["warm-up", ...each, ...each]);
      for (const { purpose, intended, received, switch: activity } of trials.slice(1)) {
        expect([purpose, intended]).toEqual([purpose, UNKNOWN]);
        expect(received).toBeGreaterThan(0);
        const { misses = 0, lostUpcalls } = activity ?? expect.fail("the switch was not asked");
        if (purpose === "first-frames") expect(misses + lostUpcalls).toBeGreaterThanOrEqual(received);
        else expect(misses).toBeLessThan(UNKNOWN);
      }
      const metrics = new Map(record.metrics.map(({ name, samples }) => [name, samples]));
      for (const which of ["first", "later"] as const) {
        const came = trials.filter(({ purpose }) => purpose === `${which}-frames`);
        expect(metrics.get(`flow-setup.64.${which}.forward`)).toBe(
          came.reduce((sum, { received }) => sum + received, 0),
        );
        expect(metrics.get(`flow-setup.64.${which}.lost`)).toBe(2);
      }
      expect(metrics.get("flow-setup.64.first.misses")).toBe(2);
    }
    const again = run("flow-setup", "up", "--yes", "--skip-preview", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("are told of a port that a bridge gets, which is gone again", () => {
    measured("add-port");
    expect(shell(PORTS)).toBe("");
  });

  it("are told of flows that a bridge gets, which are gone again, with no others", () => {
    const [flows, added] = [shell(FLOWS), Number(shell(ADDED))];
    expect(flows).toContain("actions=output:");
    measured("add-flows");
    expect(shell(FLOWS)).toBe(flows);
    expect(Number(shell(ADDED))).toBe(added + 1);
  });

  it("are told of a switch that restarts, once, whose flows are there again", () => {
    const daemon = shell(DAEMON);
    const { outageNs } = measured("switch-restart");
    expect(outageNs).toBeGreaterThan(100e6);
    const restarted = shell(DAEMON);
    expect(restarted).not.toBe(daemon);
    const again = run("switch-restart", "up", "--yes", "--skip-preview", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
    expect(shell(DAEMON)).toBe(restarted);
  });

  it("are told of a guest that is reset, and forwards again", () => {
    const { outageNs, lost } = measured("guest-reset");
    expect(outageNs).toBeGreaterThan(1e9);
    expect(lost).toBeGreaterThan(100);
    expect(shell("virsh -q domstate vnf").trim()).toBe("running");
  });

  it("go without a trace", () => {
    const { code, said } = run("guest-reset", "destroy", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(shell(SNAPSHOT)).toBe(before);
  });
}
