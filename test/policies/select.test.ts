import { describe, expect, it } from "vitest";
import { chainsOf } from "../../policies/chains.ts";
import { readLab } from "../../policies/lab.ts";
import { positions, text } from "../../policies/property.ts";
import { select } from "../../policies/select.ts";
import { type Declared, resourcesOf, unknown } from "../../policies/testing.ts";
import { host, libvirt } from "../../sdk/index.ts";
import { on, real } from "./case.ts";

const names = (resources: readonly { readonly name: string }[]) => resources.map(({ name }) => name);
const labOf = (stack: readonly Declared[]) => readLab(resourcesOf(stack));

/** A guest as a component has it, on a machine. */
const guestOf = (name: string, machine: string, pins: readonly string[]): Declared[] => [
  { type: "nfvlab:components:VhostUserVnf", name, props: {} },
  {
    type: "nfvlab:libvirt:Domain",
    name: `${name}-domain`,
    parent: name,
    props: { host: { name: machine, connection: { kind: "local" } }, name, vcpuPins: pins },
  },
];

const chain = (name: string, path: unknown): Declared => ({
  type: "nfvlab:components:ServiceChain",
  name,
  props: { path },
});

const stack = [
  ...guestOf("router", "rack-1", ["2"]),
  ...guestOf("firewall", "rack-2", ["3"]),
  ...guestOf("spare", "rack-2", []),
  chain("pvp", { stations: [{ name: "router" }, { name: "sink" }], segments: [{ over: "br0" }] }),
  { type: "nfvlab:components:OvsDpdkBridge", name: "br0", props: {} },
  {
    type: "nfvlab:ovs:Port",
    name: "br0-vhu0",
    parent: "br0",
    props: { host: { name: "rack-1", connection: { kind: "local" } }, bridge: "br0", name: "vhu0" },
  },
];

describe("select", () => {
  const lab = labOf(stack);

  it("takes resources by type, in the order of the program", () => {
    const all = ["router-domain", "firewall-domain", "spare-domain"];
    expect(names(select(lab, libvirt.Domain))).toEqual(all);
    expect(names(select(lab, "nfvlab:libvirt:Domain"))).toEqual(all);
    expect(select(lab, host.Hugepages)).toEqual([]);
  });

  it("takes those of a machine, of a chain, and with a role", () => {
    expect(names(select(lab, libvirt.Domain, { host: "rack-2" }))).toEqual([
      "firewall-domain",
      "spare-domain",
    ]);
    expect(names(select(lab, libvirt.Domain, { host: "rack-*", role: "vcpu" }))).toEqual([
      "router-domain",
      "firewall-domain",
    ]);
    expect(names(select(lab, libvirt.Domain, { chain: "pvp" }))).toEqual(["router-domain"]);
    expect(names(select(lab, "nfvlab:ovs:Port", { chain: "p*" }))).toEqual(["br0-vhu0"]);
    expect(select(lab, libvirt.Domain, { chain: "pvvp" })).toEqual([]);
    expect(select(lab, libvirt.Domain, { role: "pmd" })).toEqual([]);
  });

  it("knows the properties of a class by name", () => {
    const [first] = select(labOf(real()), libvirt.Domain);
    if (first === undefined) throw new Error("no guest");
    expect(text(first, "memory")).toBe("8GiB");
    expect(text(first, "nics", "east", "socketPath")).toBe("/run/nfvlab-vhost/vhu0.sock");
    expect(positions(first, "vcpuPins")).toEqual([0, 1, 2]);
    // @ts-expect-error there is no such property
    expect(text(first, "memroy")).toBeUndefined();
    // @ts-expect-error a list has positions
    expect(text(first, "vcpuPins", "first")).toBeUndefined();
    // @ts-expect-error nor one that deep
    expect(text(first, "cpu", "migratabel")).toBeUndefined();
  });

  it("takes no resource for that of a machine that it may not be on", () => {
    const unplaced = labOf([on("host:Hugepages", "pool", { host: unknown })]);
    expect(names(select(unplaced, host.Hugepages))).toEqual(["pool"]);
    expect(select(unplaced, host.Hugepages, { host: "*" })).toEqual([]);
  });
});

describe("chains", () => {
  it("are what packets go through, with all that belongs to it", () => {
    const [pvp] = chainsOf(labOf(stack));
    expect(pvp?.name).toBe("pvp");
    expect(names(pvp?.members ?? []).sort()).toEqual(["br0", "br0-vhu0", "pvp", "router", "router-domain"]);
  });

  it("have no members but themselves where their path isn't known", () => {
    const [pvp] = chainsOf(labOf([chain("pvp", unknown), ...guestOf("router", "rack-1", ["2"])]));
    expect(names(pvp?.members ?? [])).toEqual(["pvp"]);
  });
});
