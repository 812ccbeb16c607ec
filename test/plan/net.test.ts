import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { networkLinks, type ObservedLink } from "../../sdk/observe/links.ts";
import { bridgeKind, macvtapKind, namespaceKind, tapKind, vethKind } from "../../sdk/plan/net-kinds.ts";
import { type LinkSettings, overlap, planLink, verifyFields } from "../../sdk/plan/net-link.ts";
import {
  observedRedirect,
  planRedirect,
  removeRedirect,
  requireRedirect,
} from "../../sdk/plan/xdp-redirect.ts";
import { HostError, VerificationError } from "../../sdk/units/errors.ts";
import { recorded } from "../observe/recorded.ts";
import { refusalOf } from "./refusal.ts";

const machine = networkLinks.parse(recorded("iproute2/6.15.0/links.txt"));
const host = { name: "dut", connection: { kind: "local" as const } };
const [TAG, NAMESPACE_TAG] = ["1f0c22aa", "00aa11bb"];

const mac = fc.constantFrom("02:00:00:00:00:01", "02:00:00:00:00:02");
const addresses = fc.uniqueArray(fc.constantFrom("198.18.0.1/24", "198.18.0.2/24", "198.19.0.1/16"));
const offloads = fc.record({ rx: fc.boolean(), tx: fc.boolean(), gro: fc.boolean() }, { requiredKeys: [] });
const wanted = fc.record(
  {
    name: fc.constant("east0"),
    bridge: fc.constant("lan0"),
    mtu: fc.integer({ min: 68, max: 9000 }),
    mac,
    addresses,
    offloads,
  },
  { requiredKeys: ["name"] },
);
const found = fc.record({
  mtu: fc.integer({ min: 68, max: 9000 }),
  mac,
  up: fc.boolean(),
  owner: fc.constantFrom(undefined, TAG, "ffffffff"),
  master: fc.constantFrom(undefined, "lan0", "lan1"),
  addresses,
  offloads: fc.record({ rx: fc.boolean(), tx: fc.boolean(), tso: fc.boolean(), gro: fc.boolean() }),
});

/** What ip and ethtool would make of a plan. */
function apply(steps: ReturnType<typeof planLink>, before: ObservedLink): ObservedLink {
  let link = before;
  for (const { argv, stdin = "" } of steps) {
    for (const line of stdin.split("\n")) {
      const [, word = "", value = ""] = /^link set dev east0 (\S+) ?(\S*)$/.exec(line) ?? [];
      const [, verb, address = ""] = /^address (add|del) (\S+) dev east0$/.exec(line) ?? [];
      const { master: _, ...free } = link;
      if (word === "alias") link = { ...link, owner: value.slice("nfvlab:".length) };
      if (word === "address") link = { ...link, mac: value };
      if (word === "master") link = { ...link, master: value };
      if (word === "nomaster") link = free;
      if (word === "mtu") link = { ...link, mtu: Number(value) };
      if (word === "up") link = { ...link, up: true };
      if (verb === "add") link = { ...link, addresses: [...link.addresses, address] };
      if (verb === "del") link = { ...link, addresses: link.addresses.filter((each) => each !== address) };
    }
    const features = argv[0] === "ethtool" ? argv.slice(3) : [];
    for (let index = 0; index < features.length; index += 2)
      link = {
        ...link,
        offloads: { ...link.offloads, [features[index] as string]: features[index + 1] === "on" },
      };
  }
  return link;
}

describe("the plan of a link", () => {
  it("reaches what is wanted, touches nothing else, and is then empty", () => {
    fc.assert(
      fc.property(wanted, found, (settings, { owner, master, ...rest }) => {
        const before = {
          ...{ name: "east0", index: 7, kind: "veth", settings: {} },
          ...rest,
          ...(owner !== undefined && { owner }),
          ...(master !== undefined && { master }),
        };
        const after = apply(planLink(settings as LinkSettings, before, TAG), before);
        expect(planLink(settings as LinkSettings, after, TAG)).toEqual([]);
        expect({ owner: after.owner, up: after.up, master: after.master }).toEqual({
          owner: TAG,
          up: true,
          master: settings.bridge,
        });
        expect(after.mtu).toBe(settings.mtu ?? before.mtu);
        expect(after.mac).toBe(settings.mac ?? before.mac);
        expect([...after.addresses].sort()).toEqual([...(settings.addresses ?? [])].sort());
        expect(after.offloads).toEqual({ ...before.offloads, ...settings.offloads });
      }),
    );
  });

  it("works in the namespace of the link", () => {
    const [batch, features] = planLink(
      { name: "eth0", namespace: "vnf", offloads: { tx: false } },
      undefined,
      TAG,
    );
    expect(batch).toMatchObject({
      argv: ["ip", "-n", "vnf", "-batch", "-"],
      stdin: "link set dev eth0 alias nfvlab:1f0c22aa\nlink set dev eth0 up\n",
    });
    expect(features?.argv).toEqual(["ip", "netns", "exec", "vnf", "ethtool", "-K", "eth0", "tx", "off"]);
  });
});

describe("links that are there", () => {
  it("are read in the user's spelling where it means the same", () => {
    const state = {
      host,
      name: "lan0",
      ageing: "1min" as const,
      vlanFiltering: true,
      stp: false,
      ports: [],
      foundDown: [],
      up: true,
    };
    expect(bridgeKind.observe(state, machine)).toEqual({ ...state, ports: ["east0"] });
    expect(
      bridgeKind.observe(
        { ...state, ageing: "30s", stp: true, members: ["ens1"], addresses: ["198.18.0.9/24"] },
        machine,
      ),
    ).toEqual({
      ...state,
      ...{ ageing: "60000ms", members: [], addresses: [], ports: ["east0"] },
    });
  });

  it("are read whole on import, but for what the kernel makes up itself", () => {
    const named = (name: string) => ({ host, name }) as never;
    expect(bridgeKind.observe(named("lan0"), machine)).toMatchObject({
      vlanFiltering: true,
      ageing: "60000ms",
    });
    expect(tapKind.observe(named("guest0"), machine)).toEqual({
      host,
      name: "guest0",
      multiQueue: true,
      vnetHeader: true,
      owner: "nobody",
      up: false,
    });
    expect(macvtapKind.observe(named("direct0"), machine)).toMatchObject({
      lower: "ens1",
      mode: "vepa",
      up: false,
    });
    expect(vethKind.observe(named("east0"), machine)).toEqual({
      ...{ host, name: "east0", bridge: "lan0", up: false },
      peer: { name: "eth0", namespace: "trial-east", addresses: ["198.18.0.1/24"] },
    });
    expect(namespaceKind.observe(named("trial-east"), machine)).toMatchObject({
      path: "/run/netns/trial-east",
      up: true,
    });
    for (const kind of [bridgeKind, tapKind, macvtapKind, vethKind, namespaceKind])
      expect(kind.observe(named("gone"), machine)).toBeUndefined();
  });

  it("are taken away only with what was set up for them", () => {
    const state = { host, name: "lan0", ports: [], foundDown: ["ens2", "ens1"], up: true };
    expect(bridgeKind.remove(state, machine).map(({ argv }) => argv.slice(1).join(" "))).toEqual([
      "link delete dev lan0",
      // ens1 is down already.
      "link set dev ens2 down",
    ]);
  });

  it("of which one end is another's are made anew only where they are ours", () => {
    const inputs = { host, name: "east0", peer: { name: "eth1", namespace: "trial-east" } };
    expect(refusalOf(() => vethKind.require(inputs, machine, TAG), HostError)).toContain(
      "an interface east0 is there already and is not ours",
    );
    const ours = {
      ...machine,
      links: machine.links.map((each) => (each.name === "east0" ? { ...each, owner: TAG } : each)),
    };
    vethKind.require(inputs, ours, TAG);
    expect(vethKind.plan(inputs, ours, TAG, {}).map(({ purpose }) => purpose)).toEqual([
      "delete east0",
      "make the pair east0 and eth1",
      "set east0",
      "set eth1 in namespace trial-east",
    ]);
  });
});

describe("what is refused before anything is touched", () => {
  const cases: readonly (readonly [string, () => unknown, string])[] = [
    [
      "a card that the machine is reached by",
      () => bridgeKind.require({ host, name: "lan1", members: ["enp0s2"] }, machine, TAG),
      "members: enp0s2 carries the connection by which dut is reached, and is left alone: observed this SSH connection comes in at its address 10.0.2.15, expected an interface that neither a default route nor this SSH connection uses; use another interface, or a virtual function of it",
    ],
    [
      "an address of the network that it is reached by",
      () => bridgeKind.require({ host, name: "lan1", addresses: ["10.0.0.1/8"] }, machine, TAG),
      "addresses: 10.0.0.1/8 would take packets from enp0s2, by which dut is reached: observed 10.0.2.15/24 on enp0s2, expected an address of another network; 198.18.0.0/15 is kept for measurements (RFC 2544)",
    ],
    [
      "a member that has a master",
      () => bridgeKind.require({ host, name: "lan1", members: ["east0"] }, machine, TAG),
      "members: east0 is in use, and can't become a port of lan1: observed a port of lan0, expected an interface without an address and without a master; take it out of what uses it first",
    ],
    [
      "a namespace that is not there",
      () => vethKind.require({ host, name: "a", peer: { name: "b", namespace: "west" } }, machine, TAG),
      "namespace: there is no network namespace west: observed trial-east; take the name from a NetworkNamespace resource, so that it is made first",
    ],
    [
      "a bridge that is none",
      () => tapKind.require({ host, name: "a", bridge: "ens1" }, machine, TAG),
      "bridge: there is no Linux bridge ens1: observed a physical interface; take the name from a LinuxBridge resource, so that it is made first; a bridge of Open vSwitch gets its ports from nfvlab:ovs:Port",
    ],
    [
      "a lower interface that is not there",
      () => macvtapKind.require({ host, name: "a", lower: "ens9" }, machine, TAG),
      "lower: there is no interface ens9: observed lo, enp0s2, lxcbr0, ens2, ens1, lan0, east0, guest0, direct0; a card that is bound to vfio-pci has no interface",
    ],
    [
      "somebody else's bridge",
      () =>
        bridgeKind.require(
          { host, name: "lan0", vlanFiltering: true, ageing: "60s" },
          machine,
          NAMESPACE_TAG,
        ),
      "name: an interface lan0 is there already and is not ours: observed a bridge, owner 1f0c22aa, mtu 1500, expected no interface of that name, or a bridge as this one is to be; choose another name, or import it as it is",
    ],
  ];

  it.each(cases)("%s", (_, act, sentence) => expect(refusalOf(act, HostError)).toBe(sentence));

  it("networks that overlap, whichever is the larger", () => {
    const address = fc.record({ ip: fc.nat(0xffffffff), length: fc.integer({ min: 0, max: 32 }) });
    const text = ({ ip, length }: { ip: number; length: number }) =>
      `${[24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join(".")}/${length}`;
    fc.assert(
      fc.property(address, address, (one, other) => {
        const bits = (ip: number) => ip.toString(2).padStart(32, "0");
        const common = Math.min(one.length, other.length);
        expect(overlap(text(one), text(other))).toBe(
          bits(one.ip).slice(0, common) === bits(other.ip).slice(0, common),
        );
      }),
    );
  });

  it("and what reads back otherwise is told by its path", () => {
    const act = () => verifyFields({ peer: { mtu: 9000 } }, { peer: { mtu: 1500 } }, "veth east0");
    expect(refusalOf(act, VerificationError)).toMatch(
      /^peer\.mtu: veth east0 reads back otherwise than set: observed 1500, expected 9000/,
    );
  });
});

describe("an XDP redirect", () => {
  const inputs = { host, name: "wire", interfaces: ["ens1", "ens2"] };
  const [first, second] = inputs.interfaces.map(
    (name) => machine.links.find((each) => each.name === name) as ObservedLink,
  );
  const attached = (mode: "native" | "generic") => ({
    links: {
      ...machine,
      links: machine.links.map((each) => {
        const id = inputs.interfaces.indexOf(each.name);
        return id < 0 ? each : { ...each, up: true, xdp: { mode, id: 10 + id, program: "nfvlab_redirect" } };
      }),
    },
    pinned: [0, 1].map((direction) => ({
      ...{ folder: `/sys/fs/bpf/nfvlab/wire@${TAG}/${direction}`, name: "wire", owner: TAG, direction },
      programs: [10 + direction],
      targets: [(direction === 0 ? second : first)?.index ?? 0],
    })),
  });
  const bare = { links: machine, pinned: [] };
  const state = { ...inputs, attached: true, pins: {}, foundDown: ["ens1", "ens2"] };

  it("is loaded once for each direction, and points at the other interface", () => {
    const steps = planRedirect(inputs, bare, TAG, "object");
    expect(steps.map(({ purpose }) => purpose)).toEqual([
      "set ens1 up",
      "redirect ens1 to ens2 by XDP in mode native",
      "redirect ens2 to ens1 by XDP in mode native",
    ]);
    expect(steps[1]?.argv.slice(4)).toEqual([
      "",
      `/sys/fs/bpf/nfvlab/wire@${TAG}/0`,
      "nfvlab_redirect",
      "out",
      "xdpdrv",
      "ens1",
      "04",
      "00",
      "00",
      "00",
    ]);
    expect(planRedirect(inputs, attached("native"), TAG, "object")).toEqual([]);
  });

  it("counts as attached only in its mode, by its own program, towards the right interface", () => {
    expect(observedRedirect(state, attached("native"), TAG)).toMatchObject({ attached: true });
    expect(observedRedirect(state, attached("generic"), TAG)).toMatchObject({
      mode: "generic",
      attached: true,
    });
    const ground = attached("native");
    expect(
      observedRedirect(
        state,
        { ...ground, pinned: ground.pinned.map((pins) => ({ ...pins, targets: [99] })) },
        TAG,
      )?.attached,
    ).toBe(false);
    expect(observedRedirect(state, { ...ground, links: machine }, TAG)?.attached).toBe(false);
    expect(observedRedirect(state, bare, TAG)).toBeUndefined();
    expect(observedRedirect({ host, name: "wire" } as never, ground, TAG)).toMatchObject({
      attached: true,
      interfaces: expect.arrayContaining(inputs.interfaces),
    });
  });

  it("leaves another's program alone", () => {
    expect(
      refusalOf(() => requireRedirect(inputs, { ...attached("native"), pinned: [] }, TAG), HostError),
    ).toContain("interfaces: ens1 has another XDP program");
    // A macvtap stands on ens1 by now.
    const removed = removeRedirect(state, attached("native"), TAG).map(({ argv }) => argv.join(" "));
    expect(removed).toEqual([
      "bpftool net detach xdpdrv dev ens1",
      "bpftool net detach xdpdrv dev ens2",
      `rm -rf /sys/fs/bpf/nfvlab/wire@${TAG}`,
      "find /sys/fs/bpf/nfvlab -maxdepth 0 -empty -delete",
      "ip link set dev ens2 down",
    ]);
    expect(
      removeRedirect(state, { ...attached("native"), pinned: [] }, TAG).map(({ argv }) => argv.join(" ")),
    ).toEqual(["ip link set dev ens2 down"]);
  });

  it("comes as an eBPF object that counts and redirects, and calls nothing else", () => {
    const object = readFileSync(new URL("../../sdk/provider/xdp/redirect.bpf.o", import.meta.url));
    expect(object.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
    expect(object.readUInt16LE(18), "EM_BPF").toBe(247);
    // Calls are instructions 85 00 00 00 with the helper's number: map_lookup_elem, redirect_map; then exit.
    const section = object.subarray(64, 64 + 26 * 8);
    const words = Array.from({ length: 26 }, (_, index) => section.subarray(index * 8, index * 8 + 8));
    expect(words.filter((word) => word[0] === 0x85).map((word) => word.readUInt32LE(4))).toEqual([1, 51]);
    expect(words.at(-1)?.toString("hex")).toBe("9500000000000000");
  });
});
