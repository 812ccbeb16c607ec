import { createHash } from "node:crypto";
import { CpuSet } from "../units/cpuset.ts";
import { parseBootArguments } from "./boot-arguments.ts";
import type { ObservedDomain } from "./domains.ts";
import { type StableElement, stableDomain } from "./stable-domain.ts";

/** Attributes that tell an element from its siblings of the same name. They are part of its path. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  vcpupin: ["vcpu"],
  iothreadpin: ["iothread"],
  iothread: ["id"],
  vcpusched: ["vcpus"],
  iothreadsched: ["iothreads"],
  cachetune: ["vcpus"],
  memorytune: ["vcpus"],
  cache: ["id", "type"],
  monitor: ["level", "vcpus"],
  node: ["id"],
  memnode: ["cellid"],
  page: ["nodeset"],
  cell: ["id"],
  sibling: ["id"],
  feature: ["name"],
  timer: ["name"],
  controller: ["type", "index"],
  input: ["type", "bus"],
  graphics: ["type"],
  shmem: ["name"],
  tag: ["id"],
  parameter: ["name"],
};

/** Devices that a guest knows by what is said of their target. */
const BY_TARGET: Readonly<Record<string, string>> = {
  disk: "dev",
  filesystem: "dir",
  serial: "port",
  console: "port",
};

/** What libvirt adds by itself and nobody sets part by part. */
const isWhole = ({ name, attributes }: Told) =>
  name === "address" || (name === "controller" && attributes.type === "pci");

/** Elements that are there or not, whatever else is said of them. */
const SWITCHES = new Set(["apic", "hugepages"]);

/** Elements of which nothing may be left without what changes from start to start. */
const EMPTIED = new Set(["target", "source", "parameters"]);

/** Parts of a definition that hold knobs. What another part holds may be anything, a password too: QEMU's own command line, files for the firmware, arguments of a container's first process. */
const PARTS_OF_KNOBS = new Set(
  "name memory currentMemory maxMemory memtune memoryBacking vcpu vcpus iothreads iothreadids defaultiothread cputune numatune blkiotune resource os features cpu clock pm perf on_poweroff on_reboot on_crash on_lockfailure devices".split(
    " ",
  ),
);

/** Elements and attributes that hold credentials, or may, wherever they stand. */
const CREDENTIALS = new Set(
  "auth cookies encryption secret identity ssl query initarg initenv initdir inituser initgroup bootloader_args".split(
    " ",
  ),
);

/** Of these not even a hash: it is short enough to be guessed. */
const PASSWORDS = new Set(["passwd", "password"]);

/** Arguments of a guest's kernel whose values are told. The others may hand anything to its programs. */
const TOLD_ARGUMENTS =
  /^(BOOT_IMAGE|acpi\w*|amd_\w+|apparmor|audit|clocksource|console|cpu\w*(\.\w+)*|default_hugepagesz|earlyprintk|hpet|huge\w+|idle|intel_\w+(\.\w+)*|init_on_\w+|iommu\w*(\.\w+)*|ipv6\.disable|irqaffinity|isolcpus|kthread_cpus|kvm\w*(\.\w+)*|maxcpus|mce|mem|mitigations|net\.ifnames|nfvlab\.\w+|nmi_watchdog|no\w+|nr_cpus|numa\w*|panic|pci\w*|possible_cpus|preempt|processor(\.\w+)*|pti|quiet|rcu\w*(\.\w+)*|ro|root|rootfstype|rw|selinux|skew_tick|spec\w+|threadirqs|transparent_hugepage\w*|tsc\w*|tsx\w*|vfio\w*(\.\w+)*|watchdog\w*|workqueue\.\w+|xhci\w*(\.\w+)*)$/;

/** Longest text that is told as it is. */
const LONGEST = 256;

type Add = (leaf: readonly string[], value: string, secret?: boolean) => void;

interface Told {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: readonly (string | StableElement)[];
}

/**
 * What is in force of a running guest, knob by knob, by path: `cputune.vcpupin.0.cpuset`, `devices.disk.vda.driver.cache`. Equal where the guest is the same, whatever its start, its UUID and the order in which it is
 * written. Devices of one kind are numbered in the order of their addresses. CPUs are those of the running threads; where the definition says others, both are told. Of what may hold a secret there is a hash.
 */
export function knobsOf(
  domain: Pick<ObservedDomain, "xml" | "vcpuPins" | "emulatorCpus" | "iothreadPins">,
): Record<string, string> {
  const knobs = new Map<string, string>();
  for (const element of stableDomain(domain.xml)) {
    if (element[0] === "domain") put(knobs, told(element), [], false);
  }
  for (const [pin, threads] of pinsOf(domain)) {
    const path = `cputune.${pin}.cpuset`;
    const defined = knobs.get(path);
    if (threads === "" || (defined !== undefined && CpuSet.parse(defined).format() === threads)) continue;
    knobs.set(path, `${defined ?? "not set"}, threads on ${threads}`);
  }
  return Object.fromEntries([...knobs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function pinsOf({
  vcpuPins,
  emulatorCpus,
  iothreadPins,
}: Pick<ObservedDomain, "vcpuPins" | "emulatorCpus" | "iothreadPins">) {
  return [
    ...vcpuPins.map((cpus, vcpu) => [`vcpupin.${vcpu}`, cpus] as const),
    ["emulatorpin", emulatorCpus] as const,
    ...iothreadPins.map((cpus, index) => [`iothreadpin.${index + 1}`, cpus] as const),
  ];
}

function put(knobs: Map<string, string>, element: Told, path: readonly string[], hidden: boolean): void {
  const { name, content } = element;
  const add = addTo(knobs);
  if (PASSWORDS.has(name)) add(path, "set");
  else if (isWhole(element)) add(path, spoken(element), hidden);
  else if (path.join(".") === "os.cmdline") putArguments(unescaped(content.join(" ")), path, add);
  else putParts(knobs, element, path, hidden, add);
}

function addTo(knobs: Map<string, string>): Add {
  return (leaf, value, secret = false) => {
    const at = leaf.join(".");
    const text = secret || value.length > LONGEST ? hashed(at, value) : value;
    // An attribute and an element of one name are both that knob.
    knobs.set(at, [...(knobs.has(at) ? [knobs.get(at)] : []), text].join(", "));
  };
}

function putParts(
  knobs: Map<string, string>,
  element: Told,
  path: readonly string[],
  hidden: boolean,
  add: Add,
): void {
  const { name, attributes, content } = element;
  const keys = KEYS[name] ?? [];
  for (const [key, value] of Object.entries(attributes)) {
    if (keys.includes(key)) continue;
    if (PASSWORDS.has(key)) add([...path, key], "set");
    else add([...path, key], value, hidden || CREDENTIALS.has(key));
  }
  const texts = content.filter((each) => typeof each === "string");
  if (texts.length > 0) add(path, texts.join(" "), hidden);
  else if (SWITCHES.has(name) || (isEmpty(element) && !EMPTIED.has(name))) add(path, "there");
  for (const [key, child] of childrenOf(element)) {
    const part = path.length === 0 && !PARTS_OF_KNOBS.has(child.name);
    put(knobs, child, [...path, ...key], hidden || part || CREDENTIALS.has(child.name));
  }
}

/** Children with what follows the path of their parent. */
function childrenOf({ name: parent, content }: Told): (readonly [readonly string[], Told])[] {
  const children = content.flatMap((each) => (typeof each === "string" ? [] : [told(each)]));
  const inOrder = parent === "devices" ? inOrderOfAddresses(children) : children;
  const counted = new Map<string, number>();
  return inOrder.map((child) => {
    const key = [child.name, ...keyOf(child)];
    const count = counted.get(key.join(".")) ?? 0;
    counted.set(key.join("."), count + 1);
    const numbered = count > 0 || (parent === "devices" && key.length === 1 && NUMBERED.has(child.name));
    return [numbered ? [...key, `${count}`] : key, child] as const;
  });
}

/** Devices of which a guest often has several. */
const NUMBERED = new Set(["interface", "hostdev", "serial", "console", "channel", "rng", "memory"]);

function keyOf({ name, attributes, content }: Told): string[] {
  const target = BY_TARGET[name];
  const values =
    target === undefined
      ? (KEYS[name] ?? []).map((key) => attributes[key])
      : [attributesOf(content, "target")?.[target]];
  const key = values.filter((value) => value !== undefined).join("-");
  return key === "" ? [] : [key];
}

/** Devices that have no address keep their order, in which libvirt would give them addresses. */
function inOrderOfAddresses(devices: readonly Told[]): Told[] {
  return devices
    .map((device, index) => {
      const address = attributesOf(device.content, "address");
      return {
        device,
        index,
        place: address === undefined ? "" : spoken({ name: "address", attributes: address, content: [] }),
      };
    })
    .sort((one, other) =>
      one.place === other.place ? one.index - other.index : one.place < other.place ? -1 : 1,
    )
    .map(({ device }) => device);
}

function attributesOf(content: Told["content"], name: string) {
  return content.find((each): each is StableElement => typeof each !== "string" && each[0] === name)?.[1];
}

function isEmpty({ attributes, content }: Told): boolean {
  return content.length === 0 && Object.keys(attributes).length === 0;
}

/** An element in one line: `pci, bus 0x01, domain 0x0000, function 0x0, slot 0x00`. */
function spoken({ name, attributes, content }: Told): string {
  const { type, ...rest } = attributes;
  const keys = name === "address" ? [] : (KEYS[name] ?? []);
  return [
    ...(type === undefined || keys.includes("type") ? [] : [type]),
    ...Object.entries(rest)
      .filter(([key]) => !keys.includes(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key} ${value}`),
    ...content.map((each) => (typeof each === "string" ? each : `${each[0]} (${spoken(told(each))})`)).sort(),
  ].join(", ");
}

/** The boot line of a guest's kernel, argument by argument. Of arguments that may hand anything to its programs there is a hash. */
export function argumentKnobs(line: string, path: readonly string[]): Record<string, string> {
  const knobs = new Map<string, string>();
  putArguments(line, path, addTo(knobs));
  return Object.fromEntries(knobs);
}

/** By argument its values in their order; those of huge pages together, since a size goes before its count. */
function putArguments(line: string, path: readonly string[], add: Add): void {
  const { kernel, init } = parseBootArguments(line);
  const values = new Map<string, string[]>();
  const more = (name: string, value: string) => values.set(name, [...(values.get(name) ?? []), value]);
  for (const { name, value } of kernel) {
    if (/^(default_)?hugepages/.test(name)) more("hugepages", `${name}=${value}`);
    else if (TOLD_ARGUMENTS.test(name) || value !== undefined) more(name, value ?? "set");
    else more("other", name);
  }
  if (init.length > 0) more("init", init.join(" "));
  for (const [name, all] of values) add([...path, name], all.join(" "), !TOLD_ARGUMENTS.test(name));
}

function unescaped(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function told([name, attributes, content]: StableElement): Told {
  return { name, attributes, content };
}

/** With its path, so that equal values in two places don't show that they are equal. */
function hashed(path: string, value: string): string {
  return `sha256:${createHash("sha256").update(`${path}\0${value}`).digest("hex").slice(0, 32)}`;
}
