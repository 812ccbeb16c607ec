import { afterAll, beforeAll, expect, it } from "vitest";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** Two namespaces on a bridge, a tap beside them, a macvtap on a card, and the same namespaces once more by XDP alone. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { net } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const adopt = (id) => (process.env.ADOPT ? { import: id, retainOnDelete: true } : {});
// What the kernel does not tell from what it made up itself is no part of an import.
const given = (fields) => (process.env.ADOPT ? {} : fields);
const east = new net.NetworkNamespace("east", { host, name: "trial-east" }, adopt("dut/netns/trial-east"));
const west = new net.NetworkNamespace("west", { host, name: "trial-west" }, adopt("dut/netns/trial-west"));
const bridge = new net.LinuxBridge("bridge", {
  host, name: "trialbr", ageing: "60s", vlanFiltering: true, mtu: 1400, addresses: ["198.18.0.254/24"], members: [process.env.CARD],
}, adopt("dut/bridge/trialbr"));
const pair = (name, namespace, address) => new net.Veth(name, {
  host, name: "trial-" + name, bridge: bridge.name, mtu: 1400, ...given({ mac: "02:00:00:00:00:0" + address, offloads: { tx: false } }),
  peer: {
    name: "eth0", namespace: namespace.name, mtu: 1400, addresses: ["198.18.0." + address + "/24"],
    ...given({ mac: "02:00:00:00:01:0" + address, offloads: { rx: false, gro: true } }),
  },
}, adopt("dut/veth/trial-" + name));
pair("e", east, 1);
pair("w", west, 2);
const wire = (name, namespace, address) => new net.Veth(name, {
  host, name: "trial-" + name, peer: { name: "eth1", namespace: namespace.name, addresses: ["198.18.1." + address + "/24"], ...given({ offloads: { gro: true } }) },
}, adopt("dut/veth/trial-" + name));
new net.XdpRedirect("redirect", {
  host, name: "trial", interfaces: [wire("xe", east, 1).name, wire("xw", west, 2).name], ...(process.env.XDP_MODE && { mode: process.env.XDP_MODE }),
}, adopt("dut/xdp/trial"));
new net.Tap("tap", { host, name: "trialtap", bridge: bridge.name, multiQueue: true, vnetHeader: true, owner: "nobody", mtu: 1400 }, adopt("dut/tap/trialtap"));
export const { device } = new net.Macvtap("direct", { host, name: "trialmvt", lower: process.env.LOWER, mode: "vepa", mtu: 1400, ...given({ mac: "02:00:00:00:02:01" }) }, adopt("dut/macvtap/trialmvt"));
`;

const refused = `
import { net } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: JSON.parse(process.env.CONNECTION) };
const manage = process.env.MANAGEMENT;
new net.LinuxBridge("taken", { host, name: "trialbr", members: [manage] });
new net.Macvtap("cut", { host, name: "trialmvt", lower: manage });
new net.LinuxBridge("shadow", { host, name: "trialbr1", addresses: [process.env.ADDRESS] });
new net.Tap("foreign", { host, name: "trialother" });
new net.Veth("nowhere", { host, name: "trial-e", peer: { name: "eth0", namespace: "trial-nowhere" } });
new net.XdpRedirect("driver", { host, name: "trial", interfaces: ["trialcard", "trialother"] });
`;

const IN_EAST = "ip -n trial-east";

/** Changes by hand behind our back, by the property that shows them. What is recreated comes last. */
const byHand: readonly Readonly<Record<string, string>>[] = [
  {
    "LinuxBridge.stp": "ip link set trialbr type bridge stp_state 1",
    "LinuxBridge.vlanFiltering": "ip link set trialbr type bridge vlan_filtering 0",
    "LinuxBridge.ageing": "ip link set trialbr type bridge ageing_time 1000",
    "LinuxBridge.members": "ip link set $CARD nomaster",
    "LinuxBridge.mtu": "ip link set trialbr mtu 1300",
    "LinuxBridge.addresses": "ip addr add 198.18.9.1/24 dev trialbr",
    "NetworkNamespace.up": `${IN_EAST} link set lo down`,
    "Veth.bridge": "ip link set trial-e nomaster",
    "Veth.mtu": "ip link set trial-e mtu 1300",
    "Veth.mac": "ip link set trial-e address 02:00:00:00:00:aa",
    "Veth.offloads": "ethtool -K trial-e tx on",
    "Veth.peer.mtu": `${IN_EAST} link set eth0 mtu 1300`,
    "Veth.peer.mac": `${IN_EAST} link set eth0 address 02:00:00:00:00:bb`,
    "Veth.peer.addresses": `${IN_EAST} addr del 198.18.0.1/24 dev eth0`,
    "Veth.peer.offloads": "ip netns exec trial-east ethtool -K eth0 gro off",
    "Tap.bridge": "ip link set trialtap nomaster",
    "Tap.mtu": "ip link set trialtap mtu 1300",
    "Tap.up": "ip link set trialtap down",
    "Macvtap.mtu": "ip link set trialmvt mtu 1300",
    "Macvtap.mac": "ip link set trialmvt address 02:00:00:00:02:aa",
    "Macvtap.up": "ip link set trialmvt down",
    "XdpRedirect.attached": "bpftool net detach xdpdrv dev trial-xe",
  },
];

const SNAPSHOT = `for space in "" $(ip netns list | cut -d' ' -f1 | sort); do
  ip \${space:+-n $space} -j -d addr show | python3 -c '
import json, sys
for link in json.load(sys.stdin):
    data = link.get("linkinfo", {})
    kept = {k: data.get("info_data", {}).get(k) for k in ("stp_state", "vlan_filtering", "ageing_time", "mode", "multi_queue", "vnet_hdr", "user")}
    print(sys.argv[1:], link["ifname"], data.get("info_kind"), link["mtu"], "UP" in link["flags"], link.get("master"), link.get("link"),
        link["address"] if link["ifname"] not in ("trialbr", "trialtap") else "",
        sorted(a["local"] for a in link["addr_info"] if a["family"] == "inet"), kept)' $space
  ip \${space:+netns exec $space} \${space:+ethtool -k eth0} \${space:---version} | grep -E '^(rx|tx|generic-receive).*(checksumming|offload):' || true
done
ethtool -k trial-e 2>/dev/null | grep -E '^tx-checksumming' || true
ls /sys/fs/bpf 2>/dev/null
ls -A /run/nfvlab 2>/dev/null
find /var/lib/nfvlab/undo -type f 2>/dev/null
true`;

/** The kernel's own packet paths: made, carrying, changed by hand and put back, imported, gone without a trace. */
export function describePaths(server: () => TrialServer): void {
  const projects: TrialProject[] = [];
  let project: TrialProject;
  let lower = "";
  let before = "";
  let during = "";

  const trial = (name: string, text: string) => {
    const made = new TrialProject(name, text);
    projects.push(made);
    return made;
  };
  const shell = (script: string) => server().shell.run(script);
  const run = (of: TrialProject, environment: Record<string, string>, ...args: string[]) =>
    of.pulumi(args, { ...server().environment, CARD: "trialcard", LOWER: lower, ...environment });

  beforeAll(() => {
    lower = shell(
      "ls -d /sys/class/net/*/device/driver | while read f; do case $(readlink $f) in */igb) echo $f; esac; done | head -n 1 | cut -d/ -f5",
    );
    // In place of a second card, which other trials may have.
    shell("ip link add trialcard type dummy");
    before = shell(SNAPSHOT);
    project = trial("paths", program);
  });
  afterAll(() => {
    shell("ip link delete trialcard");
    for (const each of projects) each.remove();
  });

  it("carry packets between two namespaces, over a bridge with a card", () => {
    const up = run(project, {}, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    during = shell(SNAPSHOT);
    expect(shell("ip netns exec trial-east ping -q -c 2 -i 0.3 -W 5 198.18.0.2")).toContain("2 received");
    expect(shell("ip netns exec trial-east ping -q -c 2 -i 0.3 -W 5 198.18.1.2")).toContain("2 received");
    const counted = shell(
      "bpftool -j map lookup pinned /sys/fs/bpf/nfvlab/trial@*/0/maps/redirected key hex 00 00 00 00",
    );
    const frames = [...counted.matchAll(/"packets":(\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    expect(frames).toBeGreaterThanOrEqual(2);
    expect(shell("ip netns exec trial-west ping -q -c 1 -W 5 198.18.0.254")).toContain("1 received");
    const device = run(project, {}, "stack", "output", "device").said.trim();
    expect(shell(`test -c ${device} && echo there`)).toBe("there");
    const again = run(project, {}, "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("that drifted are shown, no others, and put back", () => {
    for (const changes of byHand) {
      shell(`CARD=trialcard; ${Object.values(changes).join(" && ")}`);
      const refresh = run(project, {}, "refresh", "--yes", "--skip-preview", "--diff");
      expect(refresh.code, refresh.said).toBe(0);
      for (const property of Object.keys(changes)) expect(refresh.said).toContain(property.split(".").at(-1));
      const up = run(project, {}, "up", "--yes", "--skip-preview");
      expect(up.code, up.said).toBe(0);
      expect(shell(SNAPSHOT)).toBe(during);
    }
  });

  it("are taken over by another stack, and left there", () => {
    const other = trial("paths-import", program);
    other.pulumi(["config", "set", "--secret", "nfvlab:hosts", `{"dut":${server().environment.CONNECTION}}`]);
    const up = run(other, { ADOPT: "1" }, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    expect(up.said).toMatch(/= 10 imported/);
    const gone = run(other, { ADOPT: "1" }, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    expect(shell(SNAPSHOT)).toBe(during);
  });

  it("go, and leave what was there as it was", () => {
    const gone = run(project, {}, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    expect(gone.said).not.toMatch(/warning/);
    expect(shell(SNAPSHOT)).toBe(before);
  });

  it("that would cut the machine off, or are not there, are refused by name", () => {
    shell("ip link add trialother type dummy");
    const [, address = ""] = /^\S+ \d+ (\S+) /.exec(shell('echo "$SSH_CONNECTION"')) ?? [];
    const manage = shell(`ip -o -4 addr | grep -F ' ${address}/' | tr -s ' ' | cut -d' ' -f2`);
    const refusing = trial("paths-refused", refused);
    const environment = { MANAGEMENT: manage, ADDRESS: `${address.replace(/\d+$/, "99")}/24` };
    try {
      const { code, said } = run(
        refusing,
        environment,
        "up",
        "--yes",
        "--skip-preview",
        "--continue-on-error",
      );
      expect(code).not.toBe(0);
      for (const sentence of [
        `members: ${manage} carries the connection by which dut is reached, and is left alone: observed`,
        `lower: ${manage} carries the connection by which dut is reached, and is left alone: observed`,
        `addresses: ${environment.ADDRESS} would take packets from ${manage}, by which dut is reached`,
        "name: an interface trialother is there already and is not ours: observed a dummy, owner nobody",
        "namespace: there is no network namespace trial-nowhere: observed",
        "mode: the driver takes no XDP program in mode native: observed",
      ])
        expect(said.replaceAll(/\s+/g, " ")).toContain(sentence);
      run(refusing, environment, "destroy", "--yes", "--skip-preview");
    } finally {
      shell("ip link delete trialother");
    }
    expect(shell(SNAPSHOT)).toBe(before);
  });
}
