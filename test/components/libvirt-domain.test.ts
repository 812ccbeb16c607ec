import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { domainDisk } from "../../components/guest-disk.ts";
import { type LibvirtGuestArgs, libvirtDomainArgs } from "../../components/libvirt-domain.ts";
import { domainNic } from "../../components/vnf-nic.ts";
import { type StableElement, stableDomain } from "../../sdk/observe/stable-domain.ts";
import { checkDomain } from "../../sdk/plan/domain-check.ts";
import { renderDomain } from "../../sdk/plan/domain-xml.ts";
import { BootImage } from "../../sdk/resources/libvirt.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { libvirtDomain } from "../../sdk/schema/libvirt.ts";
import { libvirtGuests } from "./libvirt-guests.ts";
import { argumentsOf, declarationOf, objectionsTo } from "./libvirt-sdk.ts";
import { named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers } from "./testbed.ts";

const folder = join(import.meta.dirname, "../fixtures/libvirt/pulumi-libvirt");
const fixture = (name: string) => readFileSync(join(folder, name), "utf8");
const sdk = argumentsOf(fixture("domain-arguments.txt"));

/** Resources of the generated package, as far as a program sees them. */
class Made extends pulumi.CustomResource {
  declare readonly name: pulumi.Output<string>;
  declare readonly pool: pulumi.Output<string>;
  declare readonly path: pulumi.Output<string>;

  constructor(type: string, name: string, args: object) {
    super(`libvirt:index/${type.toLowerCase()}:${type}`, name, { path: undefined, ...args } as pulumi.Inputs);
  }
}

/** That the arguments are ones of the package is the compiler's to say, by the declaration that stands in for it. */
const domain = (name: string, args: libvirt.DomainArgs) => new Made("Domain", name, args);

/** The same guest as a definition of this SDK's. */
const own = (name: string, { nics = {}, disks, ...rest }: LibvirtGuestArgs) =>
  new Made("Own", `own-${name}`, {
    ...rest,
    host: { name: "dut", connection: { kind: "local" } },
    nics: Object.fromEntries(
      Object.entries(nics).map(([nic, args]) => [nic, domainNic(rest.name, nic, args)]),
    ),
    ...(disks !== undefined && {
      disks: Object.fromEntries(Object.entries(disks).map(([target, disk]) => [target, domainDisk(disk)])),
    }),
  });

const registered = await register(
  () => {
    for (const [name, guest] of Object.entries(libvirtGuests(aBridge(aHost())))) {
      domain(name, libvirtDomainArgs(guest));
      own(name, guest);
    }
  },
  { answers },
);
const guests = registered.flatMap(({ types, name }) =>
  types.at(-1) === "libvirt:index/domain:Domain" ? [name] : [],
);
const written = (name: string) => `${JSON.stringify(named(registered, name).inputs, undefined, 2)}\n`;

describe("a guest as arguments of @pulumi/libvirt", () => {
  it.each(guests)("is %s", async (name) => {
    await expect(written(name)).toMatchFileSnapshot(`../golden/libvirt-domain/${name}.json`);
  });

  it.each(guests)("says only what the package takes, and all that it needs: %s", (name) => {
    expect(objectionsTo(named(registered, name).inputs, sdk)).toEqual([]);
  });

  it.each(guests)("becomes the definition that this SDK writes: %s", (name) => {
    const theirs = fixture(`${name}.xml`);
    const sum = createHash("sha256").update(written(name)).digest("hex");
    expect(theirs.split("\n")[0], "made from these arguments").toContain(sum);
    const inputs = named(registered, `own-${name}`).inputs as Inputs<typeof libvirtDomain>;
    const { path: _, ...rest } = inputs as Inputs<typeof libvirtDomain> & { path?: unknown };
    expect(libvirtDomain.inputs.safeParse(rest).error).toBeUndefined();
    checkDomain(rest);
    const ours = renderDomain(rest, { tag: "0badcafe", cpuFlags: new Set() });
    expect(comparable(theirs)).toEqual(comparable(ours));
  });

  it("is known in a preview but for what is still to be made", async () => {
    const program = () => {
      const host = { name: "dut", connection: { kind: "local" } } as const;
      const image = new BootImage("image", { host, name: "vnf" });
      const network = new Made("Network", "net", { name: "lab" });
      const volume = new Made("Volume", "disk", { name: "vnf.qcow2", pool: "vms" });
      const args = libvirtDomainArgs({
        ...{ name: "vnf", memory: "256MiB", pageSize: "2MiB", numaNode: 1, vcpuPins: ["3"] },
        emulatorCpus: "0",
        boot: { kind: "kernel", kernel: image.kernel, initramfs: image.initramfs },
        nics: { management: { kind: "network", network, mac: "52:54:00:00:00:01" } },
        disks: { vda: { volume } },
      });
      domain("vnf", args);
    };
    const { inputs } = named(await register(program, { preview: true }), "vnf");
    expect(inputs).toMatchObject({
      name: "vnf",
      os: "(unknown)",
      devices: {
        interfaces: [{ source: { network: { network: "lab" } } }],
        disks: [{ source: { volume: { pool: "vms", volume: "vnf.qcow2" } } }],
      },
    });
    const made = await register(program, { answers });
    expect(named(made, "vnf").inputs).toMatchObject({
      os: { kernel: answers["nfvlab:libvirt:BootImage"].kernel },
    });
    expect(named(made, "vnf").waitsFor).toEqual(["disk", "image", "net"]);
  });
});

it("a guest of this SDK's hangs on networks and volumes of the package, and on volumes of its own", async () => {
  const made = await register(
    () => {
      const network = new Made("Network", "net", { name: "lab" });
      const volume = new Made("Volume", "disk", { name: "vnf.qcow2", pool: "vms" });
      aGuest(aBridge(aHost()), {
        nics: { management: { kind: "network", network } },
        disks: { vda: { volume, cache: "none" }, vdb: { path: "/srv/seed.img", format: "raw" } },
      });
    },
    { answers },
  );
  const { inputs, waitsFor } = named(made, "vnf-domain");
  expect(inputs).toMatchObject({
    nics: { management: { kind: "network", network: "lab" } },
    disks: {
      vda: { volume: { pool: "vms", name: "vnf.qcow2" }, cache: "none" },
      vdb: { path: "/srv/seed.img", format: "raw" },
    },
  });
  expect(waitsFor).toEqual(expect.arrayContaining(["net", "disk"]));
});

describe("the declaration that stands in for the package", () => {
  it("is that of its schema", async () => {
    await expect(declarationOf(sdk)).toMatchFileSnapshot("../golden/libvirt-domain/pulumi-libvirt.d.ts");
  });

  it("has no place for what the package does not take", () => {
    expect(
      objectionsTo({ name: "vnf", type: 1, cpuTune: { vcpuPins: [{ vcpu: 0, pin: "3" }] } }, sdk),
    ).toEqual([
      "type is number, not string",
      "cpuTune.vcpuPins[].pin is no argument",
      "cpuTune.vcpuPins[].cpuSet is missing",
    ]);
    const wrong: libvirt.DomainArgs = {
      name: "vnf",
      type: "kvm",
      // @ts-expect-error a list of CPUs is a text
      cpuTune: { emulatorPin: { cpuSet: ["0"] } },
    };
    expect(wrong.name).toBe("vnf");
  });
});

/** A definition without the order of elements and attributes, and without what says nothing. */
function comparable(xml: string): unknown {
  const sorted = ([name, attributes, content]: StableElement): unknown => {
    const { migratable: _, ...rest } = attributes;
    // A port without a type is a pseudo terminal.
    const typed = name === "serial" ? { type: "pty", ...rest } : rest;
    const numbers = name === "address" ? hexadecimal(typed) : typed;
    const children = content.map((each) => (typeof each === "string" ? each : sorted(each)));
    const attributesByName = Object.entries(numbers).sort(byText);
    return [name, attributesByName, children.filter((each) => !isSilent(each)).sort(byText)];
  };
  return stableDomain(xml).map(sorted);
}

function isSilent(element: unknown): boolean {
  return JSON.stringify(element) === '["parameters",[],[]]';
}

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

function hexadecimal(attributes: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, name === "type" ? value : Number(value)]),
  );
}
