import type { ObservedBridge, ObservedInterface } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import { OWNER_KEY, type ovsBridge } from "../schema/ovs.ts";
import { HostError } from "../units/errors.ts";
import { decodeFields, encodeFields, flag, spans, whole, words } from "./ovs-notation.ts";
import { changeRow, ownSettings } from "./ovs-row.ts";
import type { Step } from "./step.ts";

type BridgeInputs = Inputs<typeof ovsBridge>;

export interface Found<T> {
  readonly row: T | undefined;
  /** The interface that the bridge itself is. */
  readonly localPort?: Pick<ObservedInterface, "mtuRequest"> | undefined;
  readonly addresses: readonly string[];
}

const other = (key: string) => ({ path: `other_config:${key}` });

const FIELDS = {
  protocols: { path: "protocols", ...words(",") },
  macAging: { ...other("mac-aging-time"), ...spans("s") },
  macTableSize: { ...other("mac-table-size"), ...whole },
  multicastSnooping: { path: "mcast_snooping_enable", ...flag },
};
const SPANNING_TREE = ["stp_enable", "rstp_enable"];
const PATHS: ReadonlySet<string> = new Set([
  ...Object.values(FIELDS).map(({ path }) => path),
  ...SPANNING_TREE,
]);
const isOwn = (path: string) => PATHS.has(path);

function bridgeSettings(inputs: BridgeInputs): Record<string, string> {
  const { spanningTree = "none", protocols, ...rest } = inputs;
  return {
    ...encodeFields(FIELDS, { ...rest, protocols: protocols && [...protocols].sort() }),
    ...(spanningTree !== "none" && { [`${spanningTree}_enable`]: "true" }),
  };
}

/** The state of a bridge as inputs, in the user's spelling where it means the same. */
export function observedBridge(
  inputs: Pick<BridgeInputs, "host" | "name"> & Partial<BridgeInputs>,
  row: ObservedBridge,
  addresses: readonly string[],
  localPort?: Pick<ObservedInterface, "mtuRequest">,
): BridgeInputs {
  const { host, name, datapath, failMode, addresses: wanted, protocols, spanningTree } = inputs;
  const observed = {
    datapath: row.datapath as "netdev" | "system",
    failMode: (row.failMode ?? "standalone") as "secure" | "standalone",
    spanningTree:
      row.settings["rstp_enable"] === "true"
        ? ("rstp" as const)
        : row.settings["stp_enable"] === "true"
          ? ("stp" as const)
          : ("none" as const),
  };
  const fields = decodeFields(FIELDS, row.settings, inputs) as Partial<BridgeInputs>;
  const { multicastSnooping, ...others } = fields;
  return {
    ...{ host, name },
    ...((datapath ?? "netdev") === observed.datapath
      ? spelled("datapath", datapath)
      : { datapath: observed.datapath }),
    ...((failMode ?? "secure") === observed.failMode
      ? spelled("failMode", failMode)
      : { failMode: observed.failMode }),
    ...((spanningTree ?? "none") === observed.spanningTree
      ? spelled("spanningTree", spanningTree)
      : { spanningTree: observed.spanningTree }),
    ...((inputs.multicastSnooping ?? false) === (multicastSnooping ?? false)
      ? spelled("multicastSnooping", inputs.multicastSnooping)
      : spelled("multicastSnooping", multicastSnooping)),
    ...(sameSet(wanted ?? [], addresses) ? spelled("addresses", wanted) : { addresses: [...addresses] }),
    ...spelled("mtu", localPort?.mtuRequest),
    ...others,
    ...(protocols !== undefined && sameSet(protocols, others.protocols ?? []) && { protocols }),
  };
}

/** @throws HostError `foreign` where somebody else's bridge has the name and is another */
export function adoptable(inputs: BridgeInputs, row: ObservedBridge | undefined, tag: string): void {
  const { datapath = "netdev", failMode = "secure", name, host } = inputs;
  if (row === undefined || row.owner === tag) return;
  if (row.datapath === datapath && (row.failMode ?? "standalone") === failMode && row.owner === undefined)
    return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `a bridge ${name} is there already and is not ours`,
    observed: `datapath ${row.datapath}, fail mode ${row.failMode ?? "standalone"}, owner ${row.owner ?? "nobody"}`,
    expected: `datapath ${datapath}, fail mode ${failMode}`,
    hint: `choose another name, or take it over: pulumi import nfvlab:ovs:Bridge NAME ${host.name}/ovs/${name}`,
  });
}

/** What brings a bridge and the addresses of its local port to what is desired. */
export function planBridge(inputs: BridgeInputs, found: Found<ObservedBridge>, tag: string): Step[] {
  const { name, datapath = "netdev", failMode = "secure", addresses = [], mtu } = inputs;
  const { row, localPort } = found;
  const right =
    row !== undefined && row.datapath === datapath && row.failMode === failMode && row.owner === tag;
  const set = [`datapath_type=${datapath}`, `fail_mode=${failMode}`, `external_ids:${OWNER_KEY}=${tag}`];
  const commands = [
    ...(right
      ? []
      : [
          ["--may-exist", "add-br", name],
          ["set", "Bridge", name, ...set],
        ]),
    ...changeRow("Bridge", name, bridgeSettings(inputs), ownSettings(row?.settings ?? {}, isOwn)),
    ...changeRow(
      "Interface",
      name,
      mtu === undefined ? {} : { mtu_request: String(mtu) },
      localPort?.mtuRequest === undefined ? {} : { mtu_request: String(localPort.mtuRequest) },
    ),
  ];
  return [
    ...(commands.length === 0
      ? []
      : [
          {
            purpose: `set bridge ${name}: ${datapath}, ${failMode}`,
            argv: [
              "ovs-vsctl",
              "--timeout=30",
              ...commands.flatMap((command) => ["--", ...command]),
            ] as const,
          },
        ]),
    ...planAddresses(name, addresses, found.addresses),
  ];
}

/** Gives an interface exactly these addresses, and brings it up where it has any. */
export function planAddresses(name: string, desired: readonly string[], observed: readonly string[]): Step[] {
  const added = desired.filter((address) => !observed.includes(address));
  const removed = observed.filter((address) => !desired.includes(address));
  return [
    ...removed.map(
      (address): Step => ({
        purpose: `take ${address} from ${name}`,
        argv: ["ip", "addr", "del", address, "dev", name],
      }),
    ),
    ...added.map(
      (address): Step => ({
        purpose: `give ${address} to ${name}`,
        argv: ["ip", "addr", "replace", address, "dev", name],
      }),
    ),
    ...(added.length > 0
      ? [{ purpose: `bring ${name} up`, argv: ["ip", "link", "set", name, "up"] as const }]
      : []),
  ];
}

export function removeBridge(name: string): Step[] {
  return [
    { purpose: `delete bridge ${name}`, argv: ["ovs-vsctl", "--timeout=30", "--if-exists", "del-br", name] },
  ];
}

function spelled<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: T });
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
