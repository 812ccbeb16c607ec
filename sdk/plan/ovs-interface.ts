import type {
  ObservedBridge,
  ObservedDatabase,
  ObservedInterface,
  Polling,
  Settings,
} from "../observe/ovs.ts";
import type { OvsInterface, VirtualDevice } from "../schema/ovs-interface.ts";
import { HostError } from "../units/errors.ts";
import { bytes } from "../units/size.ts";
import {
  decodeFields,
  encodeFields,
  type Field,
  flag,
  numberMap,
  same,
  whole,
  wholeOrWord,
} from "./ovs-notation.ts";
import { changeRow, ownSettings } from "./ovs-row.ts";

/** An interface as a user asks for it, beside its name. */
export interface InterfaceInputs {
  readonly interface: OvsInterface;
  readonly openflowPort?: number | undefined;
  readonly mtu?: number | undefined;
  readonly ingressPolicing?:
    | {
        readonly rate?: number | undefined;
        readonly burst?: number | undefined;
        readonly packetRate?: number | undefined;
        readonly packetBurst?: number | undefined;
      }
    | undefined;
}

type Kind = OvsInterface["kind"];
/** Addresses are the kernel's, and devargs hang on the port's name. */
type Stored<K extends Kind> = Exclude<
  keyof Extract<OvsInterface, { kind: K }>,
  "kind" | "addresses" | "devargs"
>;

const option = (key: string) => ({ path: `options:${key}` });
const other = (key: string) => ({ path: `other_config:${key}` });

const placed = {
  rxqAffinity: { ...other("pmd-rxq-affinity"), ...numberMap },
  exactMatchCache: { ...other("emc-enable"), ...flag },
  txSteering: { ...other("tx-steering"), ...same },
};
const polled = { rxQueues: { ...option("n_rxq"), ...whole }, ...placed };
const xdp = {
  xdpMode: { ...option("xdp-mode"), ...same },
  needWakeup: { ...option("use-need-wakeup"), ...flag },
};
const tunnel = {
  remoteIp: { ...option("remote_ip"), ...same },
  localIp: { ...option("local_ip"), ...same },
  key: { ...option("key"), ...wholeOrWord },
  ttl: { ...option("ttl"), ...whole },
  tos: { ...option("tos"), ...whole },
  checksum: { ...option("csum"), ...flag },
  dontFragment: { ...option("df_default"), ...flag },
};
const udpTunnel = { ...tunnel, destinationPort: { ...option("dst_port"), ...whole } };

/** Where each field of each kind stands in the row of an interface. */
const KINDS: { readonly [K in Kind]: Readonly<Record<Stored<K>, Field>> } = {
  dpdkvhostuserclient: {
    socketPath: { ...option("vhost-server-path"), ...same },
    txRetriesMax: { ...option("tx-retries-max"), ...whole },
    maxQueuePairs: { ...option("vhost-max-queue-pairs"), ...whole },
    ...placed,
  },
  dpdkvhostuser: {},
  dpdk: {
    ...polled,
    rxDescriptors: { ...option("n_rxq_desc"), ...whole },
    txDescriptors: { ...option("n_txq_desc"), ...whole },
    rxFlowControl: { ...option("rx-flow-ctrl"), ...flag },
    txFlowControl: { ...option("tx-flow-ctrl"), ...flag },
    flowControlAutonegotiation: { ...option("flow-ctrl-autoneg"), ...flag },
    linkStateInterrupt: { ...option("dpdk-lsc-interrupt"), ...flag },
    rxSteering: { ...option("rx-steering"), ...same },
    vfMac: { ...option("dpdk-vf-mac"), ...same },
  },
  afxdp: { ...xdp, ...polled },
  "afxdp-nonpmd": { ...xdp, rxQueues: polled.rxQueues },
  system: {},
  internal: {},
  tap: {},
  patch: { peer: { ...option("peer"), ...same } },
  vxlan: udpTunnel,
  geneve: udpTunnel,
  gre: tunnel,
};

const COLUMNS = {
  openflowPort: { path: "ofport_request", ...whole },
  mtu: { path: "mtu_request", ...whole },
};
const POLICING = {
  rate: { path: "ingress_policing_rate", ...whole },
  burst: { path: "ingress_policing_burst", ...whole },
  packetRate: { path: "ingress_policing_kpkts_rate", ...whole },
  packetBurst: { path: "ingress_policing_kpkts_burst", ...whole },
};
const DEVARGS = "options:dpdk-devargs";

const PATHS: ReadonlySet<string> = new Set(
  [COLUMNS, POLICING, placed].flatMap((fields) => Object.values(fields).map(({ path }) => path)),
);

/** Options belong to the kind as a whole; of the other columns those that have a field. */
const isOwn = (path: string) => path.startsWith("options:") || PATHS.has(path);

/** The settings of an interface's row. */
export function interfaceSettings(name: string, inputs: InterfaceInputs): Record<string, string> {
  const { interface: wanted, ingressPolicing = {} } = inputs;
  return {
    ...(wanted.kind === "dpdk" && { [DEVARGS]: deviceArguments(name, wanted.devargs) }),
    ...encodeFields(KINDS[wanted.kind], wanted),
    ...encodeFields(COLUMNS, inputs),
    ...encodeFields(POLICING, ingressPolicing),
  };
}

/** The device of a dpdk port as DPDK takes it. A virtual one is named after its port, so that no two have one name. */
export function deviceArguments(port: string, device: string | VirtualDevice): string {
  if (typeof device === "string") return device;
  const driver = device.kind.replace("-", "_");
  const parameters = Object.entries(DEVICE_PARAMETERS).flatMap(([field, [key, encode]]) => {
    const value = (device as unknown as Record<string, unknown>)[field];
    return value === undefined ? [] : [`${key}=${encode(value as never)}`];
  });
  return [
    `net_${driver}_${port}`,
    ...parameters,
    ...(device.kind === "memif" ? ["socket-abstract=no"] : []),
  ].join(",");
}

const bit = (value: boolean) => (value ? "1" : "0");
const inBytes = (size: string) => String(bytes(size));

/** Parameters of DPDK's virtual devices, in the order in which they are written. */
const DEVICE_PARAMETERS: Readonly<Record<string, readonly [string, (value: never) => string]>> = {
  interface: ["iface", String],
  role: ["role", String],
  id: ["id", String],
  socketPath: ["socket", String],
  size: ["size", String],
  copy: ["copy", bit],
  silent: ["no-rx", bit],
  queuePairs: ["qpairs", String],
  blockSize: ["blocksz", inBytes],
  frameSize: ["framesz", inBytes],
  frameCount: ["framecnt", String],
  qdiscBypass: ["qdisc_bypass", bit],
  startQueue: ["start_queue", String],
  queueCount: ["queue_count", String],
  busyBudget: ["busy_budget", String],
  mac: ["mac", String],
  packetBuffer: ["bsize", inBytes],
  ringSizeLog2: ["rsize", String],
  zeroCopy: ["zero-copy", (value: boolean) => (value ? "yes" : "no")],
};

/** An interface as inputs, from its row. */
export function observedInterface(
  row: ObservedInterface,
  wanted: Partial<InterfaceInputs>,
  addresses: readonly string[],
): InterfaceInputs {
  const kind = row.type as Kind;
  if (!(kind in KINDS)) {
    throw new HostError({
      code: "interface-type",
      property: "interface",
      problem: `interface ${row.name} is of a type that is not modelled`,
      observed: row.type,
      expected: Object.keys(KINDS).join(", "),
    });
  }
  const settings = ownSettings(row.settings, isOwn);
  const own = wanted.interface?.kind === kind ? wanted.interface : undefined;
  const policing = decodeFields(POLICING, settings, wanted.ingressPolicing);
  return {
    interface: {
      kind,
      ...(kind === "dpdk" && { devargs: observedDevice(row.name, settings[DEVARGS] ?? "", own) }),
      ...(kind === "internal" && observedAddresses(own, addresses)),
      ...decodeFields(KINDS[kind], settings, own),
    } as OvsInterface,
    ...decodeFields(COLUMNS, settings, wanted),
    ...(Object.keys(policing).length > 0 && { ingressPolicing: policing }),
  };
}

function observedDevice(port: string, text: string, own: OvsInterface | undefined): string | VirtualDevice {
  return own?.kind === "dpdk" && deviceArguments(port, own.devargs) === text ? own.devargs : text;
}

function observedAddresses(own: OvsInterface | undefined, addresses: readonly string[]) {
  const wanted = own?.kind === "internal" ? own.addresses : undefined;
  const same = wanted?.length === addresses.length && wanted.every((address) => addresses.includes(address));
  return same ? { addresses: wanted } : addresses.length > 0 ? { addresses: [...addresses] } : {};
}

/** Commands that bring an interface's row to what is desired. Its type has to be in the transaction that adds it, or it is tried as a kernel device. */
export function changeInterface(
  name: string,
  inputs: InterfaceInputs,
  row: ObservedInterface | undefined,
): string[][] {
  const { kind } = inputs.interface;
  const type =
    (row === undefined ? undefined : row.type) === kind ? [] : [["set", "Interface", name, `type=${kind}`]];
  const observed = row === undefined ? {} : ownSettings(row.settings, isOwn);
  return [...type, ...changeRow("Interface", name, interfaceSettings(name, inputs), observed)];
}

/** Kinds that are there only while DPDK runs inside the daemon. */
const OF_DPDK: ReadonlySet<string> = new Set(["dpdk", "dpdkvhostuser", "dpdkvhostuserclient"]);
/** Kinds whose queues a poll-mode thread must serve. */
const POLLED: ReadonlySet<string> = new Set([...OF_DPDK, "afxdp"]);

/** @throws HostError `interface-type-missing` where the running daemon can't have such an interface */
export function requireType(
  kind: string,
  {
    interfaceTypes,
    initialized,
    version,
  }: Pick<ObservedDatabase, "interfaceTypes" | "initialized" | "version">,
  property = "interface.kind",
): void {
  if (interfaceTypes.length === 0 || interfaceTypes.includes(kind)) return;
  throw new HostError({
    code: "interface-type-missing",
    property,
    problem: `this ovs-vswitchd has no interfaces of type ${kind}`,
    observed: `Open vSwitch ${version} with ${interfaceTypes.join(", ")}`,
    hint:
      OF_DPDK.has(kind) && !initialized
        ? "DPDK does not run inside it: let the port depend on a Daemon resource"
        : "install a build of Open vSwitch that has it",
  });
}

/** Kinds that the kernel has an interface of the same name for. */
const OF_KERNEL: ReadonlySet<string> = new Set(["system", "internal", "tap", "afxdp", "afxdp-nonpmd"]);

/** What tells of an interface what its row does not. */
export interface Surroundings {
  readonly polling: Polling;
  readonly bridges?: readonly Pick<ObservedBridge, "name" | "datapath">[];
  readonly packetSockets?: ReadonlySet<number> | undefined;
}

type Judged = Pick<ObservedInterface, "name" | "type" | "error" | "ofport" | "ifindex" | "bridge">;

/**
 * Why the switch no longer receives from an interface of the kernel whose row has no error and a number. It opens an interface when the port is added, and never again: of one
 * that was taken away, and of another that has its name since, it receives nothing.
 */
export function detachment(
  row: Judged,
  { bridges = [], packetSockets }: Omit<Surroundings, "polling">,
): string | undefined {
  if (!OF_KERNEL.has(row.type) || row.ifindex === undefined) return undefined;
  if (row.ifindex === 0) return "the kernel's interface of that name is gone (ifindex 0)";
  const isUserspace = bridges.some(({ name, datapath }) => name === row.bridge && datapath === "netdev");
  if (row.type !== "system" || !isUserspace || packetSockets === undefined) return undefined;
  return packetSockets.has(row.ifindex)
    ? undefined
    : `the kernel's interface of that name is another than the one that was added (no packet socket is bound to its ifindex ${row.ifindex})`;
}

/**
 * What keeps an interface from carrying packets; nothing where it is up. Its row alone does not tell: with a memory pool missing a port was seen without
 * error, with a number, connected, and dead. Only its absence among the polled queues showed it.
 */
export function portFault(
  kind: string,
  row: Judged | undefined,
  { polling, ...kernel }: Surroundings,
): string | undefined {
  if (row === undefined) return "it is not in the database";
  // The other end may come later, and says so itself where it does not.
  const isWaiting = kind === "patch" && row.error?.startsWith("No usable peer") === true;
  if (row.error !== undefined && !isWaiting) return row.error;
  if (row.ofport === undefined || row.ofport < 1) return `it has the OpenFlow port ${row.ofport ?? "none"}`;
  const detached = detachment(row, kernel);
  if (detached !== undefined) return detached;
  if (!POLLED.has(kind)) return undefined;
  if (polling.state === "silent") return `ovs-vswitchd does not say who polls it: ${polling.said}`;
  if (polling.threads.length === 0) return "no poll-mode thread runs";
  const isPolled = polling.threads.some(({ queues }) => queues.some(({ port }) => port === row.name));
  return isPolled
    ? undefined
    : "no poll-mode thread polls it (absent from dpif-netdev/pmd-rxq-show), though its row has no error";
}

/** Whether an interface has what is asked for, whoever made it. */
export function matches(name: string, inputs: InterfaceInputs, row: ObservedInterface): boolean {
  return (
    row.type === inputs.interface.kind &&
    Object.entries(interfaceSettings(name, inputs)).every(
      ([path, value]) => !path.startsWith("options:") || row.settings[path] === value,
    )
  );
}

/** One line of an interface for errors. */
export function described(type: string, settings: Settings): string {
  const options = Object.entries(settings).filter(([path]) => path.startsWith("options:"));
  return [
    `type ${type}`,
    ...options.map(([path, value]) => `${path.slice("options:".length)}=${value}`),
  ].join(", ");
}
