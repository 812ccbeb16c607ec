import type { ObservedDatabase, ObservedInterface, Polling } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import { type OvsInterface, OWNER_KEY, type ovsPort } from "../schema/ovs.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { planAddresses } from "./ovs-bridge.ts";
import type { Step } from "./step.ts";

type PortInputs = Inputs<typeof ovsPort>;

/** The options of an interface as OVSDB holds them. */
export function interfaceOptions(wanted: OvsInterface): Record<string, string> {
  switch (wanted.kind) {
    case "dpdkvhostuserclient":
      return { "vhost-server-path": wanted.socketPath, ...number("tx-retries-max", wanted.txRetriesMax) };
    case "dpdk":
      return {
        "dpdk-devargs": wanted.devargs,
        ...number("n_rxq", wanted.rxQueues),
        ...number("n_rxq_desc", wanted.rxDescriptors),
        ...number("n_txq_desc", wanted.txDescriptors),
      };
    default:
      return {};
  }
}

/** The interface as inputs, from its row. */
export function observedInterface(
  row: ObservedInterface,
  wanted: OvsInterface | undefined,
  addresses: readonly string[],
): OvsInterface {
  const option = (name: string, key: string) =>
    row.options[key] === undefined ? {} : { [name]: Number(row.options[key]) };
  switch (row.type) {
    case "dpdkvhostuserclient":
      return {
        kind: "dpdkvhostuserclient",
        socketPath: row.options["vhost-server-path"] ?? "",
        ...option("txRetriesMax", "tx-retries-max"),
      };
    case "dpdk":
      return {
        kind: "dpdk",
        devargs: row.options["dpdk-devargs"] ?? "",
        ...option("rxQueues", "n_rxq"),
        ...option("rxDescriptors", "n_rxq_desc"),
        ...option("txDescriptors", "n_txq_desc"),
      };
    case "internal": {
      const own = wanted?.kind === "internal" ? wanted.addresses : undefined;
      const same = own?.length === addresses.length && own.every((address) => addresses.includes(address));
      return {
        kind: "internal",
        ...(same ? { addresses: own } : addresses.length > 0 ? { addresses: [...addresses] } : {}),
      };
    }
    case "tap":
      return { kind: "tap" };
    default:
      throw new HostError({
        code: "interface-type",
        property: "interface",
        problem: `port ${row.name} is of a type that is not modelled`,
        observed: row.type,
        expected: "dpdkvhostuserclient, dpdk, internal or tap",
      });
  }
}

/** The state of a port as inputs. */
export function observedPort(
  inputs: Pick<PortInputs, "host" | "name"> & Partial<PortInputs>,
  row: ObservedInterface,
  addresses: readonly string[],
): PortInputs {
  const { openflowPort: _, mtu: __, ...rest } = inputs;
  return {
    ...rest,
    bridge: row.bridge ?? "",
    interface: observedInterface(row, inputs.interface, addresses),
    ...(row.ofportRequest !== undefined && { openflowPort: row.ofportRequest }),
    ...(row.mtuRequest !== undefined && { mtu: row.mtuRequest }),
  };
}

/** @throws HostError where the bridge is missing, or somebody else's port has the name */
export function checkPort(
  inputs: PortInputs,
  { bridges }: Pick<ObservedDatabase, "bridges">,
  row: ObservedInterface | undefined,
  tag: string,
): void {
  if (!bridges.some(({ name }) => name === inputs.bridge)) {
    throw new HostError({
      code: "bridge-missing",
      property: "bridge",
      problem: `there is no bridge ${inputs.bridge}`,
      observed: bridges.map(({ name }) => name).join(", ") || "no bridge",
      hint: "take the name from a Bridge resource, so that it is made first",
    });
  }
  if (row === undefined || row.owner === tag) return;
  const same =
    row.owner === undefined &&
    row.bridge === inputs.bridge &&
    row.type === inputs.interface.kind &&
    Object.entries(interfaceOptions(inputs.interface)).every(([key, value]) => row.options[key] === value);
  if (same) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `a port ${inputs.name} is there already and is not ours`,
    observed: `on ${row.bridge}, type ${row.type}, ${JSON.stringify(row.options)}, owner ${row.owner ?? "nobody"}`,
    expected: `on ${inputs.bridge}, type ${inputs.interface.kind}, ${JSON.stringify(interfaceOptions(inputs.interface))}`,
    hint: `choose another name, or take it over: pulumi import nfvlab:ovs:Port NAME ${inputs.host.name}/ovs/${inputs.bridge}/${inputs.name}`,
  });
}

/** What brings a port to what is desired, in one transaction: an interface without its type in the same transaction is tried as a kernel device. */
export function planPort(
  inputs: PortInputs,
  row: ObservedInterface | undefined,
  addresses: readonly string[],
  tag: string,
): Step[] {
  const { bridge, name, openflowPort, mtu } = inputs;
  const options = interfaceOptions(inputs.interface);
  const stale = Object.keys(row?.options ?? {}).filter((key) => !(key in options));
  const right =
    row !== undefined &&
    row.owner === tag &&
    row.type === inputs.interface.kind &&
    stale.length === 0 &&
    Object.entries(options).every(([key, value]) => row.options[key] === value) &&
    row.ofportRequest === openflowPort &&
    row.mtuRequest === mtu;
  const settings = [
    `type=${inputs.interface.kind}`,
    ...Object.entries(options).map(([key, value]) => `options:${key}=${value}`),
    ...(openflowPort === undefined ? [] : [`ofport_request=${openflowPort}`]),
    ...(mtu === undefined ? [] : [`mtu_request=${mtu}`]),
    `external_ids:${OWNER_KEY}=${tag}`,
  ];
  const cleared = [
    ...(row?.ofportRequest !== undefined && openflowPort === undefined ? ["ofport_request"] : []),
    ...(row?.mtuRequest !== undefined && mtu === undefined ? ["mtu_request"] : []),
  ];
  const transaction = [
    ...["--may-exist", "add-port", bridge, name, "--", "set", "Interface", name, ...settings],
    ...stale.flatMap((key) => ["--", "remove", "Interface", name, "options", key]),
    ...cleared.flatMap((column) => ["--", "clear", "Interface", name, column]),
  ];
  const own = inputs.interface.kind === "internal" ? (inputs.interface.addresses ?? []) : [];
  return [
    ...(right
      ? []
      : [
          {
            purpose: `set port ${name} of ${bridge}`,
            argv: ["ovs-vsctl", "--timeout=30", ...transaction] as const,
          },
        ]),
    ...(inputs.interface.kind === "internal" ? planAddresses(name, own, addresses) : []),
  ];
}

export function removePort(bridge: string, name: string): Step[] {
  return [
    {
      purpose: `delete port ${name} of ${bridge}`,
      argv: ["ovs-vsctl", "--timeout=30", "--if-exists", "del-port", bridge, name],
    },
  ];
}

/** Kinds whose queues a poll-mode thread must serve. */
const POLLED: ReadonlySet<string> = new Set(["dpdk", "dpdkvhostuserclient"]);

/**
 * What keeps a port from carrying packets; nothing where it is up. Its row alone does not tell: with a memory pool missing a port was seen without error,
 * with a number, connected, and dead. Only its absence among the polled queues showed it.
 */
export function portFault(
  kind: string,
  row: ObservedInterface | undefined,
  polling: Polling,
): string | undefined {
  if (row === undefined) return "it is not in the database";
  if (row.error !== undefined) return row.error;
  if (row.ofport === undefined || row.ofport < 1) return `it has the OpenFlow port ${row.ofport ?? "none"}`;
  if (!POLLED.has(kind)) return undefined;
  if (polling.state === "silent") return `ovs-vswitchd does not say who polls it: ${polling.said}`;
  if (polling.threads.length === 0) return "no poll-mode thread runs";
  const polled = polling.threads.some(({ queues }) => queues.some(({ port }) => port === row.name));
  return polled
    ? undefined
    : "no poll-mode thread polls it (absent from dpif-netdev/pmd-rxq-show), though its row has no error";
}

/** @throws VerificationError `port-down` */
export function verifyPort(inputs: PortInputs, fault: string | undefined): void {
  if (fault === undefined) return;
  throw new VerificationError({
    code: "port-down",
    problem: `port ${inputs.name} of ${inputs.bridge} does not come up`,
    observed: fault,
    expected: "no error, an OpenFlow port number, and queues given to a poll-mode thread",
    hint: "read /var/log/openvswitch/ovs-vswitchd.log; a PMD CPU and switch memory must be on its NUMA node, and after a failed memory pool only a restart of ovs-vswitchd helps",
  });
}

function number(key: string, value: number | undefined): Record<string, string> {
  return value === undefined ? {} : { [key]: String(value) };
}
