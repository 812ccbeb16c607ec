import { XMLParser } from "fast-xml-parser";
import { CpuSet } from "../units/cpuset.ts";
import type { Probe } from "./probe.ts";

export interface ObservedThread {
  readonly name: string;
  readonly cpus: CpuSet;
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
  readonly sockets: readonly string[];
  readonly macs: readonly string[];
  /** Threads of its QEMU, while it runs. */
  readonly threads: readonly ObservedThread[];
  /** The definition in force, as libvirt writes it. */
  readonly xml: string;
}

// libvirt's own pid files tell the process; reading needs no right to change anything.
const SCRIPT = `virsh --readonly --quiet --connect qemu:///system list --all --name | while read -r name; do
  [ -n "$name" ] || continue
  echo "@domain $name"
  echo "@state $(virsh --readonly --quiet --connect qemu:///system domstate "$name" | head -n 1)"
  virsh --readonly --quiet --connect qemu:///system dumpxml "$name"
  pid=$(cat "/run/libvirt/qemu/$name.pid" 2>/dev/null) || continue
  for task in /proc/$pid/task/*; do echo "@thread $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$task/status") $(cat "$task/comm")"; done
done; true`;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  processEntities: false,
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name) => ["vcpupin", "interface", "page"].includes(name),
});

/** All guests of the machine: definitions, states, and the threads of those that run. Empty where there is no libvirt. */
export const domains: Probe<readonly ObservedDomain[]> = {
  name: "libvirt-domains",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) =>
    stdout
      .split(/^@domain /m)
      .slice(1)
      .map(parseDomain),
};

function parseDomain(section: string): ObservedDomain {
  const lines = section.split("\n");
  const name = lines[0] ?? "";
  const state =
    lines
      .find((line) => line.startsWith("@state "))
      ?.slice("@state ".length)
      .trim() ?? "";
  const threads = lines.flatMap((line): ObservedThread[] => {
    const match = /^@thread (\S*) (.*)$/.exec(line);
    return match === null ? [] : [{ cpus: CpuSet.parse(match[1] ?? ""), name: match[2] ?? "" }];
  });
  const xml = lines
    .slice(1)
    .filter((line) => !line.startsWith("@"))
    .join("\n");
  const { domain } = parser.parse(xml) as { domain: Element };
  const get = (...path: string[]) =>
    path.reduce<unknown>((element, key) => (element as Element | undefined)?.[key], domain);
  const interfaces = (get("devices", "interface") as Element[] | undefined) ?? [];
  const defined = (get("cputune", "vcpupin") as Element[] | undefined) ?? [];
  const count = Number(textOf(get("vcpu")) || defined.length);
  const emulator = threads.find(
    (thread) => thread.name.startsWith("qemu-system") || thread.name.startsWith("qemu-kvm"),
  );
  const owner = get("metadata", "nfvlab:owner", "@tag") as string | undefined;
  return {
    name,
    uuid: textOf(get("uuid")),
    state,
    ...(owner !== undefined && { owner }),
    memoryKib: Number(textOf(get("memory"))),
    pageSizeKib: Number(
      (get("memoryBacking", "hugepages", "page") as Element[] | undefined)?.[0]?.["@size"] ?? 4,
    ),
    numaNode: Number(get("numatune", "memory", "@nodeset") ?? 0),
    vcpuPins: Array.from({ length: count }, (_, vcpu) => {
      const thread = threads.find(
        (candidate) => candidate.name === `CPU ${vcpu}/KVM` || candidate.name === `CPU ${vcpu}/TCG`,
      );
      const pin = defined.find((element) => Number(element["@vcpu"]) === vcpu)?.["@cpuset"];
      return thread?.cpus.format() ?? CpuSet.parse(String(pin ?? "")).format();
    }),
    emulatorCpus:
      emulator?.cpus.format() ??
      CpuSet.parse(String(get("cputune", "emulatorpin", "@cpuset") ?? "")).format(),
    sockets: interfaces.flatMap(
      (element) => ((element.source as Element | undefined)?.["@path"] as string | undefined) ?? [],
    ),
    macs: interfaces.flatMap(
      (element) => ((element.mac as Element | undefined)?.["@address"] as string | undefined) ?? [],
    ),
    threads,
    xml,
  };
}

type Element = Readonly<Record<string, unknown>>;

function textOf(element: unknown): string {
  if (typeof element === "object" && element !== null) return String((element as Element)["#text"] ?? "");
  return element === undefined ? "" : String(element);
}

/** Flags of the machine's CPU, and the user that guests run as. */
export const guestPlatform: Probe<{ readonly cpuFlags: ReadonlySet<string>; readonly qemuUser: string }> = {
  name: "guest-platform",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      "grep -m1 '^flags' /proc/cpuinfo; for user in libvirt-qemu qemu root; do id -u $user >/dev/null 2>&1 && echo user=$user && break; done",
    ],
  },
  parse: ({ stdout }) => ({
    cpuFlags: new Set((/^flags\s*:\s*(.*)$/m.exec(stdout)?.[1] ?? "").split(" ")),
    qemuUser: /^user=(\S+)$/m.exec(stdout)?.[1] ?? "root",
  }),
};
