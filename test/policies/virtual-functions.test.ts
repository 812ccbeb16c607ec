import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exclusiveCpus } from "../../policies/intent/exclusive-cpus.ts";
import { oneOwnerPerCore } from "../../policies/intent/one-owner-per-core.ts";
import { sharedCardChecked } from "../../policies/intent/shared-card-checked.ts";
import { trustedFunctionAlone } from "../../policies/intent/trusted-function-alone.ts";
import { type Declared, judge, textOf, unknown } from "../../policies/testing.ts";
import { placement, testbed } from "./testbed.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/policies", `${name}.txt`);
const nothing = { violations: [], advice: [], about: [] };
const place = placement("up");
const PF = "0000:05:00.0";
const vf = (index: number) => `0000:05:10.${index}`;

const functions = [0, 1, 2].map((index) => ({
  index,
  address: vf(index),
  iommuGroup: 20 + index,
  interface: null,
}));
const card = (props: object = { functions }): Declared => ({
  type: "nfvlab:pci:VirtualFunctions",
  name: "card",
  ...place({ pf: PF, count: 3, ...props }),
});
const setting = (index: number, props: Readonly<Record<string, unknown>>): Declared => ({
  type: "nfvlab:pci:VirtualFunction",
  name: `vf${index}`,
  ...place({ pf: PF, vf: index, ...props }),
});
const guest = (name: string, nic: Readonly<Record<string, unknown>>): Declared => ({
  type: "nfvlab:libvirt:Domain",
  name: `${name}-domain`,
  ...place({ name, vcpuPins: [], emulatorCpus: "0", nics: { east: nic } }),
});
const east = guest("east", { kind: "sr-iov", vf: vf(0), mac: "52:54:00:00:00:01" });
const west = guest("west", { kind: "sr-iov", vf: vf(1), mac: "52:54:00:00:00:02" });
const passed = guest("west", { kind: "pci", device: vf(1) });
const port: Declared = {
  type: "nfvlab:ovs:Port",
  name: "br0-vf",
  ...place({ bridge: "br0", name: "vf", interface: { kind: "dpdk", devargs: `${vf(2)},n_rxq=1` } }),
};
const inside: Declared = {
  type: "nfvlab:lxc:Container",
  name: "inside-container",
  ...place({ name: "inside", nics: [{ kind: "physical", name: "eth0", interface: "ens1v2" }] }),
};

describe("trusted-function-alone", () => {
  it("refuses a trusted function of a card that others share", async () => {
    const judged = await judge(
      trustedFunctionAlone,
      testbed({ more: [card(), setting(0, { trust: true }), east, west, port] }),
    );
    expect(judged.about).toEqual(["vf0"]);
    await expect(textOf(judged)).toMatchFileSnapshot(golden("trusted-function-alone"));
  });

  it("lets one tenant have the card to itself, and others have functions that are not trusted", async () => {
    const two = guest("east", { kind: "pci", device: vf(1) });
    for (const more of [
      [card(), setting(0, { trust: true }), east],
      [card(), setting(0, { trust: true }), { ...two, name: "east-too" }, east],
      [card(), setting(0, { trust: false }), east, west],
    ])
      expect(await judge(trustedFunctionAlone, testbed({ more }))).toEqual(nothing);
  });

  it("is none of the business of a stack that sets up no function", async () => {
    const { notApplicable } = await judge(trustedFunctionAlone, testbed({ more: [card(), east] }));
    expect(notApplicable).toBe("this stack sets up no virtual function");
  });

  it("says what is not known yet", async () => {
    const trust = await judge(trustedFunctionAlone, testbed({ more: [setting(0, { trust: unknown })] }));
    const place = guest("east", { kind: "sr-iov", vf: unknown, mac: "52:54:00:00:00:01" });
    const taken = await judge(
      trustedFunctionAlone,
      testbed({ more: [card(), setting(0, { trust: true }), place] }),
    );
    const unmade = await judge(
      trustedFunctionAlone,
      testbed({ more: [card({}), setting(0, { trust: true }), east] }),
    );
    await expect([trust, taken, unmade].map(textOf).join("")).toMatchFileSnapshot(
      golden("trusted-function-alone-unknown"),
    );
    for (const { violations, advice } of [trust, taken, unmade]) {
      expect(violations).toEqual([]);
      expect(advice).toHaveLength(1);
    }
  });
});

describe("shared-card-checked", () => {
  it("refuses functions without an address, and one that is not checked, where tenants share the card", async () => {
    const judged = await judge(
      sharedCardChecked,
      testbed({ more: [card(), setting(0, { spoofCheck: false }), east, passed, port] }),
    );
    expect(judged.about).toEqual(["vf0", "west-domain", "br0-vf"]);
    await expect(textOf(judged)).toMatchFileSnapshot(golden("shared-card-checked"));
  });

  it("counts a container by the interface that moves into it", async () => {
    const named = functions.map((each) => ({ ...each, interface: `ens1v${each.index}` }));
    const { violations } = await judge(
      sharedCardChecked,
      testbed({ more: [card({ functions: named }), east, inside] }),
    );
    expect(violations).toEqual([
      expect.stringMatching(/^guest east and container inside share card 0000:05:00\.0 /),
    ]);
  });

  it("takes an address of libvirt's, of the card's, or a VLAN", async () => {
    for (const more of [
      [card(), east, west],
      [card(), east, passed, setting(1, { mac: "52:54:00:00:00:02" })],
      [card(), east, passed, setting(1, { vlan: { id: 7 } })],
      // Alone on the card it does as it likes.
      [card(), passed, setting(1, { spoofCheck: false })],
    ])
      expect(await judge(sharedCardChecked, testbed({ more }))).toEqual(nothing);
    const untagged = [card(), east, passed, setting(1, { vlan: { id: 0 } })];
    expect((await judge(sharedCardChecked, testbed({ more: untagged }))).violations).toHaveLength(1);
  });

  it("is none of the business of a stack without virtual functions", async () => {
    expect((await judge(sharedCardChecked, testbed())).notApplicable).toBe(
      "this stack has no virtual functions",
    );
  });

  it("says what is not known yet", async () => {
    const unmade = await judge(sharedCardChecked, testbed({ more: [card({}), east] }));
    const check = await judge(
      sharedCardChecked,
      testbed({ more: [card(), east, west, setting(0, { spoofCheck: unknown })] }),
    );
    await expect([unmade, check].map(textOf).join("")).toMatchFileSnapshot(
      golden("shared-card-checked-unknown"),
    );
    for (const { violations } of [unmade, check]) expect(violations).toEqual([]);
  });
});

describe("processes beside guests and the switch", () => {
  const forwarder = (cpus: unknown, idle?: string): Declared => ({
    type: "nfvlab:traffic:Forwarder",
    name: "vnf-forwarder",
    ...place({ name: "fwd", cpus, ...(idle !== undefined && { idle }) }),
  });
  const container: Declared = {
    type: "nfvlab:lxc:Container",
    name: "inside-container",
    ...place({ name: "inside", cpus: "2" }),
  };
  const traffic: Declared = {
    type: "nfvlab:bench:Traffic",
    name: "frames-run",
    ...place({ name: "frames", generator: { kind: "nfvlab", cpus: "3" } }),
  };

  it("have no CPU of theirs, and of each other's where they poll", async () => {
    const found = await Promise.all(
      [[forwarder("2")], [container], [traffic], [forwarder("4"), { ...forwarder("4"), name: "other" }]].map(
        (more) => judge(exclusiveCpus, testbed({ more })),
      ),
    );
    await expect(found.map(textOf).join("")).toMatchFileSnapshot(golden("exclusive-cpus-processes"));
    for (const { violations } of found) expect(violations).toHaveLength(1);
    const threads = testbed({ more: [forwarder("3")] });
    expect((await judge(oneOwnerPerCore, threads)).violations).toEqual([]);
  });

  it("share one where they sleep", async () => {
    const more = [forwarder("4", "100us"), { ...forwarder("4", "50us"), name: "other" }];
    expect(await judge(exclusiveCpus, testbed({ more }))).toEqual(nothing);
    expect(
      (await judge(exclusiveCpus, testbed({ more: [forwarder("2", "100us")] }))).violations,
    ).toHaveLength(1);
    expect((await judge(exclusiveCpus, testbed({ more: [forwarder("0", "0us")] }))).violations).toHaveLength(
      1,
    );
  });

  it("may be unknown yet", async () => {
    const { violations, advice } = await judge(exclusiveCpus, testbed({ more: [forwarder(unknown)] }));
    expect(violations).toEqual([]);
    expect(advice[0]).toMatch(/^cpus of vnf-forwarder isn't known yet/);
  });
});
