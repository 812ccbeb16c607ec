import { OWNER_KEY } from "../schema/ovs.ts";
import { HostError } from "../units/errors.ts";
import { decodeTables, listOf, mapOf, optional, type Row } from "./ovsdb.ts";
import { unreadable } from "./parse-error.ts";
import { type Answer, filesOf, type Probe } from "./probe.ts";
import { jsonOf, understood } from "./understood.ts";

/** What is set in a row, one text by the path that ovs-vsctl writes to: `options:n_rxq`, `mtu_request`. */
export type Settings = Readonly<Record<string, string>>;

export interface ObservedInterface {
  readonly name: string;
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  readonly status: Readonly<Record<string, string>>;
  readonly error?: string;
  /** -1 where it could not be added. */
  readonly ofport?: number;
  readonly ofportRequest?: number;
  readonly mtuRequest?: number;
  readonly linkState?: string;
  /** The kernel's number of it: 0 where the kernel has none, or no longer. */
  readonly ifindex?: number;
  readonly statistics: Readonly<Record<string, number>>;
  readonly settings: Settings;
  /** Row of the database, by which a port lets go of it. */
  readonly uuid: string;
  readonly bridge?: string;
  readonly port?: string;
  readonly owner?: string;
}

export interface ObservedQos {
  readonly uuid: string;
  readonly type: string;
  readonly settings: Settings;
  readonly owner?: string;
}

export interface ObservedPort {
  readonly name: string;
  readonly bridge?: string;
  /** Names of its interfaces: one, or the members of a bond. */
  readonly interfaces: readonly string[];
  readonly settings: Settings;
  readonly qos?: ObservedQos;
  readonly owner?: string;
}

export interface ObservedBridge {
  readonly name: string;
  readonly datapath: string;
  readonly failMode?: string;
  readonly settings: Settings;
  readonly owner?: string;
}

export interface ObservedDatabase {
  /** Tag of the resource that sets the daemon's options. */
  readonly owner?: string;
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly initialized: boolean;
  readonly dpdkVersion: string;
  readonly version: string;
  /** The daemon has taken over the last change. */
  readonly settled: boolean;
  /** Types of interfaces that the running daemon can have; those of DPDK only once it runs. */
  readonly interfaceTypes: readonly string[];
  readonly bridges: readonly ObservedBridge[];
  readonly ports: readonly ObservedPort[];
  readonly interfaces: readonly ObservedInterface[];
}

/** A switch that is not installed, or whose database does not answer, is an observation too. */
export type Switch =
  | { readonly state: "absent" }
  | { readonly state: "silent"; readonly said: string }
  | ({ readonly state: "answering" } & ObservedDatabase);

const columns = (...names: string[]) => `--columns=${names.join(",")}`;

/** The switch's database: options, bridges, ports, interfaces. Whole rows, since older databases lack some of the columns. */
export const ovsDatabase: Probe<Switch> = {
  name: "ovs-database",
  ask: {
    kind: "command",
    argv: [
      ...(["ovs-vsctl", "--timeout=5", "--format=json"] as const),
      ...[
        columns(
          "other_config",
          "external_ids",
          "dpdk_initialized",
          "dpdk_version",
          "ovs_version",
          "cur_cfg",
          "next_cfg",
          "iface_types",
        ),
        "list",
        "Open_vSwitch",
        "--",
      ],
      ...["list", "Bridge", "--"],
      ...["list", "Port", "--"],
      ...["list", "Interface", "--"],
      ...["list", "QoS"],
    ],
  },
  parse: (answer) => {
    if (answer.code === 127) return { state: "absent" };
    if (answer.code !== 0) return { state: "silent", said: lastLine(answer) };
    return understood("the database of Open vSwitch", answer, () => databaseIn(answer));
  },
};

function databaseIn(answer: Answer): Switch {
  const [daemons = [], bridges = [], ports = [], interfaces = [], qos = []] = decodeTables(answer.stdout);
  const daemon = daemons[0];
  if (daemon === undefined) throw unreadable("the database of Open vSwitch", answer);
  const nameOf = new Map(interfaces.map((row) => [row._uuid, String(row.name)]));
  const bridgeOf = new Map(
    bridges.flatMap((bridge) => listOf(bridge.ports).map((port) => [port, String(bridge.name)] as const)),
  );
  const portOf = new Map(
    ports.flatMap((port) => listOf(port.interfaces).map((uuid) => [uuid, port] as const)),
  );
  const qosOf = new Map(qos.map((row) => [row._uuid, observedQos(row)]));
  return {
    state: "answering",
    ...given("owner", ownerOf(daemon)),
    otherConfig: mapOf(daemon.other_config),
    initialized: daemon.dpdk_initialized === true,
    dpdkVersion: String(optional(daemon.dpdk_version) ?? "none").replace(/^DPDK /, ""),
    version: String(optional(daemon.ovs_version) ?? ""),
    settled: daemon.cur_cfg === daemon.next_cfg,
    interfaceTypes: listOf(daemon.iface_types).map(String),
    bridges: bridges.map((row) => ({
      name: String(row.name),
      datapath: String(row.datapath_type || "system"),
      ...given("failMode", optional<string>(row.fail_mode)),
      settings: settingsOf(row),
      ...given("owner", ownerOf(row)),
    })),
    ports: ports.map((row) => ({
      name: String(row.name),
      ...given("bridge", bridgeOf.get(row._uuid)),
      interfaces: listOf(row.interfaces).flatMap((uuid) => nameOf.get(uuid) ?? []),
      settings: settingsOf(row),
      ...given("qos", qosOf.get(optional(row.qos))),
      ...given("owner", ownerOf(row)),
    })),
    interfaces: interfaces.map((row) => ({
      name: String(row.name),
      uuid: String(row._uuid),
      type: String(row.type || "system"),
      options: mapOf(row.options),
      status: mapOf(row.status),
      statistics: mapOf(row.statistics) as unknown as Readonly<Record<string, number>>,
      settings: settingsOf(row),
      ...given("error", optional<string>(row.error)),
      ...given("ofport", optional<number>(row.ofport)),
      ...given("ofportRequest", optional<number>(row.ofport_request)),
      ...given("mtuRequest", optional<number>(row.mtu_request)),
      ...given("linkState", optional<string>(row.link_state)),
      ...given("ifindex", optional<number>(row.ifindex)),
      ...given("bridge", bridgeOf.get(portOf.get(row._uuid)?._uuid)),
      ...given("port", optional<string>(portOf.get(row._uuid)?.name)),
      ...given("owner", ownerOf(row)),
    })),
  };
}

function observedQos(row: Row): ObservedQos {
  return {
    uuid: String(row._uuid),
    type: String(row.type),
    settings: settingsOf(row),
    ...given("owner", ownerOf(row)),
  };
}

function ownerOf(row: Row): string | undefined {
  return mapOf(row.external_ids)[OWNER_KEY];
}

/** What a person may have set in a row, not what the daemon says of itself. */
function settingsOf(row: Row): Settings {
  return Object.fromEntries(
    Object.entries(row).flatMap(([column, cell]): [string, string][] => {
      if (TOLD.has(column) || cell === null || cell === undefined || cell === "") return [];
      if (Array.isArray(cell))
        return cell.length === 0 ? [] : [[column, cell.map(String).sort(byNumber).join(",")]];
      if (typeof cell !== "object") return [[column, String(cell)]];
      return Object.entries(cell).map(([key, value]) => [`${column}:${key}`, String(value)]);
    }),
  );
}

const TOLD: ReadonlySet<string> = new Set(["_uuid", "name", "statistics", "status", "external_ids"]);

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b) || (a < b ? -1 : 1);
}

/** Whether ovs-vswitchd itself answers within five seconds: its database does, long after its main thread no longer turns. */
export const ovsLiveness: Probe<boolean> = {
  name: "ovs-liveness",
  ask: { kind: "command", argv: ["ovs-appctl", "--timeout=5", "--target=ovs-vswitchd", "version"] },
  parse: ({ code }) => code === 0,
};

export interface PolledQueue {
  readonly pmdCpu: number;
  readonly numaNode: number;
  readonly port: string;
  readonly queue: number;
  readonly enabled: boolean;
  /** Share of the thread's time over the last minute, where it is known. */
  readonly usagePercent?: number;
}

export interface PollModeThread {
  readonly cpu: number;
  readonly numaNode: number;
  readonly isolated: boolean;
  /** Share of its time that no queue took, where it is known. */
  readonly overheadPercent?: number;
  readonly queues: readonly PolledQueue[];
}

/** Who polls what, or why ovs-vswitchd does not say. */
export type Polling =
  | { readonly state: "answering"; readonly threads: readonly PollModeThread[] }
  | { readonly state: "silent"; readonly said: string };

/** Poll-mode threads and the receive queues given to them; no threads where the datapath has none. */
export const polling: Probe<Polling> = {
  name: "ovs-pmd-rxq",
  ask: {
    kind: "command",
    argv: ["ovs-appctl", "--timeout=5", "--target=ovs-vswitchd", "dpif-netdev/pmd-rxq-show"],
  },
  parse: (answer) =>
    answer.code === 0
      ? { state: "answering", threads: parsePmdRxqShow(answer.stdout) }
      : { state: "silent", said: lastLine(answer) },
};

/**
 * Reads `dpif-netdev/pmd-rxq-show` of every release since 2.8: several queue numbers in a row before 2.9, usage since 2.9, enabled since 2.13, `NOT AVAIL`
 * while nothing was measured.
 */
export function parsePmdRxqShow(text: string): PollModeThread[] {
  const threads: (Omit<PollModeThread, "queues" | "isolated" | "overheadPercent"> & {
    isolated: boolean;
    overheadPercent?: number;
    queues: PolledQueue[];
  })[] = [];
  for (const line of text.split(/\r?\n/)) {
    const header = /^pmd thread numa_id (-?\d+) core_id (\d+):\s*$/.exec(line);
    if (header !== null) {
      threads.push({ numaNode: Number(header[1]), cpu: Number(header[2]), isolated: false, queues: [] });
      continue;
    }
    const thread = threads.at(-1);
    if (thread === undefined) continue;
    const isolated = /^\s*isolated\s*:\s*(true|false)/.exec(line);
    if (isolated !== null) thread.isolated = isolated[1] === "true";
    const overhead = /^\s*overhead\s*:\s*(\d+)\s*%/.exec(line);
    if (overhead !== null) thread.overheadPercent = Number(overhead[1]);
    const queues =
      /^\s*port:\s*(\S+)\s+queue-id:\s*((?:\d+\s*)+)(?:\((enabled|disabled)\))?\s*(?:pmd usage:\s*(?:(\d+)\s*%|NOT AVAIL))?/.exec(
        line,
      );
    if (queues === null) continue;
    const [, port = "", numbers = "", enabled, usage] = queues;
    for (const queue of numbers.trim().split(/\s+/).map(Number)) {
      thread.queues.push({
        pmdCpu: thread.cpu,
        numaNode: thread.numaNode,
        port,
        queue,
        enabled: enabled !== "disabled",
        ...(usage !== undefined && { usagePercent: Number(usage) }),
      });
    }
  }
  return threads;
}

/** Flows of every bridge, one text each, with their cookies. */
export const bridgeFlows: Probe<ReadonlyMap<string, readonly ObservedFlow[]>> = {
  name: "ovs-flows",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      'for bridge in $(ovs-vsctl --timeout=5 list-br); do echo "bridge $bridge"; ovs-ofctl --timeout=5 -O OpenFlow13 --no-stats --no-names dump-flows "$bridge"; done; true',
    ],
  },
  parse: ({ stdout }) => {
    const flows = new Map<string, ObservedFlow[]>();
    let current: ObservedFlow[] = [];
    for (const line of stdout.split("\n")) {
      const bridge = /^bridge (\S+)$/.exec(line)?.[1];
      if (bridge !== undefined) {
        current = [];
        flows.set(bridge, current);
      }
      const flow = /^\s*cookie=(0x[0-9a-f]+), (.*actions=.*)$/.exec(line);
      if (flow !== null) current.push({ cookie: flow[1] ?? "", text: (flow[2] ?? "").trim() });
    }
    return flows;
  },
};

export interface ObservedFlow {
  readonly cookie: string;
  readonly text: string;
}

/**
 * Numbers of the interfaces that some packet socket is bound to: a userspace datapath receives from the kernel's interfaces by such. A socket stays behind, bound to -1, where
 * its interface was taken away, also once there is another of that name. Undefined where the kernel does not say.
 */
export const packetSockets: Probe<ReadonlySet<number> | undefined> = {
  name: "packet-sockets",
  ask: { kind: "files", patterns: ["/proc/net/packet"] },
  parse: (answer) => {
    const [head = "", ...rows] = filesOf(answer).get("/proc/net/packet") ?? [];
    const column = words(head).indexOf("Iface");
    return column < 0 ? undefined : new Set(rows.map((row) => Number(words(row)[column])));
  },
};

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}

/** IPv4 addresses by interface. */
export const interfaceAddresses: Probe<ReadonlyMap<string, readonly string[]>> = {
  name: "interface-addresses",
  ask: { kind: "command", argv: ["ip", "-j", "-4", "addr", "show"] },
  parse: (answer) =>
    understood("the addresses of the interfaces (ip)", answer, () => {
      const links = jsonOf(answer.stdout.trim() || "[]") as {
        ifname?: string;
        addr_info?: { local: string; prefixlen: number }[];
      }[];
      return new Map(
        links.flatMap(({ ifname, addr_info = [] }) =>
          ifname === undefined
            ? []
            : [[ifname, addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)] as const],
        ),
      );
    }),
};

/**
 * The switch, which must be there and answer.
 *
 * @throws HostError `ovs-missing`, `ovs-not-answering`
 */
export function answering(observed: Switch, live = true): ObservedDatabase {
  if (observed.state === "absent") {
    throw new HostError({
      code: "ovs-missing",
      problem: "Open vSwitch is not installed on this host",
      observed: "no ovs-vsctl",
      hint: "install openvswitch-switch-dpdk (Debian, Ubuntu) or openvswitch with DPDK",
    });
  }
  if (observed.state === "silent" || !live) {
    const daemon = observed.state === "silent" ? "ovsdb-server" : "ovs-vswitchd";
    throw new HostError({
      code: "ovs-not-answering",
      problem: `${daemon} did not answer within 5 s`,
      observed: observed.state === "silent" ? observed.said : "no answer to ovs-appctl version",
      hint: `look at it: systemctl status ${daemon}; a main thread that hangs needs a restart, which interrupts all its ports`,
    });
  }
  return observed;
}

function given<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: T });
}

function lastLine({ stderr, code }: Answer): string {
  return stderr.trim().split("\n").at(-1) || `exit code ${code}`;
}
