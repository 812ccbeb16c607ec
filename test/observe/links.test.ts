import { describe, expect, it } from "vitest";
import { networkLinks } from "../../sdk/observe/links.ts";
import { pinnedRedirects } from "../../sdk/observe/xdp.ts";
import { recorded, said } from "./recorded.ts";

const machine = networkLinks.parse(recorded("iproute2/6.15.0/links.txt"));
const link = (name: string, namespace?: string) =>
  machine.links.find((each) => each.name === name && each.namespace === namespace);

describe("the links of a machine", () => {
  it("are those of its own and of each named namespace", () => {
    expect(machine.namespaces).toEqual(["trial-east"]);
    expect(link("lan0")).toMatchObject({
      kind: "bridge",
      owner: "1f0c22aa",
      up: true,
      settings: { vlan_filtering: 1, ageing_time: 6000 },
    });
    expect(link("east0")).toMatchObject({
      kind: "veth",
      master: "lan0",
      lowerIndex: link("eth0", "trial-east")?.index,
    });
    expect(link("eth0", "trial-east")).toMatchObject({
      up: false,
      addresses: ["198.18.0.1/24"],
      lowerIndex: link("east0")?.index,
    });
    expect(link("guest0")).toMatchObject({
      kind: "tun",
      settings: { type: "tap", multi_queue: true, vnet_hdr: true, user: "nobody" },
    });
    expect(link("direct0")).toMatchObject({ kind: "macvtap", lower: "ens1", settings: { mode: "vepa" } });
    expect(link("lo", "trial-east")).toMatchObject({ owner: "00aa11bb", up: true });
  });

  it("have the offloads that ethtool shows of each, and not of its neighbour", () => {
    expect(link("eth0", "trial-east")?.offloads).toEqual({ rx: true, tx: false, tso: false, gro: false });
    expect(link("enp0s2")?.offloads).toEqual({ rx: true, tx: false, tso: false, gro: true });
    expect(link("ens2")?.offloads).toEqual({ rx: true, tx: true, tso: true, gro: true });
  });

  it("tell which of them the machine is reached by, and what these stand on", () => {
    expect([...machine.management]).toEqual([
      ["enp0s2", "this SSH connection comes in at its address 10.0.2.15"],
    ]);
    const bridged = networkLinks.parse(
      said(`@namespace
[{"ifindex":2,"ifname":"eth0","flags":["UP"],"mtu":1500,"link":"eth0.5"},{},{"ifindex":3,"ifname":"eno1","flags":["UP"],"mtu":1500,"master":"bond0"},{"ifindex":4,"ifname":"bond0","flags":["UP"],"mtu":1500,"master":"br0"},{"ifindex":5,"ifname":"br0","flags":["UP"],"mtu":1500},{"ifindex":6,"ifname":"spare","flags":[],"mtu":1500}]
@routes
@default br0
@default lo
@ssh 
`),
    );
    expect([...bridged.management.keys()]).toEqual(["br0", "bond0", "eno1"]);
  });

  it("are not taken for none where ip does not answer", () => {
    expect(() => networkLinks.parse({ code: 127, stdout: "", stderr: "" })).toThrow(
      "could not read the network interfaces (ip)",
    );
    expect(() => networkLinks.parse({ code: 124, stdout: "@namespace\n", stderr: "" })).toThrow(
      "could not read",
    );
  });
});

describe("pinned XDP programs", () => {
  it("are known by resource, owner and direction, and by the interface that they send to", () => {
    const answer = said(`@pins /sys/fs/bpf/nfvlab/wire:1@1f0c22aa/0
@program {"id":237,"type":"xdp","name":"nfvlab_redirect","map_ids":[101,102]}
@map {"key":["0x00","0x00","0x00","0x00"],"value":["0x10","0x01","0x00","0x00"]}
@map {"key":["0x00","0x00","0x00","0x00"],"values":[{"cpu":0,"value":["0x04","0x00","0x00","0x00","0x00","0x00","0x00","0x00"]}]}
@pins /sys/fs/bpf/nfvlab/wire:1@1f0c22aa/1
@program 
@map 
`);
    expect(pinnedRedirects.parse(answer)).toEqual([
      {
        folder: "/sys/fs/bpf/nfvlab/wire:1@1f0c22aa/0",
        name: "wire.1",
        owner: "1f0c22aa",
        direction: 0,
        programs: [237],
        targets: [272],
      },
      {
        folder: "/sys/fs/bpf/nfvlab/wire:1@1f0c22aa/1",
        name: "wire.1",
        owner: "1f0c22aa",
        direction: 1,
        programs: [],
        targets: [],
      },
    ]);
    expect(pinnedRedirects.parse(said(""))).toEqual([]);
  });
});
