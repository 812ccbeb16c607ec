import { afterAll, beforeAll, expect, it } from "vitest";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** Containers that forward in user space: one between two ports of a switch, two with shared memory between them, one between bridges of the kernel. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { bridgedEnd, ContainerVnf, ForwarderVnf, OvsDpdkBridge, ServiceChain, switchedEnd, TrafficBenchmark, TunedHost } from ${modulePath("components/index.ts")};
import { net, traffic } from ${modulePath("sdk/index.ts")};

const dut = new TunedHost("dut", {
  connection: pulumi.secret(JSON.parse(process.env.CONNECTION)), lease: false,
  cpus: { housekeeping: "0-1", isolated: "2-3" },
  hugepages: [{ size: "2MiB", count: 640, numaNode: 1 }],
});
const host = dut.reference;
// All packet buffers that OVS asks for: while it tries for more than there are, whoever connects finds no memory at all.
const bridge = new OvsDpdkBridge("trialcont", {
  host: dut, pmdCpus: "2", socketMemory: { 1: "896MiB" }, vhostUserPorts: ["gen0", "gen1", "a0", "a1", "b0", "c1", "t0", "t1"],
  daemon: { restart: "allow", pmdSleepMax: "500us" },
});
const tool = new traffic.Tool("tool", { host, name: "tool" });
const common = { host: dut, cpus: "3", numaNode: 1, forwards: { tool, idle: "100us", memory: "48MiB" } };
const port = (name) => ({ kind: "virtio-user", bridge, port: name });
const memif = (role) => ({ kind: "memif", socketPath: "/run/trial-memif/b.sock", role });
const side = (name) => {
  const lan = new net.LinuxBridge(name, { host, name });
  const pair = new net.Veth(name + "-end", { host, name: name + "-p", bridge: lan.name, peer: { name: name + "-e", offloads: { tx: false } } });
  return { lan, end: bridgedEnd(name, lan, pair) };
};
const [east, west] = ["trialea", "trialwe"].map(side);
const a = new ContainerVnf("a", { ...common, nics: { in: port("a0"), out: port("a1") } });
const b = new ContainerVnf("b", { ...common, nics: { in: port("b0"), out: memif("server") } });
const c = new ContainerVnf("c", { ...common, nics: { in: memif("client"), out: port("c1") } });
const d = new ContainerVnf("d", { ...common, nics: { in: { kind: "af_packet", bridge: east.lan }, out: { kind: "af_packet", bridge: west.lan } } });
const t = () => new ForwarderVnf("t", { bridge, in: "t0", out: "t1", tool: "testpmd", cpus: "3", mode: "macswap", numaNode: 1 });
const ends = { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1") };
const chains = {
  one: { ...ends, through: [a] },
  two: { ...ends, through: [b, c] },
  kernel: { from: east.end, through: [d], to: west.end },
};
const name = process.env.CHAIN;
// It never sleeps, so it is there for its own chain only.
const chain = new ServiceChain(name, name === "testpmd" ? { ...ends, through: [t()] } : chains[name]);
const run = new TrafficBenchmark(name + "-frames", {
  on: dut, tool, over: chain, cpus: "3", idle: "100us", hugepages: name !== "kernel", directions: "both", rate: 400, count: 2000, settle: "1s",
});
export const { deployment, drawing } = chain;
export const frames = run.frames;
export const valid = run.record.apply(({ valid, invalidReasons }) => (valid ? "valid" : invalidReasons.join("; ")));
`;

const SNAPSHOT = `ovs-vsctl list-br; ip -br link | sed 's/@.*//' | cut -d' ' -f1 | sort
cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
ls -A /var/lib/nfvlab/traffic /var/lib/nfvlab/lxc 2>/dev/null; systemctl list-units --plain --no-legend 'nfvlab-*'; true`;

const counted = { sent: 2000, received: 2000, lost: 0, duplicated: 0 };

/** Frames through containers in which a program of DPDK's forwards, and through testpmd. */
export function describeContainerChains(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";

  beforeAll(() => {
    project = new TrialProject("container-chains", program);
    before = server().shell.run(SNAPSHOT);
  });
  afterAll(() => project?.remove());

  const run = (chain: string, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, CHAIN: chain });

  it.each([
    ["one", "PVP", "generator ─ trialcont ─ a ─ trialcont ─ sink"],
    ["two", "PVVP", "generator ─ trialcont ─ b ─ /run/trial-memif/b.sock 0 ─ c ─ trialcont ─ sink"],
    ["testpmd", "PVP", "generator ─ trialcont ─ t ─ trialcont ─ sink"],
    ["kernel", "PVP", "trialea ─ trialea ─ d ─ trialwe ─ trialwe"],
  ])("%s carries every frame both ways", (name, deployment, drawing) => {
    const { code, said } = run(name, "up", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    const found = JSON.parse(run(name, "stack", "output", "--json").said);
    expect(found).toMatchObject({
      deployment,
      drawing,
      valid: "valid",
      frames: { forward: counted, reverse: counted },
    });
  });

  it("carry frames again after a boot's /run, and a kill of the program", () => {
    const shell = (script: string) => server().shell.run(script);
    shell("systemctl kill --signal=KILL nfvlab-lxc-a; sleep 1; rm -rf /run/nfvlab-vhost/a0.sock");
    const seen = run("one", "refresh", "--yes", "--skip-preview", "--diff");
    expect(seen.said).toMatch(/running\s*: true => false/);
    const { code, said } = run("one", "up", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(shell("systemctl is-active nfvlab-lxc-a")).toBe("active");
  });

  it("change nothing on a second up, and leave nothing when they are destroyed", () => {
    const again = run("one", "preview", "--diff");
    expect(again.said).not.toMatch(/^\s+[+~-]+ /m);
    const { code, said } = run("one", "destroy", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(server().shell.run(SNAPSHOT)).toBe(before);
  });
}
