import type { ObservedBridge } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import { OWNER_KEY, type ovsBridge } from "../schema/ovs.ts";
import { HostError } from "../units/errors.ts";
import type { Step } from "./step.ts";

type BridgeInputs = Inputs<typeof ovsBridge>;

export interface Found<T> {
  readonly row: T | undefined;
  readonly addresses: readonly string[];
}

/** The state of a bridge as inputs, in the user's spelling where it means the same. */
export function observedBridge(
  inputs: BridgeInputs,
  row: ObservedBridge,
  addresses: readonly string[],
): BridgeInputs {
  const { datapath, failMode, addresses: wanted, ...rest } = inputs;
  const observed = {
    datapath: row.datapath as "netdev" | "system",
    failMode: (row.failMode ?? "standalone") as "secure" | "standalone",
  };
  return {
    ...rest,
    ...((datapath ?? "netdev") === observed.datapath
      ? spelled("datapath", datapath)
      : { datapath: observed.datapath }),
    ...((failMode ?? "secure") === observed.failMode
      ? spelled("failMode", failMode)
      : { failMode: observed.failMode }),
    ...(sameSet(wanted ?? [], addresses) ? spelled("addresses", wanted) : { addresses: [...addresses] }),
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
  const { name, datapath = "netdev", failMode = "secure", addresses = [] } = inputs;
  const settings = [`datapath_type=${datapath}`, `fail_mode=${failMode}`, `external_ids:${OWNER_KEY}=${tag}`];
  const { row } = found;
  const right =
    row !== undefined && row.datapath === datapath && row.failMode === failMode && row.owner === tag;
  return [
    ...(right
      ? []
      : [
          {
            purpose: `set bridge ${name}: ${datapath}, ${failMode}`,
            argv: [
              "ovs-vsctl",
              "--timeout=30",
              "--may-exist",
              "add-br",
              name,
              "--",
              "set",
              "Bridge",
              name,
              ...settings,
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
