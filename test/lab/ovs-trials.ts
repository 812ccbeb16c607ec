import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { fieldFacts } from "../../sdk/schema/definition.ts";
import { resourceDefinitions } from "../../sdk/schema/registry.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { ovs } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const adopt = (id) => (process.env.ADOPT ? { import: id, retainOnDelete: true } : {});

// What is imported is as the machine has it: devices in DPDK's words, sets in order.
const asFound = (text, typed) => (process.env.ADOPT ? text : typed);

const daemon = new ovs.Daemon("daemon", {
  host: dut, ...(process.env.ADOPT ? {} : { restart: "allow" }), pmdCpus: "2", socketMemory: { 0: "160MiB", 1: "64MiB" }, socketLimit: { 0: "160MiB", 1: "64MiB" }, pmdSleepMax: "10ms",
  rxqAssign: "group", autoLoadBalance: false, flowMaxIdle: "20s", ealArguments: ["--no-telemetry"],
  rxqIsolate: false, autoLoadBalanceInterval: "2min", autoLoadBalanceThreshold: 90, autoLoadBalanceImprovement: 20, perfMetrics: true, txFlushInterval: "0us",
  emcInsertInverseProbability: 1, signatureMatchCache: true, handlerThreads: 1, revalidatorThreads: 1, revalidationMax: "1s", flowLimit: 100000, pmdSleepMaxOf: { 2: "9ms" },
}, adopt("dut/ovs"));
const bridge = new ovs.Bridge("bridge", {
  host: dut, name: "trialbr0", addresses: ["198.18.9.1/24"], mtu: 1400,
  protocols: ["OpenFlow13"], macAging: "1min", macTableSize: 100, multicastSnooping: true, spanningTree: "rstp",
}, { dependsOn: daemon, ...adopt("dut/ovs/trialbr0") });
const port = (name, more, on = bridge) =>
  new ovs.Port(name, { host: dut, bridge: on.name, name, ...more }, adopt("dut/ovs/" + (on === bridge ? "trialbr0" : "trialbr1") + "/" + name));
const nothing = { kind: "null", silent: true };

const ports = {
  null: port("tnull", {
    openflowPort: 11, mtu: 2000, interface: {
      kind: "dpdk", devargs: asFound("net_null_tnull,size=128,no-rx=1", { ...nothing, size: 128 }), rxQueues: 2, rxqAffinity: { 0: 2 }, exactMatchCache: false, txSteering: "hash", rxDescriptors: 256, txDescriptors: 256,
    },
  }),
  packet: port("tpacket", { interface: { kind: "dpdk", devargs: asFound("net_af_packet_tpacket,iface=trialo0", { kind: "af-packet", interface: "trialo0" }) } }),
  tap: port("ttap", { interface: { kind: "dpdk", devargs: asFound("net_tap_ttap,iface=trialtap", { kind: "tap", interface: "trialtap" }), rxQueues: 2 } }),
  memif: port("tmemif", { interface: { kind: "dpdk", devargs: asFound("net_memif_tmemif,role=server,socket=/run/trial-memif.sock,socket-abstract=no", { kind: "memif", role: "server", socketPath: "/run/trial-memif.sock" }) } }),
  guest: port("tguest", {
    openflowPort: 12, interface: { kind: "dpdkvhostuserclient", socketPath: "/run/trial-guest.sock", txRetriesMax: 4 },
    vlan: { mode: "native-untagged", tag: 7, trunks: asFound([8, 9], [9, 8]) },
    ingressPolicing: { rate: 100000, burst: 8000, packetRate: 90, packetBurst: 12 },
    egressPolicer: { kind: "trtcm-policer", cir: 46000000, cbs: 4096, eir: 1000, ebs: 2048 },
  }),
  kernel: port("trialo1", { interface: { kind: "system" } }),
  internal: port("tinternal", { openflowPort: 13, interface: { kind: "internal", addresses: ["198.18.8.1/24"] } }),
  tunnel: port("tvxlan", { interface: { kind: "vxlan", remoteIp: "198.18.9.2", localIp: "198.18.9.1", key: 7, ttl: 9, tos: 4, checksum: true, dontFragment: false, destinationPort: 4790 } }),
  patch: port("tpatch", { interface: { kind: "patch", peer: "tother" } }),
};
const kernelBridge = new ovs.Bridge("kernel", { host: dut, name: "trialbr1", datapath: "system", failMode: "standalone" }, { dependsOn: daemon, ...adopt("dut/ovs/trialbr1") });
port("trialk0", { interface: { kind: "system" } }, kernelBridge);
const bond = new ovs.Bond("bond", {
  host: dut, bridge: bridge.name, name: "tbond", mode: "balance-slb", lacp: "active", lacpTime: "fast", upDelay: "200ms", downDelay: "100ms", rebalanceInterval: "5s",
  lacpFallback: true, detect: "carrier", miimonInterval: "300ms", primary: "tbond1", hashBasis: 3,
  members: Object.fromEntries(["tbond0", "tbond1"].map((name) => [name, { interface: { kind: "dpdk", devargs: asFound("net_null_" + name + ",no-rx=1", nothing) } }])),
}, adopt("dut/ovs/trialbr0/bonds/tbond"));
if (!process.env.ADOPT) new ovs.Flows("flows", {
  host: dut, bridge: bridge.name, name: "steering",
  flows: [
    ...ovs.chain("tguest", "tnull"),
    { table: 1, priority: 5, match: { inPort: "LOCAL", ethSrc: "02:00:00:00:00:07/ff:ff:ff:ff:ff:f0", vlan: 10, vlanPriority: 3 }, actions: [{ kind: "pop-vlan" }, { kind: "output", port: "tinternal" }] },
    { match: { inPort: "tinternal", ipSrc: "198.18.77.1/16", ipDst: "10.0.0.1", ipProtocol: "tcp", dscp: 46, dstPort: 80 }, actions: [{ kind: "set", ethDst: "02:00:00:00:00:01", ipDst: "10.0.0.2", dstPort: 8080 }, { kind: "decrement-ttl" }, { kind: "output", port: "LOCAL" }] },
    { match: { inPort: "tinternal", ethType: "arp", vlan: "untagged" }, actions: [{ kind: "push-vlan", vlan: 10, priority: 2 }, { kind: "normal" }] },
    { match: { inPort: 13, ipProtocol: "udp" }, actions: [{ kind: "in-port" }, { kind: "set-queue", queue: 1 }, { kind: "goto-table", table: 2 }] },
    { match: { ethType: 0x88cc, vlan: "tagged" }, actions: [{ kind: "drop" }] },
    "table=2,priority=1,actions=output:13",
  ],
}, { dependsOn: Object.values(ports) });
export const { ofports } = bond;
export const datapath = process.env.ADOPT ? {} : pulumi.unsecret(ovs.getDatapathOutput({ host: dut }, { dependsOn: [bond, ...Object.values(ports)] }));
`;

const refused = `
import * as pulumi from "@pulumi/pulumi";
import { ovs } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const port = (name, devargs) => new ovs.Port(name, { host: dut, bridge: "trialbr0", name, interface: { kind: "dpdk", devargs } });
if (process.env.HANG) port("thang", "net_virtio_user0,path=/run/trial-nobody.sock,server=1");
else {
  port("tnowhere", "0000:99:00.0");
  port("tnodriver", "net_nosuch0");
  new ovs.Port("trialnone", { host: dut, bridge: "trialbr0", name: "trialnone", interface: { kind: "system" } });
  new ovs.Daemon("newer", { host: dut, pmdCpus: "2", hardwareOffloadPriority: ["dpdk"] });
  new ovs.Flows("lost", { host: dut, bridge: "trialbr0", name: "lost", flows: ovs.crossConnect("tguest", "tlost") });
}
`;

const set = (table: string, row: string, what: string) =>
  `ovs-vsctl --timeout=30 set ${table} ${row} ${what}`;
const option = (key: string) => `ovs-vsctl --timeout=30 set Open_vSwitch . other_config:${key}`;

const policer = (rate: string) =>
  `ovs-vsctl --timeout=30 set QoS $(ovs-vsctl get Port tguest qos) other_config:${rate}=1024`;

/** Changes by hand behind our back, by the property that shows them. */
const byHand: Readonly<Record<string, string>> = {
  "Daemon.flowMaxIdle": option("max-idle=30000"),
  "Daemon.rxqAssign": option("pmd-rxq-assign=cycles"),
  "Daemon.autoLoadBalance": option("pmd-auto-lb=true"),
  "Daemon.pmdSleepMax": option('pmd-sleep-max="9000,2:8000"'),
  "Daemon.rxqIsolate": option("pmd-rxq-isolate=true"),
  "Daemon.autoLoadBalanceInterval": option("pmd-auto-lb-rebal-interval=3"),
  "Daemon.autoLoadBalanceThreshold": option("pmd-auto-lb-load-threshold=91"),
  "Daemon.autoLoadBalanceImprovement": option("pmd-auto-lb-improvement-threshold=21"),
  "Daemon.perfMetrics": option("pmd-perf-metrics=false"),
  "Daemon.txFlushInterval": option("tx-flush-interval=1"),
  "Daemon.emcInsertInverseProbability": option("emc-insert-inv-prob=2"),
  "Daemon.signatureMatchCache": option("smc-enable=false"),
  "Daemon.handlerThreads": option("n-handler-threads=2"),
  "Daemon.revalidatorThreads": option("n-revalidator-threads=2"),
  "Daemon.revalidationMax": option("max-revalidator=2000"),
  "Daemon.flowLimit": option("flow-limit=100001"),
  "Daemon.pmdSleepMaxOf": "true",
  "Bridge.failMode": set("Bridge", "trialbr0", "fail_mode=standalone"),
  "Bridge.macAging": set("Bridge", "trialbr0", "other_config:mac-aging-time=90"),
  "Bridge.macTableSize": "ovs-vsctl --timeout=30 remove Bridge trialbr0 other_config mac-table-size",
  "Bridge.multicastSnooping": set("Bridge", "trialbr0", "mcast_snooping_enable=false"),
  "Bridge.spanningTree": set("Bridge", "trialbr0", "rstp_enable=false"),
  "Bridge.mtu": set("Interface", "trialbr0", "mtu_request=1300"),
  "Bridge.protocols": set("Bridge", "trialbr0", "protocols=OpenFlow13,OpenFlow14"),
  "Bridge.addresses": "ip addr add 198.18.7.1/24 dev trialbr0",
  "Port.openflowPort": set("Interface", "tinternal", "ofport_request=14"),
  "Port.mtu": set("Interface", "tnull", "mtu_request=1900"),
  "Port.rxQueues": set("Interface", "tnull", "options:n_rxq=1"),
  "Port.rxqAffinity": set("Interface", "tnull", 'other_config:pmd-rxq-affinity="0:2,1:2"'),
  "Port.exactMatchCache": set("Interface", "tnull", "other_config:emc-enable=true"),
  "Port.txSteering": "ovs-vsctl --timeout=30 remove Interface tnull other_config tx-steering",
  "Port.rxDescriptors": set("Interface", "tnull", "options:n_rxq_desc=512"),
  "Port.txDescriptors": set("Interface", "tnull", "options:n_txq_desc=512"),
  "Port.txRetriesMax": set("Interface", "tguest", "options:tx-retries-max=6"),
  "Port.rate": set("Interface", "tguest", "ingress_policing_rate=5"),
  "Port.burst": set("Interface", "tguest", "ingress_policing_burst=9"),
  "Port.packetRate": set("Interface", "tguest", "ingress_policing_kpkts_rate=91"),
  "Port.packetBurst": set("Interface", "tguest", "ingress_policing_kpkts_burst=13"),
  "Port.mode": set("Port", "tguest", "vlan_mode=trunk"),
  "Port.tag": set("Port", "tguest", "tag=6"),
  "Port.trunks": set("Port", "tguest", "trunks=8"),
  "Port.cir": policer("cir"),
  "Port.cbs": policer("cbs"),
  "Port.eir": policer("eir"),
  "Port.ebs": policer("ebs"),
  // The switch makes the interface anew where its number changes, without addresses.
  "Port.addresses": "ip addr flush dev tinternal",
  "Port.peer": set("Interface", "tpatch", "options:peer=telse"),
  "Port.localIp": set("Interface", "tvxlan", 'options:local_ip="198.18.9.4"'),
  "Port.tos": set("Interface", "tvxlan", "options:tos=8"),
  "Port.checksum": set("Interface", "tvxlan", "options:csum=false"),
  "Port.dontFragment": set("Interface", "tvxlan", "options:df_default=true"),
  "Port.destinationPort": set("Interface", "tvxlan", "options:dst_port=4791"),
  "Port.key": set("Interface", "tvxlan", "options:key=8"),
  "Port.ttl": "ovs-vsctl --timeout=30 remove Interface tvxlan options ttl",
  "Port.remoteIp": set("Interface", "tvxlan", 'options:remote_ip="198.18.9.3"'),
  "Bond.mode": set("Port", "tbond", "bond_mode=active-backup"),
  "Bond.lacp": set("Port", "tbond", "lacp=passive"),
  "Bond.lacpTime": set("Port", "tbond", "other_config:lacp-time=slow"),
  "Bond.upDelay": set("Port", "tbond", "bond_updelay=0"),
  "Bond.rebalanceInterval": set("Port", "tbond", "other_config:bond-rebalance-interval=7000"),
  "Bond.downDelay": set("Port", "tbond", "bond_downdelay=101"),
  "Bond.lacpFallback": set("Port", "tbond", "other_config:lacp-fallback-ab=false"),
  "Bond.detect": set("Port", "tbond", "other_config:bond-detect-mode=miimon"),
  "Bond.miimonInterval": set("Port", "tbond", "other_config:bond-miimon-interval=301"),
  "Bond.primary": set("Port", "tbond", "other_config:bond-primary=tbond0"),
  "Bond.hashBasis": set("Port", "tbond", "other_config:bond-hash-basis=4"),
  "Bond.mtu": set("Interface", "tbond0", "mtu_request=1450"),
  "Flows.flows": "ovs-ofctl -O OpenFlow13 --strict del-flows trialbr0 table=2,priority=1",
};

/** What needs another device or another release than an emulated server has. */
const untried = [
  "Port.flowControlAutonegotiation",
  "Port.linkStateInterrupt",
  "Port.maxQueuePairs",
  "Port.needWakeup",
  "Port.rxFlowControl",
  "Port.rxSteering",
  "Port.txFlowControl",
  "Port.vfMac",
];

const SNAPSHOT = `ovs-vsctl --timeout=10 --columns=other_config,external_ids,dpdk_initialized list Open_vSwitch
ovs-vsctl --timeout=10 show | tail -n +2
ovs-vsctl --timeout=10 --columns=type,other_config list QoS
for bridge in $(ovs-vsctl list-br); do ovs-ofctl -O OpenFlow13 --no-stats --sort dump-flows $bridge; done
ip -o link | cut -d' ' -f2 | sort | grep -v ovs-netdev
ls -A /var/lib/nfvlab/undo 2>/dev/null || true`;

/** What the switch may take: on node 0, where its virtual devices are, a pool of 32768 packet buffers leaves room for these. */
const PAGES = (sign: "+" | "-") => `for node in "0 80" "1 32"; do
  set -- $node; file=/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/nr_hugepages
  echo $(( $(cat $file) ${sign} $2 )) > $file
done`;

/** OVS with DPDK: ports of many kinds, a bond, policers, flows as data; what drifts, what is refused, what comes back. */
export function describeSwitch(server: () => TrialServer): void {
  let project: TrialProject;
  let other: TrialProject;
  let before = "";

  const run = (trial: TrialProject, args: readonly string[], more: Record<string, string> = {}) =>
    trial.pulumi(args, { ...server().environment, ...more });
  const shell = (script: string) => server().shell.run(script);

  beforeAll(() => {
    project = new TrialProject("switch", program);
    other = new TrialProject("switch-refused", refused);
    shell(`${PAGES("+")}
      for pair in o k; do ip link add trial\${pair}0 type veth peer name trial\${pair}1; ip link set trial\${pair}0 up; ip link set trial\${pair}1 up; done`);
    before = shell(SNAPSHOT);
  });
  afterAll(() => {
    shell(`ip link del trialo0; ip link del trialk0; ${PAGES("-")}`);
    for (const trial of [project, other]) trial?.remove();
  });

  it("comes up with ports of every kind, and stays as it is", () => {
    const up = run(project, ["up", "--yes", "--skip-preview"]);
    expect(up.code, up.said).toBe(0);
    const { ofports, datapath } = JSON.parse(run(project, ["stack", "output", "--json"]).said) as {
      ofports: Record<string, number>;
      datapath: {
        threads: {
          cpu: number;
          numaNode: number;
          queues: { port: string; queue: number }[];
          performance: { iterations: number };
        }[];
        ports: {
          port: string;
          interface: string;
          openflowPort: number;
          statistics: Record<string, number>;
        }[];
      };
    };
    expect(Object.keys(ofports)).toEqual(["tbond0", "tbond1"]);
    const [thread] = datapath.threads;
    expect(thread).toMatchObject({ cpu: 2, numaNode: 1 });
    expect(thread?.queues.map(({ port, queue }) => `${port}/${queue}`)).toEqual(
      expect.arrayContaining(["tnull/0", "ttap/1", "tguest/0", "tpacket/0", "tmemif/0", "tbond0/0"]),
    );
    expect(thread?.performance.iterations).toBeGreaterThan(0);
    expect(datapath.ports.find((each) => each.interface === "tguest")).toMatchObject({
      openflowPort: 12,
      statistics: { ovs_tx_retries: 0 },
    });
    expect(shell("ovs-appctl qos/show tguest")).toContain("cir: 46000000");
    expect(shell("ovs-vsctl get Bridge trialbr1 datapath_type")).toBe("system");
    const again = run(project, ["up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes"]);
    expect(again.code, again.said).toBe(0);
  });

  it("is changed by hand below in all that may drift", () => {
    const tried = Object.keys(byHand);
    const all = new Set(
      resourceDefinitions
        .filter(({ token }) => token.startsWith("nfvlab:ovs:"))
        .flatMap((definition) => driftable(definition.token, definition.inputs)),
    );
    // A member of a bond is an interface as that of a port.
    const left = [...all].filter(
      (property) =>
        !tried.includes(property) &&
        !(property.startsWith("Bond.") && all.has(property.replace("Bond", "Port"))),
    );
    expect(left.sort()).toEqual(untried);
  });

  it("that drifted is shown, nothing else, and put back", () => {
    const during = shell(SNAPSHOT);
    shell(Object.values(byHand).join(" &&\n"));
    const refresh = run(project, ["refresh", "--yes", "--skip-preview"]);
    expect(refresh.code, refresh.said).toBe(0);
    const { said } = run(project, ["preview", "--json"]);
    expect(putBackBy(said)).toEqual(Object.keys(byHand).sort());
    const up = run(project, ["up", "--yes", "--skip-preview"]);
    expect(up.code, up.said).toBe(0);
    expect(shell(SNAPSHOT)).toBe(during);
  });

  it("is imported elsewhere as it is, and left there", () => {
    const elsewhere = new TrialProject("switch-import", program);
    try {
      run(elsewhere, [
        "config",
        "set",
        "--secret",
        "nfvlab:hosts",
        `{"dut":${server().environment.CONNECTION}}`,
      ]);
      const during = shell(SNAPSHOT);
      const up = run(elsewhere, ["up", "--yes", "--skip-preview"], { ADOPT: "1" });
      expect(up.code, up.said).toBe(0);
      expect(up.said).toMatch(/= 14 imported/);
      const destroy = run(elsewhere, ["destroy", "--yes", "--skip-preview"], { ADOPT: "1" });
      expect(destroy.code, destroy.said).toBe(0);
      expect(shell(SNAPSHOT)).toBe(during);
    } finally {
      elsewhere.remove();
    }
  });

  it("that can't be is refused with what DPDK said of it", () => {
    const { code, said } = run(other, ["up", "--yes", "--skip-preview", "--continue-on-error"]);
    expect(code).not.toBe(0);
    for (const sentence of [
      "port tnowhere of trialbr0 does not come up: observed Error attaching device '0000:99:00.0' to DPDK",
      "no such PCI function is bound to vfio-pci",
      "port tnodriver of trialbr0 does not come up: observed Error attaching device 'net_nosuch0' to DPDK",
      "could not open network device trialnone (No such device)",
      "flows: the bridge has no port tlost with an OpenFlow number",
      "the options of ovs-vswitchd on dut are set by another resource already",
    ])
      expect(said.replaceAll(/\s+/g, " ")).toContain(sentence);
    const destroy = run(other, ["destroy", "--yes", "--skip-preview"]);
    expect(destroy.code, destroy.said).toBe(0);
  });

  it("says within a minute that a device holds it, and how to come back; its ports come back", () => {
    const during = shell(SNAPSHOT);
    const started = performance.now();
    const { code, said } = run(other, ["up", "--yes", "--skip-preview"], { HANG: "1" });
    expect(code).not.toBe(0);
    expect(performance.now() - started).toBeLessThan(60_000);
    const text = said.replaceAll(/\s+/g, " ");
    expect(text).toContain("interface: ovs-vswitchd answers no more since thang was added to trialbr0");
    expect(text).toContain("a restart brings everything else back: systemctl restart ovs-vswitchd");
    expect(shell("ovs-vsctl --timeout=5 --if-exists get Port thang name")).toBe("");
    // Its own socket outlives a switch that is killed, and would be in its way.
    shell(
      "systemctl kill --signal=KILL ovs-vswitchd; rm -f /run/trial-memif.sock /run/trial-nobody.sock; systemctl restart ovs-vswitchd",
    );
    const up = run(project, ["up", "--yes", "--skip-preview", "--refresh"]);
    expect(up.code, up.said).toBe(0);
    expect(shell(SNAPSHOT)).toBe(during);
    expect(shell("ovs-appctl dpif-netdev/pmd-rxq-show")).toMatch(/port: tguest /);
  });

  it("goes, and leaves what was there", () => {
    const destroy = run(project, ["destroy", "--yes", "--skip-preview"]);
    expect(destroy.code, destroy.said).toBe(0);
    expect(destroy.said).not.toMatch(/warning/);
    expect(shell(SNAPSHOT)).toBe(before);
  });
}

/** What of a resource may drift, `Type.property`, of whatever depth, but for what a change makes anew. */
function driftable(token: string, inputs: z.ZodObject): string[] {
  const type = token.split(":").at(-1) as string;
  const leaves = (schema: z.ZodType, name: string): string[] => {
    if (schema instanceof z.ZodOptional) return leaves(schema.unwrap() as z.ZodType, name);
    if (schema instanceof z.ZodRecord) return leaves(schema.valueType as z.ZodType, name);
    if (schema instanceof z.ZodUnion && name !== "flows") {
      const objects = (schema.options as z.ZodType[]).filter((option) => option instanceof z.ZodObject);
      return objects.length === 0 ? [name] : objects.flatMap((option) => leaves(option, name));
    }
    if (schema instanceof z.ZodObject) {
      return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([field, inner]) =>
        inner instanceof z.ZodLiteral || fieldFacts(schema, [field]).change === "recreate"
          ? []
          : leaves(inner, field),
      );
    }
    return [name];
  };
  return (
    Object.keys(inputs.shape)
      .filter((field) => !["host", "restart"].includes(field))
      // What counts from a restart on is put back by one, which a plan's tests look at.
      .filter((field) => !["recreate", "restart"].includes(fieldFacts(inputs, [field]).change ?? "live"))
      .filter((field) => field !== "pmdCpus")
      .flatMap((field) => leaves(inputs.shape[field] as z.ZodType, field))
      .map((field) => `${type}.${field}`)
  );
}

/** Properties that a preview would put back, `Type.property`, of whatever depth; of a list or a map that itself. What no longer works for that is not said again. */
function putBackBy(preview: string): string[] {
  const { steps } = JSON.parse(preview) as {
    steps: { urn: string; detailedDiff: Record<string, unknown> | null }[];
  };
  const found = steps.flatMap(({ urn, detailedDiff }) => {
    const [, type = ""] = /:(\w+)::[^:]+$/.exec(urn) ?? [];
    return Object.keys(detailedDiff ?? {}).map((path) => {
      const [before = ""] = path.split("[");
      const names = before.split(".").filter((name) => !/^\d+$/.test(name));
      return `${type}.${names.at(-1)}`;
    });
  });
  return [...new Set(found)].filter((property) => !property.endsWith(".up")).sort();
}
