import { afterAll, beforeAll, expect, it } from "vitest";
import { ResultRecord } from "../../sdk/schema/record.ts";
import type { FoundThroughput } from "../../sdk/schema/throughput.ts";
import { longTrials } from "./long-trials.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** What deployments of RFC 8204 are made of: no forwarder between ports of one switch, three in a row, and two side by side. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { ForwarderVnf, OvsDpdkBridge, ServiceChain, switchedEnd, ThroughputBenchmark, TrafficBenchmark, TunedHost } from ${modulePath("components/index.ts")};
import { traffic } from ${modulePath("sdk/index.ts")};

const dut = new TunedHost("dut", {
  connection: pulumi.secret(JSON.parse(process.env.CONNECTION)), lease: false,
  cpus: { housekeeping: "0-1", isolated: "2-3" },
  hugepages: [{ size: "2MiB", count: 8, numaNode: 0 }, { size: "2MiB", count: 320, numaNode: 1 }],
});
// What is on node 0 is for ports that are connected while the switch seeks memory for its packet buffers.
const memory = { 0: "16MiB", 1: "256MiB" };
const ports = ["gen0", "gen1", "gen2", "gen3", "a0", "a1", "b0", "b1", "c0", "c1"];
const bridge = new OvsDpdkBridge("trialchain", {
  host: dut, pmdCpus: "2", socketMemory: memory, vhostUserPorts: ports,
  daemon: { restart: "allow", pmdSleepMax: "500us", socketLimit: memory },
});
const tool = new traffic.Tool("tool", { host: dut.reference, name: "tool" });
const [a, b, c] = ["a", "b", "c"].map((name) => new ForwarderVnf(name, {
  bridge, in: name + "0", out: name + "1", tool, cpus: "3", memory: "48MiB", idle: "100us", mode: "io", numaNode: 1,
}));
const ends = { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1") };
const beside = { from: switchedEnd("generator 2", bridge, "gen2"), to: switchedEnd("sink 2", bridge, "gen3") };
const deployments = {
  phy2phy: { upper: { ...ends } },
  chain: { upper: { ...ends, through: [a, b, c] } },
  pvpv: { upper: { ...ends, through: [a] }, lower: { ...beside, through: [b] } },
};
const chains = Object.entries(deployments[process.env.DEPLOYMENT]).map(([name, args]) => new ServiceChain(name, args));
const runs = chains.map((chain) => new TrafficBenchmark(chain.name + "-frames", {
  on: dut, tool, over: chain, cpus: "3", idle: "100us", directions: "both", rate: 400, count: 2000, settle: "1s", rerunOn: [process.env.DEPLOYMENT],
}));
const searches = process.env.SEARCH ? chains.map((chain) => new ThroughputBenchmark(chain.name + "-search", {
  generator: { on: dut, tool, cpus: "3", idle: "100us" }, over: chain, frames: [64], maxLoad: 400, minLoad: 50, settle: "500ms",
  goal: { loss: 0, trial: "2s", sum: "2s", width: 0.3 }, latency: { at: [50], duration: "2s" },
})) : [];
export const searched = searches.map(({ record, byFrame }) => ({ record, byFrame }));
export const deployment = chains.map((chain) => chain.deployment);
export const drawing = chains.map((chain) => chain.drawing);
export const frames = runs.map((run) => run.frames);
export const valid = runs.map((run) => run.record.apply(({ valid, invalidReasons }) => (valid ? "valid" : invalidReasons.join("; "))));
`;

const SNAPSHOT = `ovs-vsctl list-br; ovs-vsctl --no-headings --columns=other_config list Open_vSwitch
cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
ls /run/nfvlab-vhost 2>/dev/null; ls -A /var/lib/nfvlab/traffic 2>/dev/null; systemctl list-units --plain --no-legend 'nfvlab-*'; true`;

/** What the switch says itself of a connection that failed. */
const SWITCH_WARNINGS =
  "grep -aE 'WARN|ERR|fail|alloc' /var/log/openvswitch/ovs-vswitchd.log | grep -v 'No such file' | tail -n 40";

/** A search takes a minute and more: one of the long trials, over the shortest way. */
const isSearched = (deployment: string) => longTrials && deployment === "phy2phy";

const counted = { sent: 2000, received: 2000, lost: 0, duplicated: 0 };

/** Frames through chains of forwarders, each deployment made from the one before by another set of flows. */
export function describeChains(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";

  beforeAll(() => {
    project = new TrialProject("chains", program);
    before = server().shell.run(SNAPSHOT);
  });
  afterAll(() => project?.remove());

  const run = (deployment: string, ...args: string[]) =>
    project.pulumi(args, {
      ...{ ...server().environment, DEPLOYMENT: deployment },
      ...(isSearched(deployment) && { SEARCH: "1" }),
    });
  const measured = (deployment: string) => {
    const { code, said } = run(deployment, "up", "--yes", "--skip-preview");
    expect(code, code === 0 ? said : `${said}\n${server().shell.run(SWITCH_WARNINGS)}`).toBe(0);
    return JSON.parse(run(deployment, "stack", "output", "--json").said) as {
      deployment: string[];
      drawing: string[];
      frames: { forward: object; reverse: object }[];
      valid: string[];
      searched: { record: unknown; byFrame: Record<string, Record<string, FoundThroughput>> }[];
    };
  };

  const carries = (name: string, deployment: readonly string[], drawing: readonly string[]) => {
    const found = measured(name);
    expect(found.deployment).toEqual(deployment);
    expect(found.drawing).toEqual(drawing);
    expect(found.valid).toEqual(deployment.map(() => "valid"));
    for (const { forward, reverse } of found.frames) {
      expect(forward).toMatchObject(counted);
      expect(reverse).toMatchObject(counted);
    }
    expect(found.searched).toHaveLength(isSearched(name) ? 1 : 0);
    for (const { record, byFrame } of found.searched) {
      const { kind, functional, valid, invalidReasons, trials, metrics } = ResultRecord.parse(record);
      // A machine beside other work may have no time for its generator; then that is what the record says.
      const faults = invalidReasons.filter((reason) => !reason.includes("saturated generator"));
      expect([kind, functional, faults]).toEqual(["throughput", true, []]);
      expect(trials?.[0]?.purpose).toBe("self-test");
      if (!valid) continue;
      expect(metrics.map((metric) => metric.name)).toEqual(
        expect.arrayContaining(["throughput.64.ndr.lower", "latency.64.50.forward"]),
      );
      expect(byFrame["64"]?.["ndr"]?.lowerPps).toBeGreaterThanOrEqual(50);
    }
  };

  it("phy2phy carries every frame both ways", () =>
    carries("phy2phy", ["Phy2Phy"], ["generator ─ trialchain ─ sink"]));

  it.runIf(longTrials)(
    "chain carries every frame both ways (skipped unless NFVLAB_LONG_TRIALS is set: three forwarders on one emulated CPU)",
    () =>
      carries(
        "chain",
        ["PVVVP"],
        ["generator ─ trialchain ─ a ─ trialchain ─ b ─ trialchain ─ c ─ trialchain ─ sink"],
      ),
  );

  it("pvpv carries every frame both ways", () =>
    carries(
      "pvpv",
      ["PVP", "PVP"],
      [
        "generator ─ trialchain ─ a ─ trialchain ─ sink",
        "generator 2 ─ trialchain ─ b ─ trialchain ─ sink 2",
      ],
    ));

  it("changes nothing on a second up, and leaves nothing when it is destroyed", () => {
    const again = run("pvpv", "preview", "--diff");
    expect(again.said).not.toMatch(/^\s+[+~-]+ /m);
    const { code, said } = run("pvpv", "destroy", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(server().shell.run(SNAPSHOT)).toBe(before);
  });
}
