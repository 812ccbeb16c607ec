import type { ObservedDatabase, ObservedInterface, ObservedPort, ObservedQos } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import { type EgressPolicer, OWNER_KEY, type ovsPort } from "../schema/ovs.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { planAddresses } from "./ovs-bridge.ts";
import {
  changeInterface,
  described,
  type InterfaceInputs,
  interfaceSettings,
  matches,
  observedInterface,
  requireType,
} from "./ovs-interface.ts";
import { decodeFields, encodeFields, same, whole } from "./ovs-notation.ts";
import { changeRow, ownSettings } from "./ovs-row.ts";
import type { Step } from "./step.ts";

export { detachment, portFault } from "./ovs-interface.ts";

type PortInputs = Inputs<typeof ovsPort>;
type Shared = Pick<PortInputs, "vlan" | "egressPolicer">;

const VLAN = {
  mode: { path: "vlan_mode", ...same },
  tag: { path: "tag", ...whole },
  trunks: {
    path: "trunks",
    encode: (list: readonly number[]) => [...list].sort((a, b) => a - b).join(","),
    decode: (text: string, wanted: readonly number[] | undefined) =>
      wanted !== undefined && [...wanted].sort((a, b) => a - b).join(",") === text
        ? wanted
        : text.split(",").map(Number),
  },
};

const VLAN_PATHS: ReadonlySet<string> = new Set(Object.values(VLAN).map(({ path }) => path));

const RATES = Object.fromEntries(
  ["cir", "cbs", "eir", "ebs"].map((name) => [name, { path: `other_config:${name}`, ...whole }]),
);

/** Settings of the row of a port, single or bond. */
export function portSettings({ vlan = {} }: Shared): Record<string, string> {
  return encodeFields(VLAN, vlan);
}

/** VLANs and policer of a port as inputs. */
export function observedShared(row: ObservedPort | undefined, wanted: Partial<Shared>): Shared {
  const vlan = decodeFields(VLAN, row?.settings ?? {}, wanted.vlan) as NonNullable<Shared["vlan"]>;
  const egressPolicer = row?.qos === undefined ? undefined : observedPolicer(row.qos);
  return {
    ...(Object.keys(vlan).length > 0 && { vlan }),
    ...(egressPolicer !== undefined && { egressPolicer }),
  };
}

function observedPolicer(qos: ObservedQos): EgressPolicer {
  return { kind: qos.type, ...decodeFields(RATES, qos.settings, undefined) } as EgressPolicer;
}

/** Commands that bring a port's row, and its policer, to what is desired. */
export function changePort(
  name: string,
  inputs: Shared,
  row: ObservedPort | undefined,
  extra: { readonly settings: Readonly<Record<string, string>>; readonly paths: ReadonlySet<string> },
  tag: string,
): string[][] {
  const isOwn = (path: string) => VLAN_PATHS.has(path) || extra.paths.has(path);
  const desired = { ...portSettings(inputs), ...extra.settings };
  return [
    ...changeRow("Port", name, desired, ownSettings(row?.settings ?? {}, isOwn)),
    ...changePolicer(name, inputs.egressPolicer, row?.qos, tag),
  ];
}

/** A policer is a row of its own, which outlives the port that it is of. */
function changePolicer(
  port: string,
  wanted: EgressPolicer | undefined,
  qos: ObservedQos | undefined,
  tag: string,
): string[][] {
  const isOurs = qos?.owner === tag;
  if (wanted === undefined) {
    return qos === undefined
      ? []
      : [["clear", "Port", port, "qos"], ...(isOurs ? [["destroy", "QoS", qos.uuid]] : [])];
  }
  const settings = encodeFields(RATES, wanted);
  if (isOurs && qos.type === wanted.kind) {
    return changeRow(
      "QoS",
      qos.uuid,
      settings,
      ownSettings(qos.settings, (path) => path.startsWith("other_config:")),
    );
  }
  const assignments = Object.entries(settings).map(([path, value]) => `${path}=${value}`);
  return [
    [
      "--id=@policer",
      "create",
      "QoS",
      `type=${wanted.kind}`,
      ...assignments,
      `external_ids:${OWNER_KEY}=${tag}`,
    ],
    ["set", "Port", port, "qos=@policer"],
    ...(isOurs ? [["destroy", "QoS", qos.uuid]] : []),
  ];
}

/** The state of a port as inputs. */
export function observedPort(
  inputs: Pick<PortInputs, "host" | "name"> & Partial<PortInputs>,
  row: ObservedInterface,
  { ports }: Pick<ObservedDatabase, "ports">,
  addresses: readonly string[],
): PortInputs {
  const { host, name } = inputs;
  const port = ports.find((candidate) => candidate.name === row.port);
  return {
    ...{ host, name, bridge: row.bridge ?? "" },
    ...(observedInterface(row, inputs, addresses) as Pick<PortInputs, "interface">),
    ...observedShared(port, inputs),
  };
}

/** @throws HostError `bridge-missing` */
export function requireBridge(bridge: string, { bridges }: Pick<ObservedDatabase, "bridges">): void {
  if (bridges.some(({ name }) => name === bridge)) return;
  throw new HostError({
    code: "bridge-missing",
    property: "bridge",
    problem: `there is no bridge ${bridge}`,
    observed: bridges.map(({ name }) => name).join(", ") || "no bridge",
    hint: "take the name from a Bridge resource, so that it is made first",
  });
}

/** @throws HostError where the bridge is missing, the daemon has no such type, or somebody else's port has the name */
export function checkPort(
  inputs: PortInputs,
  database: Pick<ObservedDatabase, "bridges" | "interfaceTypes" | "initialized" | "version">,
  row: ObservedInterface | undefined,
  tag: string,
): void {
  requireBridge(inputs.bridge, database);
  requireType(inputs.interface.kind, database);
  if (row === undefined || row.owner === tag) return;
  if (row.owner === undefined && row.bridge === inputs.bridge && matches(inputs.name, inputs, row)) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `a port ${inputs.name} is there already and is not ours`,
    observed: `on ${row.bridge}, ${described(row.type, row.settings)}, owner ${row.owner ?? "nobody"}`,
    expected: `on ${inputs.bridge}, ${described(inputs.interface.kind, interfaceSettings(inputs.name, inputs))}`,
    hint: `choose another name, or take it over: pulumi import nfvlab:ovs:Port NAME ${inputs.host.name}/ovs/${inputs.bridge}/${inputs.name}`,
  });
}

/** What brings a port to what is desired, in one transaction. One that is added takes the OpenFlow number `ofport`, where it is said and nothing else is asked for. */
export function planPort(
  inputs: PortInputs,
  row: ObservedInterface | undefined,
  port: ObservedPort | undefined,
  addresses: readonly string[],
  tag: string,
  ofport?: number,
): Step[] {
  const { bridge, name, openflowPort } = inputs;
  const isKept = row === undefined && ofport !== undefined && ofport > 0 && openflowPort === undefined;
  const commands = [
    ...(row === undefined ? [["--may-exist", "add-port", bridge, name]] : []),
    ...(isKept ? [["set", "Interface", name, `ofport=${ofport}`]] : []),
    ...changeInterface(name, inputs, row),
    ...(row?.owner === tag ? [] : [["set", "Interface", name, `external_ids:${OWNER_KEY}=${tag}`]]),
    ...changePort(name, inputs, port, { settings: {}, paths: new Set() }, tag),
  ];
  const own = inputs.interface.kind === "internal" ? (inputs.interface.addresses ?? []) : [];
  return [
    ...(row === undefined ? withoutStaleSocket(inputs) : []),
    ...transaction(`set port ${name} of ${bridge}`, commands),
    ...(inputs.interface.kind === "internal" ? planAddresses(name, own, addresses) : []),
  ];
}

/** The socket that a device of the switch listens at. The file outlives a daemon that is killed, and then the device can't be made again. */
function listensAt({ interface: device }: InterfaceInputs): string | undefined {
  if (device.kind !== "dpdk" || typeof device.devargs !== "object") return undefined;
  return device.devargs.kind === "memif" && device.devargs.role === "server"
    ? device.devargs.socketPath
    : undefined;
}

/** What has to be away before an interface is made. */
export function withoutStaleSocket(inputs: InterfaceInputs): Step[] {
  const path = listensAt(inputs);
  if (path === undefined) return [];
  return [
    {
      purpose: `remove the socket ${path} where nobody is at it`,
      argv: [
        ...(["sh", "-c"] as const),
        // Seven columns, then the path.
        'if [ -S "$1" ] && ! sed -E "s/^([^ ]+ +){7}//" /proc/net/unix | grep -qxF -- "$1"; then rm -- "$1"; fi',
        ...["sh", path],
      ],
    },
  ];
}

/** Takes a port away and adds it again, since the switch opens an interface only then, under the number that it had: flows mean it by that. */
export function reopenPort(
  inputs: PortInputs,
  { ofport }: Pick<ObservedInterface, "ofport">,
  port: ObservedPort | undefined,
  addresses: readonly string[],
  tag: string,
): Step[] {
  return [
    ...removePort(inputs.bridge, inputs.name, port?.qos, tag),
    ...planPort(inputs, undefined, undefined, addresses, tag, ofport),
  ];
}

/** Commands as one transaction, and none where there is nothing to do. */
export function transaction(purpose: string, commands: readonly (readonly string[])[]): Step[] {
  if (commands.length === 0) return [];
  return [
    {
      purpose,
      argv: ["ovs-vsctl", `--timeout=${PATIENCE_S}`, ...commands.flatMap((command) => ["--", ...command])],
    },
  ];
}

/** How long the daemon may take for a change: the slowest seen, an AF_XDP program on an emulated CPU, took 9 s. */
const PATIENCE_S = 30;

/** Takes a port away, and before it the policer that we made for it: in one transaction the database finds it still referred to. */
export function removePort(bridge: string, name: string, qos?: ObservedQos, tag?: string): Step[] {
  const isOurs = qos !== undefined && qos.owner === tag;
  return [
    ...(isOurs
      ? transaction(`delete the policer of port ${name}`, [
          ["--if-exists", "clear", "Port", name, "qos"],
          ["--if-exists", "destroy", "QoS", qos.uuid],
        ])
      : []),
    ...transaction(`delete port ${name} of ${bridge}`, [["--if-exists", "del-port", bridge, name]]),
  ];
}

/** Takes a port out of the database alone, of a daemon that no longer listens: its next start would meet it again. */
export function withdrawPort(bridge: string, name: string): Step[] {
  return [
    {
      purpose: `take port ${name} of ${bridge} out of the database`,
      argv: ["ovs-vsctl", "--timeout=10", "--no-wait", "--if-exists", "del-port", bridge, name],
    },
  ];
}

/** Says that a change has left the daemon hanging, and the way back. */
export function hungDaemon(
  { bridge, name }: Pick<PortInputs, "bridge" | "name">,
  property: string,
  cause: unknown,
): HostError {
  return new HostError({
    code: "ovs-hangs",
    property,
    problem: `ovs-vswitchd answers no more since ${name} was added to ${bridge}`,
    observed: "no answer to ovs-appctl version within 5 s",
    hint: `${name} is out of the database again, so a restart brings everything else back: systemctl restart ovs-vswitchd, which takes a minute and interrupts all ports; a device that waits for its other end at start, such as net_virtio_user with server=1, can't be used`,
    cause,
  });
}

/** @throws VerificationError `port-down` */
export function verifyPort(
  { bridge, name }: Pick<PortInputs, "bridge" | "name">,
  fault: string | undefined,
  log = "",
): void {
  if (fault === undefined) return;
  throw new VerificationError({
    code: "port-down",
    problem: `port ${name} of ${bridge} does not come up`,
    observed: log === "" ? fault : `${fault} (${log})`,
    expected: "no error, an OpenFlow port number, and queues given to a poll-mode thread",
    hint: `${adviceOn(`${fault} ${log}`)}; the whole story is in /var/log/openvswitch/ovs-vswitchd.log`,
  });
}

function adviceOn(said: string): string {
  if (/shared data|Cannot reserve memory/.test(said))
    return "DPDK has no huge pages on the NUMA node of its main thread: add some there, or choose lcoreCpus on a node that has";
  // DPDK keeps the name of a device that it could not make, so that nothing but a restart lets it be made again.
  if (/Failed to setup socket|already allocated/.test(said))
    return "a daemon that was killed left the socket of the device: remove that file, then restart ovs-vswitchd, which interrupts all ports";
  if (/failed to parse device/.test(said))
    return "DPDK knows no such device or lacks its driver: look for librte_net_NAME.so of its release";
  if (/Cannot find device/.test(said))
    return "no such PCI function is bound to vfio-pci or another driver that DPDK can use";
  if (/No such device/.test(said))
    return "the kernel has no interface of that name: make it (net.Veth, net.Tap, a driver for its card), let the port depend on it, and run up again";
  return "a PMD CPU and switch memory must be on its NUMA node, and after a failed memory pool only a restart of ovs-vswitchd helps";
}
