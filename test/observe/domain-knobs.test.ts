import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { knobsOf } from "../../sdk/observe/domain-knobs.ts";
import { recorded } from "./recorded.ts";

const recordedXml = recorded("libvirt/11.3.0/guest-started.txt")
  .stdout.split("\n")
  .filter((line) => !line.startsWith("@"))
  .join("\n");

const defined = join(import.meta.dirname, "../golden/domain");
const definitions: readonly (readonly [string, string])[] = [
  ["recorded", recordedXml],
  ...readdirSync(defined)
    .filter((file) => file.endsWith(".xml"))
    .map((file) => [file, readFileSync(join(defined, file), "utf8")] as const),
];

const threads = { vcpuPins: [], emulatorCpus: "", iothreadPins: [] };
const of = (xml: string) => knobsOf({ xml, ...threads });

function changedPaths(one: string, other: string): string[] {
  return differing(of(one), of(other));
}

function differing(before: Record<string, string>, after: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (path) => before[path] !== after[path],
  );
}

function once(xml: string, from: string, to: string): string {
  expect(xml.split(from)).toHaveLength(2);
  return xml.replace(from, to);
}

/** What says which one it is, and so is in the path, by element. */
const NAMING: Readonly<Record<string, string>> = {
  vcpupin: "vcpu",
  iothreadpin: "iothread",
  vcpusched: "vcpus",
  cachetune: "vcpus",
  memorytune: "vcpus",
  cache: "id type",
  monitor: "level vcpus",
  node: "id",
  memnode: "cellid",
  page: "nodeset",
  cell: "id",
  sibling: "id",
  feature: "name",
  timer: "name",
  controller: "type index",
  input: "type bus",
  graphics: "type",
  shmem: "name",
  tag: "id",
};

/** What makes no difference between two starts. */
const IDLE = /^(alias|seclabel|metadata|uuid|nfvlab:owner)$/;

/** Each value of a definition that can be another: of an attribute, or a text. */
function leavesIn(xml: string): { readonly at: number; readonly value: string; readonly what: string }[] {
  const body = xml.slice(xml.indexOf("<domain"));
  const offset = xml.length - body.length;
  return [...body.matchAll(/<([\w:-]+)((?:\s+[\w:-]+=(?:"[^"]*"|'[^']*'))*)\s*\/?>([^<>]*)/g)].flatMap(
    (tag) => {
      const [, name = "", attributes = "", text = ""] = tag;
      if (IDLE.test(name) || /label$/.test(name)) return [];
      const start = offset + tag.index + 1 + name.length;
      const values = [...attributes.matchAll(/([\w:-]+)=(["'])([^"']*)\2/g)].flatMap((match) => {
        const [all, key = "", , value = ""] = match;
        const named = (NAMING[name] ?? "").split(" ").includes(key);
        const ofStart =
          /^(vnet\d+|\/dev\/pts\/.*|\/run\/libvirt\/.*)$/.test(value) ||
          [`${name} ${key}`].some((each) =>
            ["domain id", "console tty", "target state", "graphics port", "graphics autoport"].includes(each),
          );
        return named || ofStart || (name === "target" && (key === "dev" || key === "port"))
          ? []
          : [{ at: start + match.index + all.length - value.length - 1, value, what: `${name} ${key}` }];
      });
      const at = offset + tag.index + tag[0].length - text.length;
      const words = text.trim() === "" || name === "cmdline" ? [] : [{ at, value: text, what: name }];
      return [...values, ...words];
    },
  );
}

describe("any one knob of a definition, changed, is one path", () => {
  test.each(definitions)("%s", (_, xml) => {
    const leaves = leavesIn(xml);
    const before = of(xml);
    expect(leaves.length).toBeGreaterThan(40);
    fc.assert(
      fc.property(fc.constantFrom(...leaves), fc.stringMatching(/^[a-z0-9]{1,8}$/), (leaf, value) => {
        fc.pre(leaf.value !== value);
        const { at } = leaf;
        expect(xml.slice(at, at + leaf.value.length)).toBe(leaf.value);
        const other = xml.slice(0, at) + value + xml.slice(at + leaf.value.length);
        expect(differing(before, of(other)), leaf.what).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["<apic/>", "<apic eoi='on'/>", "features.apic.eoi"],
    ["<acpi/>", "", "features.acpi"],
    ["vcpu='0' cpuset='3'", "vcpu='0' cpuset='2'", "cputune.vcpupin.0.cpuset"],
    ["<memballoon model='none'/>", "<memballoon model='virtio'/>", "devices.memballoon.model"],
    [">console=ttyS0<", ">console=ttyS0 isolcpus=1<", "os.cmdline.isolcpus"],
    [">console=ttyS0<", ">console=tty0<", "os.cmdline.console"],
    ["<target chassis='3' port='0x12'/>", "<target chassis='3' port='0x22'/>", "devices.controller.pci-3"],
  ])("%s, then %s", (from, to, path) => {
    expect(changedPaths(recordedXml, once(recordedXml, from, to))).toEqual([path]);
  });

  test("sizes of huge pages on the kernel's command line, each with its count", () => {
    const xml = (line: string) => once(recordedXml, ">console=ttyS0<", `>${line}<`);
    const [one, other] = [
      "hugepagesz=1G hugepages=4 hugepagesz=2M",
      "hugepagesz=1G hugepagesz=2M hugepages=4",
    ];
    expect(changedPaths(xml(one), xml(other))).toEqual(["os.cmdline.hugepages"]);
  });
});

describe("what is no knob", () => {
  /** The children of an element, whose lines stand so far to the right, in another order. */
  function reordered(xml: string, element: string, order: (index: number) => number): string {
    return xml.replace(
      new RegExp(`( *)<${element}>\\n([^]*?)\\n\\1</${element}>`),
      (all, indent: string, inner: string) => {
        const blocks = inner.split(new RegExp(`\\n(?=${indent}  <[^/])`));
        const moved = blocks
          .map((block, index) => [order(index), block] as const)
          .sort(([a], [b]) => a - b)
          .map(([, block]) => block);
        return all.replace(inner, () => moved.join("\n"));
      },
    );
  }

  test("the order of elements, UUID and aliases", () => {
    const second = `    <interface type='ethernet'>
      <mac address='52:54:00:aa:00:00'/>
      <target dev='vnet1'/>
      <model type='e1000'/>
      <alias name='net1'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </interface>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='/a.img'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='writeback'/>
      <source file='/b.img'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'>`;
    const xml = once(
      once(recordedXml, "    <serial type='pty'>", second),
      "<vcpupin vcpu='0' cpuset='3'/>",
      "<vcpupin vcpu='0' cpuset='3'/>\n    <vcpupin vcpu='1' cpuset='2'/>",
    );
    expect(of(xml)).toMatchObject({
      "devices.interface.0.mac.address": "52:54:00:aa:00:01",
      "devices.interface.1.mac.address": "52:54:00:aa:00:00",
      "devices.disk.vda.driver.cache": "writeback",
    });
    fc.assert(
      fc.property(fc.func(fc.integer()), fc.uuid(), (order, uuid) => {
        const moved = reordered(reordered(xml, "devices", order), "cputune", order)
          .replace(/<uuid>.*<\/uuid>/, `<uuid>${uuid}</uuid>`)
          .replaceAll(/<alias name='/g, "<alias name='ua-");
        expect(of(moved)).toEqual(of(xml));
      }),
      { numRuns: 30 },
    );
  });

  test("an interface's identifier that libvirt made up for Open vSwitch", () => {
    const port = (id: string) =>
      once(
        recordedXml,
        "<model type='virtio'/>",
        `<virtualport type='openvswitch'><parameters interfaceid='${id}'/></virtualport><model type='virtio'/>`,
      );
    expect(changedPaths(port("1e5a1c2e-0000"), port("2e5a1c2e-0000"))).toEqual([]);
  });
});

describe("CPUs of the threads", () => {
  const at = (vcpu: string, emulator: string) =>
    knobsOf({ xml: recordedXml, vcpuPins: [vcpu], emulatorCpus: emulator, iothreadPins: [] });

  test("are told once where they are those of the definition, else beside them", () => {
    expect(at("3", "0-1")).toEqual(of(recordedXml));
    expect(at("2", "0-1")).toEqual({
      ...of(recordedXml),
      "cputune.vcpupin.0.cpuset": "3, threads on 2",
    });
    const unpinned = recordedXml.replace(/ *<emulatorpin.*\n/, "");
    expect(
      knobsOf({ xml: unpinned, vcpuPins: ["3"], emulatorCpus: "0-3", iothreadPins: [] })[
        "cputune.emulatorpin.cpuset"
      ],
    ).toBe("not set, threads on 0-3");
  });
});

describe("a secret is never told, and that it changed is", () => {
  test.each([
    ["os.cmdline.systemd.set_credential", ">console=ttyS0<", ">console=ttyS0 systemd.set_credential=SECRET<"],
    ["os.cmdline.other", ">console=ttyS0<", ">console=ttyS0 SECRET<"],
    ["os.cmdline.init", ">console=ttyS0<", ">console=ttyS0 -- SECRET<"],
    [
      "sysinfo.entry",
      "</domain>",
      "<sysinfo type='fwcfg'><entry name='opt/user-data'>SECRET</entry></sysinfo></domain>",
    ],
    [
      "qemu:commandline.qemu:arg.value",
      "</domain>",
      "<qemu:commandline><qemu:arg value='SECRET'/></qemu:commandline></domain>",
    ],
    [
      "devices.disk.vda.source.cookies.cookie",
      "<devices>",
      "<devices><disk type='network'><source protocol='https' name='a'><cookies><cookie name='c'>SECRET</cookie></cookies></source><target dev='vda'/></disk>",
    ],
    [
      "devices.disk.vda.source.query",
      "<devices>",
      "<devices><disk type='network'><source protocol='https' name='a' query='SECRET'/><target dev='vda'/></disk>",
    ],
  ])("%s", (path, from, to) => {
    const xml = (secret: string) => once(recordedXml, from, to.replace("SECRET", secret));
    expect(JSON.stringify(of(xml("hunter2")))).not.toContain("hunter2");
    expect(changedPaths(xml("hunter2"), xml("hunter3"))).toEqual([path]);
  });

  test("of a display's password there is not even a hash", () => {
    const xml = once(recordedXml, "<graphics type='vnc'", "<graphics type='vnc' passwd='hunter2'");
    expect(of(xml)["devices.graphics.vnc.passwd"]).toBe("set");
  });
});

test("a long text is held by its hash", () => {
  const knobs = of(once(recordedXml, ">console=ttyS0<", `>isolcpus=${"1,".repeat(5000)}2<`));
  expect(knobs["os.cmdline.isolcpus"]).toMatch(/^sha256:[0-9a-f]{32}$/);
});

test("all that is told of a guest", async () => {
  const lines = Object.entries(of(recordedXml)).map(([path, value]) => `${path}: ${value}\n`);
  await expect(lines.join("")).toMatchFileSnapshot("../golden/domain-knobs/recorded.txt");
});
