import { afterAll, beforeAll, expect, it } from "vitest";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/**
 * Pages by node. On node 1 64 for the switch, 32 each for a generator and a forwarder, and some of the switch's own; on node 0 those that it has for ports which are connected while it seeks memory for
 * its packet buffers, and takes all of node 1's.
 */
const PAGES = { 0: 8, 1: 160 };
const poolOf = (node: string) =>
  `/sys/devices/system/node/node${node}/hugepages/hugepages-2048kB/nr_hugepages`;
const POOLS = Object.keys(PAGES).map(poolOf).join(" ");

/** A path over a switch, one over kernel interfaces, one that nothing could keep up with, and a forwarder in the middle of a fourth. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { bench, traffic } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const asked = process.env.ASKED.split(",");
const tool = new traffic.Tool("tool", { host, name: "tool" });
const small = { cpus: "3", hugepages: false, idle: "50us" };
const end = (name) => ({ kind: "virtio-user", socketPath: "/run/nfvlab-trial/" + name + ".sock" });
const kinds = {
  switched: { from: end("p0"), to: end("p1"), rate: 2000, count: 20000, generator: { cpus: "3", idle: "50us" } },
  kernel: { from: { kind: "af_packet", interface: "trialv0" }, to: { kind: "af_packet", interface: "trialv1" }, directions: "both", rate: 1000, count: 5000, flows: 100, frameSize: 512, generator: small },
  pktgen: { from: { kind: "af_packet", interface: "trialv0" }, to: { kind: "af_packet", interface: "trialv1" }, rate: 500, count: 3000, flows: 10, generator: { kind: "pktgen", cpus: "3" } },
  flood: { from: { kind: "af_packet", interface: "trialv0" }, to: { kind: "af_packet", interface: "trialv1" }, rate: "unpaced", duration: "3s", generator: { kind: "testpmd", cpus: "2-3", hugepages: false } },
  saturated: { from: { kind: "ring" }, rate: 200000000, count: 200000, generator: small },
  long: { from: { kind: "ring" }, rate: 100, duration: process.env.LENGTH ?? "300s", percentile: "50", generator: small },
  beside: { from: { kind: "ring" }, rate: 100, count: 1000, generator: small, coLoad: { kind: "cpu", cpus: "1" } },
  forwarded: { from: end("p0"), to: end("p1"), directions: "both", rate: 500, count: 2000, generator: { cpus: "3", idle: "50us" } },
};
const vnf = asked.includes("forwarded")
  ? [new traffic.Forwarder("vnf", { host, name: "vnf", program: tool.path, cpus: "2", idle: "50us", mode: "macswap", ports: [end("p2"), end("p3")] })]
  : [];
const runs = asked.map((name) => {
  const { generator, ...rest } = kinds[name];
  const of = generator.kind !== undefined ? generator : { kind: "nfvlab", program: tool.path, ...generator };
  return [name, new bench.Traffic(name, { host, name, settle: "500ms", ...rest, generator: of }, { dependsOn: vnf })];
});
export const frames = Object.fromEntries(runs.map(([name, run]) => [name, run.frames]));
export const records = Object.fromEntries(runs.map(([name, run]) => [name, run.record.apply(({ valid, functional, invalidReasons, remarks, coLoad, metrics }) => ({ valid, functional, invalidReasons, remarks, coLoad, metrics: metrics.map(({ name, samples }) => [name, samples]) }))]));
export const running = vnf.map((each) => each.running);
`;

/** A switch of its own in a namespace, so that the machine's is left alone; \`o\` are the tools that talk to it. */
const SWITCH = `set -e
mkdir -p /run/nfvlab-trial/ovs; cd /run/nfvlab-trial/ovs
export OVS_RUNDIR=$PWD OVS_LOGDIR=$PWD OVS_DBDIR=$PWD
ip netns add trial-switch
ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server conf.db --remote=punix:$PWD/db.sock --pidfile=db.pid --detach --log-file=db.log
V="ovs-vsctl --db=unix:$PWD/db.sock --timeout=60"
$V --no-wait init -- set Open_vSwitch . other_config:dpdk-init=true other_config:dpdk-socket-mem=16,128 other_config:dpdk-socket-limit=16,128 other_config:dpdk-lcore-mask=0x1 \\
  other_config:pmd-cpu-mask=0x4 other_config:pmd-sleep-max=200 other_config:dpdk-extra="--no-pci --file-prefix=trial --no-telemetry"
ip netns exec trial-switch /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk unix:$PWD/db.sock --unixctl=$PWD/vswitchd.ctl --pidfile=vswitchd.pid --detach --log-file=vswitchd.log
$V add-br trialbr -- set Bridge trialbr datapath_type=netdev fail-mode=secure
for i in 0 1 2 3; do $V add-port trialbr p$i -- set Interface p$i type=dpdkvhostuserclient ofport_request=$((i + 1)) options:vhost-server-path=/run/nfvlab-trial/p$i.sock; done`;

const WITHOUT_SWITCH = `cd /run/nfvlab-trial/ovs 2>/dev/null && for one in vswitchd db; do [ -f $one.pid ] && kill $(cat $one.pid) && while kill -0 $(cat $one.pid 2>/dev/null) 2>/dev/null; do sleep 0.2; done; done
ip netns del trial-switch 2>/dev/null; rm -rf /run/nfvlab-trial; true`;

const steer = (flows: string) =>
  `printf '${flows}' | ip netns exec trial-switch ovs-ofctl -O OpenFlow13 replace-flows unix:/run/nfvlab-trial/ovs/trialbr.mgmt -`;
const PORT_TO_PORT = "in_port=1,actions=output:2\\nin_port=2,actions=output:1\\n";
const THROUGH_FORWARDER =
  "in_port=1,actions=output:3\\nin_port=4,actions=output:2\\nin_port=2,actions=output:4\\nin_port=3,actions=output:1\\n";
const COUNTS = `for port in 1 2; do ip netns exec trial-switch ovs-ofctl -O OpenFlow13 dump-flows unix:/run/nfvlab-trial/ovs/trialbr.mgmt in_port=$port; done | grep -o 'n_packets=[0-9]*' | cut -d= -f2`;

const SNAPSHOT = `systemctl list-units --all --plain --no-legend 'nfvlab-*' | cut -d' ' -f1
ls -d /run/nfvlab-* /var/lib/nfvlab/traffic/*/owners/* 2>/dev/null
pgrep -a nfvlab-traffic; ip -br link show type veth; ip netns list
cat ${POOLS}; ls -A /var/lib/nfvlab/undo 2>/dev/null
true`;

/** Traffic ends: frames counted at both ends, a generator that could not keep its pace, one that was killed, a forwarder. */
export function describeTraffic(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  let pages: string[] = [];
  const shell = (script: string) => server().shell.run(script);
  const setPools = (counts: readonly (number | string)[]) =>
    shell(counts.map((count, node) => `echo ${count} > ${poolOf(`${node}`)}`).join("; "));
  const run = (asked: string, environment: Record<string, string>, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, ASKED: asked, ...environment });
  const up = (asked: string, environment: Record<string, string> = {}) => {
    const { code, said } = run(asked, environment, "up", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    return JSON.parse(run(asked, environment, "stack", "output", "--json").said);
  };

  beforeAll(() => {
    project = new TrialProject("traffic", program);
    before = shell(SNAPSHOT);
    pages = shell(`cat ${POOLS}`).split("\n");
    setPools(Object.values(PAGES).map((more, index) => Number(pages[index]) + more));
    shell(
      `ip link add trialv0 type veth peer name trialv1 && ip link set trialv0 up && ip link set trialv1 up`,
    );
    shell(SWITCH);
    shell(steer(PORT_TO_PORT));
  });
  afterAll(() => {
    shell(WITHOUT_SWITCH);
    shell("ip link del trialv0; true");
    setPools(pages);
    project?.remove();
  });

  it("count every frame over a switch and over kernel interfaces, and a generator that falls behind is told", () => {
    const { frames, records } = up("switched,kernel,pktgen,flood,saturated");
    expect([frames.switched, records.switched.invalidReasons]).toEqual([
      {
        forward: { planned: 20000, sent: 20000, received: 20000, lost: 0, duplicated: 0, reordered: 0 },
        reverse: null,
      },
      [],
    ]);
    expect(records.switched).toMatchObject({ valid: true, functional: true });
    expect(records.switched.metrics).toContainEqual(["traffic.forward.latency", 20000]);
    // The switch counts those as well that looked whether the path was there.
    const [there = 0, back = 0] = shell(COUNTS).split("\n").map(Number);
    expect(there).toBeGreaterThanOrEqual(20000);
    expect(there).toBeLessThan(22000);
    // A port that sends nothing says now and then where it is, so that no switch forgets it.
    expect(back).toBeLessThan(20);

    const counted = { planned: 5000, sent: 5000, received: 5000, lost: 0, duplicated: 0, reordered: 0 };
    expect([frames.kernel, records.kernel.invalidReasons]).toEqual([
      { forward: counted, reverse: counted },
      [],
    ]);

    // Paced by the kernel itself, which stamps nothing.
    expect([frames.pktgen, records.pktgen.invalidReasons]).toEqual([
      {
        forward: { planned: 3000, sent: 3000, received: 3000, lost: 0, duplicated: 0, reordered: 0 },
        reverse: null,
      },
      [],
    ]);
    expect(records.pktgen.metrics.map(([name]: [string]) => name)).toEqual([
      "traffic.forward.throughput",
      "traffic.forward.lost",
    ]);
    // As fast as the port takes frames, by two testpmd, and nothing of them is left.
    const { sent, received, lost } = frames.flood.forward;
    expect(received).toBeGreaterThan(0);
    expect(sent).toBe(received + lost);
    expect(records.flood.invalidReasons).toEqual([]);
    expect(records.flood.remarks).toContainEqual(expect.stringContaining("the generator does not pace"));
    expect(shell("pgrep -c testpmd; true")).toBe("0");

    expect(shell("tc qdisc show dev trialv1 clsact; ls /run/nfvlab-pktgen-* 2>/dev/null; true")).toBe("");

    expect(records.saturated.valid).toBe(false);
    expect(records.saturated.invalidReasons).toEqual([
      expect.stringMatching(/^saturated generator: forward, it (sent|could send) \d+ /),
    ]);
  });

  it("measure nothing again on an unchanged up", () => {
    const again = run(
      "switched,kernel,pktgen,flood,saturated",
      {},
      ...["up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes"],
    );
    expect(again.code, again.said).toBe(0);
  });

  it("run beside load that keeps its CPU busy, and is gone afterwards", () => {
    const { frames, records } = up("beside");
    expect([frames.beside.forward.received, records.beside.invalidReasons]).toEqual([1000, []]);
    const { coLoad } = records.beside;
    expect([coLoad.kind, coLoad.cpus, coLoad.ended]).toEqual(["cpu", "1", ""]);
    expect(coLoad.busy["1"]).toBeGreaterThan(0.95);
    expect(shell("pgrep -c stress-ng; true")).toBe("0");
  });

  it("leave nothing of a generator that was killed, and run again at the next up", async () => {
    const broken = project.start(["up", "--yes", "--skip-preview"], {
      ...server().environment,
      ASKED: "long",
    });
    shell("for i in $(seq 300); do pgrep -x nfvlab-traffic > /tmp/trial-pid && break; sleep 0.2; done");
    shell("sleep 1; kill -KILL $(cat /tmp/trial-pid); rm /tmp/trial-pid");
    const { code, said } = await broken;
    expect(code).not.toBe(0);
    expect(said.replaceAll(/\s+/g, " ")).toContain("the traffic program failed on dut");
    expect(shell("pgrep -x nfvlab-traffic; systemctl list-units --all --no-legend 'nfvlab-*'; true")).toBe(
      "",
    );
    const { frames } = up("long", { LENGTH: "2s" });
    expect(frames.long.forward).toMatchObject({ planned: 200, received: 200, lost: 0 });
  });

  it("pass a forwarder in the middle, which comes back where it was killed", () => {
    shell(steer(THROUGH_FORWARDER));
    const { frames, records, running } = up("forwarded");
    const counted = { planned: 2000, sent: 2000, received: 2000, lost: 0, duplicated: 0, reordered: 0 };
    expect([frames.forwarded, records.forwarded.invalidReasons, running]).toEqual([
      { forward: counted, reverse: counted },
      [],
      [true],
    ]);
    shell("kill -KILL $(pgrep -x nfvlab-traffic); sleep 1");
    expect(shell("ls /run/nfvlab-trial/p2.sock 2>/dev/null; true")).toBe("");
    const seen = run("forwarded", {}, "refresh", "--yes", "--skip-preview", "--diff");
    expect(seen.said).toMatch(/running\s*: true => false/);
    up("forwarded");
    expect(shell("pgrep -c -x nfvlab-traffic")).toBe("1");
  });

  it("go without a trace", () => {
    const gone = run("forwarded", {}, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    shell(WITHOUT_SWITCH);
    shell("ip link del trialv0");
    setPools(pages);
    expect(shell(SNAPSHOT)).toBe(before);
  });
}
