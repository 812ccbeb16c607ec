import { XMLParser } from "fast-xml-parser";
import { CpuSet } from "../units/cpuset.ts";
import { TIMED_OUT, unreadable } from "./parse-error.ts";
import type { Answer, Probe } from "./probe.ts";
import { type ObservedThread, threadsOf } from "./qemu-threads.ts";
import { sectionsOf } from "./sections.ts";
import { understood, wholeNumberOf } from "./understood.ts";

/** An interface or a passed-through function as the definition holds it. */
export interface ObservedNic {
  /** libvirt's type, or `pci` for a function passed through as it is. */
  readonly type: string;
  readonly mac?: string;
  /** What it is on the host: socket path, bridge, device or PCI address. */
  readonly source?: string;
  readonly model?: string;
  readonly vlan?: number;
}

export interface ObservedDomain {
  readonly name: string;
  readonly uuid: string;
  /** As virsh says: running, paused, shut off, … */
  readonly state: string;
  readonly owner?: string;
  readonly memoryKib: number;
  readonly pageSizeKib: number;
  readonly numaNode: number;
  /** Pins as they are in force: of the running threads, else of the definition. */
  readonly vcpuPins: readonly string[];
  readonly emulatorCpus: string;
  readonly iothreadPins: readonly string[];
  readonly nics: readonly ObservedNic[];
  /** Names of memory that it shares with others. */
  readonly sharedMemory: readonly string[];
  /** Whether something in it has opened the channel of a guest agent. */
  readonly agent: "connected" | "disconnected" | "absent";
  /** Threads of its QEMU, while it runs. */
  readonly threads: readonly ObservedThread[];
  /** The definition in force, as libvirt writes it. */
  readonly xml: string;
}

// One virsh for all guests: each start of it takes a machine under load seconds, and twenty guests would take longer than an answer may. Its echo ends no line, so
// line ends are handed over inside the quotes. A guest may go between the list and the question. libvirt's own pid files tell the process; reading needs no right to change anything.
const SCRIPT = `ask() { virsh --readonly --quiet --connect qemu:///system "$@"; }
names=$(ask list --all --name | grep .) || exit 0
ask "$(echo "$names" | sed -e 's/[\\\\"]/\\\\&/g' -e 's/.*/echo "\\x01@domain &\\x01@state "; domstate "&"; dumpxml "&";/' | tr '\\n\\001' ' \\n')"
echo "$names" | while read -r name; do
  pid=$(cat "/run/libvirt/qemu/$name.pid" 2>/dev/null) || continue
  echo "@domain $name"
  grep -H '' /proc/$pid/task/*/stat 2>/dev/null | sed 's/^/@/'
  grep -H '^Cpus_allowed_list' /proc/$pid/task/*/status 2>/dev/null | sed 's/^/@/'
done; true`;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  processEntities: false,
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name) =>
    ["vcpupin", "iothreadpin", "interface", "hostdev", "channel", "page", "shmem"].includes(name),
});

/** All guests of the machine: definitions, states, and the threads of those that run. Empty where there is no libvirt. */
export const domains: Probe<readonly ObservedDomain[]> = {
  name: "libvirt-domains",
  // libvirt says nothing of a guest while its monitor is busy, as with a passed-through function that is being reset.
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT], limitS: 60 },
  parse: (answer) => {
    // What was cut off says nothing of the guests behind it.
    if (answer.code === TIMED_OUT) throw unreadable("the guests of libvirt", { ...answer, stdout: "" });
    return [...guestsIn(answer.stdout)].map(([name, section]) =>
      understood(`the definition of guest ${name}`, { ...answer, stdout: section }, () =>
        parseDomain(name, section, answer),
      ),
    );
  },
};

/** By guest what is told of it, here and there. One of which nothing is told went between the list and the question. */
function guestsIn(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const { head: name, lines } of sectionsOf(text, "domain")) {
    sections.set(name, `${sections.get(name) ?? ""}${lines.join("\n")}`);
  }
  for (const [name, told] of sections) if (/^\s*(@state\s*)?$/.test(told)) sections.delete(name);
  return sections;
}

/** Without a definition a guest of ours would look like another's. */
function parseDomain(name: string, section: string, answer: Answer): ObservedDomain {
  const lines = section.split("\n");
  const state =
    lines
      .find((line) => line.startsWith("@state "))
      ?.slice("@state ".length)
      .trim() ?? "";
  const threads = threadsOf(lines);
  const xml = lines.filter((line) => !line.startsWith("@")).join("\n");
  const { domain } = parser.parse(xml) as { domain?: Element };
  if (domain === undefined) throw unreadable(`the definition of guest ${name}`, { ...answer, stdout: xml });
  const get = (...path: string[]) =>
    path.reduce<unknown>((element, key) => (element as Element | undefined)?.[key], domain);
  const all = (...path: string[]) => (get(...path) as Element[] | undefined) ?? [];
  const defined = all("cputune", "vcpupin");
  const definedThreads = all("cputune", "iothreadpin");
  const count = Number(textOf(get("vcpu")) || defined.length);
  const emulator = threads.find(({ main }) => main);
  const owner = get("metadata", "nfvlab:owner", "@tag") as string | undefined;
  return {
    name,
    uuid: textOf(get("uuid")),
    state,
    ...(owner !== undefined && { owner }),
    memoryKib: wholeNumberOf(`the memory of guest ${name}`, textOf(get("memory"))),
    pageSizeKib: wholeNumberOf(
      `the page size of guest ${name}`,
      String(all("memoryBacking", "hugepages", "page")[0]?.["@size"] ?? 4),
    ),
    numaNode: firstNode(get("numatune")),
    vcpuPins: Array.from({ length: count }, (_, vcpu) => {
      const thread = threads.find((candidate) => candidate.vcpu === vcpu);
      const pin = defined.find((element) => Number(element["@vcpu"]) === vcpu)?.["@cpuset"];
      return thread?.cpus.format() ?? CpuSet.parse(String(pin ?? "")).format();
    }),
    emulatorCpus:
      emulator?.cpus.format() ??
      CpuSet.parse(String(get("cputune", "emulatorpin", "@cpuset") ?? "")).format(),
    iothreadPins: Array.from({ length: Number(textOf(get("iothreads")) || 0) }, (_, index) => {
      const thread = threads.find((candidate) => candidate.name === `IO iothread${index + 1}`);
      const pin = definedThreads.find((element) => Number(element["@iothread"]) === index + 1)?.["@cpuset"];
      return thread?.cpus.format() ?? CpuSet.parse(String(pin ?? "")).format();
    }),
    nics: [...all("devices", "interface").map(interfaceOf), ...all("devices", "hostdev").flatMap(functionOf)],
    sharedMemory: all("devices", "shmem").map((element) => String(element["@name"])),
    agent: agentOf(all("devices", "channel")),
    threads,
    xml,
  };
}

type Element = Readonly<Record<string, unknown>>;

/** libvirt says of a running guest whether the port is open in it. */
function agentOf(channels: readonly Element[]): ObservedDomain["agent"] {
  const target = channels
    .map((channel) => channel.target as Element | undefined)
    .find((each) => each?.["@name"] === "org.qemu.guest_agent.0");
  if (target === undefined) return "absent";
  return target["@state"] === "connected" ? "connected" : "disconnected";
}

function interfaceOf(element: Element): ObservedNic {
  const part = (name: string) => element[name] as Element | undefined;
  const type = String(element["@type"]);
  const source = part("source");
  const names = ["@path", "@network", "@bridge", "@dev"].flatMap(
    (key) => (source?.[key] as string | undefined) ?? [],
  );
  const target = type === "ethernet" ? (part("target")?.["@dev"] as string | undefined) : undefined;
  const where = type === "hostdev" ? pciAddressOf(source) : (names[0] ?? target);
  const tag = part("vlan")?.tag as Element | undefined;
  return {
    type,
    ...text("mac", part("mac")?.["@address"]),
    ...text("source", where),
    ...text("model", part("model")?.["@type"]),
    ...(tag !== undefined && { vlan: wholeNumberOf("the VLAN of an interface", String(tag["@id"])) }),
  };
}

function functionOf(element: Element): ObservedNic[] {
  return element["@type"] === "pci" ? [{ type: "pci", ...text("source", pciAddressOf(element.source)) }] : [];
}

function pciAddressOf(source: unknown): string | undefined {
  const address = (source as Element | undefined)?.address as Element | undefined;
  if (address === undefined) return undefined;
  const [domain, bus, slot, fn] = ["domain", "bus", "slot", "function"].map((part) =>
    Number(address[`@${part}`] ?? 0).toString(16),
  );
  return `${domain?.padStart(4, "0")}:${bus?.padStart(2, "0")}:${slot?.padStart(2, "0")}.${fn}`;
}

function text<K extends string>(key: K, value: unknown): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: String(value) }) as { [P in K]?: string };
}

/** Node of the guest's first memory: of several cells, that of the first. */
function firstNode(tune: unknown): number {
  const nodes = (tune as Element | undefined)?.memnode;
  const [first] = Array.isArray(nodes) ? nodes : [nodes];
  const list =
    (first as Element | undefined)?.["@nodeset"] ??
    ((tune as Element | undefined)?.memory as Element | undefined)?.["@nodeset"];
  return [...CpuSet.parse(String(list ?? "0"))][0] ?? 0;
}

function textOf(element: unknown): string {
  if (typeof element === "object" && element !== null) return String((element as Element)["#text"] ?? "");
  return element === undefined ? "" : String(element);
}
