import type { FlowAction, FlowMatch, OvsFlow } from "../schema/ovs-flow.ts";
import { HostError, InputError } from "../units/errors.ts";

/** OpenFlow numbers of a bridge's ports by their names. */
export type PortNumbers = ReadonlyMap<string, number>;

/** A flow whose ports are not on its bridge. */
export class PortMissing extends HostError {}

const ETHERTYPES = { ip: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const;
const TAGGED = 0x1000;

/**
 * Says what is wrong with a flow by itself: fields that need another one.
 *
 * @throws InputError `flow`
 */
export function checkFlow({ match = {}, actions, table = 0 }: OvsFlow, property: string): void {
  const wrong = (at: string, problem: string, observed: string, expected: string) => {
    throw new InputError({ code: "flow", property: `${property}.${at}`, problem, observed, expected });
  };
  const { ethType, ipProtocol, srcPort, dstPort, ipSrc, ipDst, dscp } = match;
  const type = typeOf(match);
  if ((ipSrc ?? ipDst) !== undefined && type !== ETHERTYPES.ip)
    wrong("match.ethType", "addresses of IPv4 are in packets of IPv4 alone", String(ethType), "ip");
  if ((dscp ?? ipProtocol) !== undefined && type !== ETHERTYPES.ip && type !== ETHERTYPES.ipv6)
    wrong("match.ethType", "fields of IP are in packets of IP alone", String(ethType), "ip or ipv6");
  if ((srcPort ?? dstPort) !== undefined && transportOf(match) === undefined)
    wrong(
      "match.ipProtocol",
      "ports are of a protocol that has some",
      String(ipProtocol),
      "tcp, udp or sctp",
    );
  actions.forEach((action, index) => {
    const at = `actions[${index}]`;
    if (action.kind === "goto-table" && action.table <= table)
      wrong(`${at}.table`, "flows go on in later tables alone", String(action.table), `more than ${table}`);
    if (action.kind === "goto-table" && index < actions.length - 1)
      wrong(
        at,
        "another table ends a list of actions",
        `action ${index + 1} of ${actions.length}`,
        "the last",
      );
    if (action.kind !== "set") return;
    const { kind: _, ...fields } = action;
    if (Object.values(fields).every((value) => value === undefined))
      wrong(at, "sets no field", "{}", "at least one field");
    if ((action.ipSrc ?? action.ipDst) !== undefined && type !== ETHERTYPES.ip)
      wrong(
        at,
        "only of a packet that is known to be IPv4 can an address be set",
        String(ethType),
        "match.ethType ip",
      );
    if (action.dscp !== undefined && type !== ETHERTYPES.ip && type !== ETHERTYPES.ipv6)
      wrong(
        at,
        "only of a packet that is known to be IP can the code point be set",
        String(ethType),
        "match.ethType ip or ipv6",
      );
    if ((action.srcPort ?? action.dstPort) !== undefined && transportOf(match) === undefined)
      wrong(
        at,
        "only of a packet of a known protocol can ports be set",
        String(ipProtocol),
        "match.ipProtocol tcp, udp or sctp",
      );
  });
}

/**
 * A flow as `ovs-ofctl --no-names dump-flows` prints it.
 *
 * @throws PortMissing `port-missing`
 */
export function renderFlow({ table, priority, match = {}, actions }: OvsFlow, ports: PortNumbers): string {
  const inPort = match.inPort === undefined ? undefined : portNumber(match.inPort, ports);
  const fields = [
    ...(table === undefined || table === 0 ? [] : [`table=${table}`]),
    ...(priority === undefined || priority === 32768 ? [] : [`priority=${priority}`]),
    ...renderMatch(match, inPort),
  ];
  const done = actions.flatMap((action) => renderAction(action, match, ports, inPort));
  return [...fields, `actions=${done.join(",")}`].join(",");
}

function renderMatch(match: FlowMatch, inPort: string | undefined): string[] {
  const { ethSrc, ethDst, vlan, vlanPriority, ipSrc, ipDst, dscp, srcPort, dstPort } = match;
  return [
    ...(inPort === undefined ? [] : [`in_port=${inPort}`]),
    ...given("dl_src", ethSrc && masked(ethSrc)),
    ...given("dl_dst", ethDst && masked(ethDst)),
    ...renderVlan(vlan, vlanPriority),
    ...renderTypes(match),
    ...given("nw_src", ipSrc && network(ipSrc)),
    ...given("nw_dst", ipDst && network(ipDst)),
    ...given("nw_tos", dscp === undefined ? undefined : dscp << 2),
    ...given("tp_src", srcPort),
    ...given("tp_dst", dstPort),
  ];
}

function renderVlan(vlan: FlowMatch["vlan"], priority: number | undefined): string[] {
  const tag =
    vlan === "untagged" ? "0x0000" : vlan === "tagged" && priority === undefined ? "0x1000" : undefined;
  return [
    ...given("vlan_tci", tag && `${tag}/0x1000`),
    ...given("dl_vlan", typeof vlan === "number" ? vlan : undefined),
    ...given("dl_vlan_pcp", priority),
  ];
}

/** Ethernet type and protocol, by the words that ovs-ofctl has for them. */
function renderTypes(match: FlowMatch): string[] {
  const type = typeOf(match);
  const protocol = protocolOf(match);
  const name = nameIn(PROTOCOLS, protocol);
  if (type === undefined) return [];
  if (type === ETHERTYPES.ip)
    return protocol === undefined ? ["ip"] : name === undefined ? ["ip", `nw_proto=${protocol}`] : [name];
  if (type === ETHERTYPES.ipv6) {
    if (protocol === undefined) return ["ipv6"];
    return name === undefined || name === "icmp" ? ["ipv6", `nw_proto=${protocol}`] : [`${name}6`];
  }
  return [nameIn(ETHERTYPES, type) ?? `dl_type=0x${type.toString(16).padStart(4, "0")}`];
}

function renderAction(
  action: FlowAction,
  match: FlowMatch,
  ports: PortNumbers,
  inPort: string | undefined,
): string[] {
  switch (action.kind) {
    case "output": {
      const port = portNumber(action.port, ports);
      // A switch sends nothing back by its number alone.
      if (port === inPort) return ["IN_PORT"];
      return [port === "LOCAL" ? port : `output:${port}`];
    }
    case "in-port":
      return ["IN_PORT"];
    case "normal":
    case "flood":
      return [action.kind.toUpperCase()];
    case "drop":
      return ["drop"];
    case "set":
      return renderSet(action, transportOf(match));
    case "push-vlan": {
      const { vlan, priority = 0 } = action;
      const pcp = priority === 0 ? [] : [`set_field:${priority}->vlan_pcp`];
      return ["push_vlan:0x8100", `set_field:${TAGGED | vlan}->vlan_vid`, ...pcp];
    }
    case "pop-vlan":
      return ["pop_vlan"];
    case "decrement-ttl":
      return ["dec_ttl"];
    case "set-queue":
      return [`set_queue:${action.queue}`];
    case "goto-table":
      return [`goto_table:${action.table}`];
  }
}

function renderSet(
  {
    ethSrc,
    ethDst,
    vlan,
    vlanPriority,
    ipSrc,
    ipDst,
    dscp,
    srcPort,
    dstPort,
  }: Extract<FlowAction, { kind: "set" }>,
  transport: string | undefined,
): string[] {
  const fields = {
    eth_src: ethSrc,
    eth_dst: ethDst,
    vlan_vid: vlan === undefined ? undefined : TAGGED | vlan,
    vlan_pcp: vlanPriority,
    ip_src: ipSrc,
    ip_dst: ipDst,
    ip_dscp: dscp,
    [`${transport}_src`]: srcPort,
    [`${transport}_dst`]: dstPort,
  };
  return Object.entries(fields).flatMap(([field, value]) =>
    value === undefined ? [] : [`set_field:${value}->${field}`],
  );
}

function portNumber(port: string | number, ports: PortNumbers): string {
  if (port === "LOCAL") return port;
  const number = typeof port === "number" ? port : ports.get(port);
  if (number !== undefined && number > 0) return String(number);
  throw new PortMissing({
    code: "port-missing",
    property: "flows",
    problem: `the bridge has no port ${port} with an OpenFlow number`,
    observed: [...ports.keys()].join(", ") || "no port",
    hint: "take the name from a Port resource, so that it is made first",
  });
}

function typeOf({ ethType, ipSrc, ipDst, dscp, ipProtocol }: FlowMatch): number | undefined {
  if (typeof ethType === "number") return ethType;
  if (ethType !== undefined) return ETHERTYPES[ethType];
  return (ipSrc ?? ipDst ?? dscp ?? ipProtocol) === undefined ? undefined : ETHERTYPES.ip;
}

function protocolOf({ ipProtocol }: FlowMatch): number | undefined {
  return typeof ipProtocol === "string" ? PROTOCOLS[ipProtocol] : ipProtocol;
}

function transportOf(match: FlowMatch): string | undefined {
  const name = nameIn(PROTOCOLS, protocolOf(match));
  return name === "icmp" ? undefined : name;
}

function nameIn(names: Readonly<Record<string, number>>, number: number | undefined): string | undefined {
  return Object.entries(names).find(([, value]) => value === number)?.[0];
}

/** Bits that the mask leaves out are nought, as the switch keeps them. */
function masked(mac: string): string {
  const [address = "", mask] = mac.split("/");
  if (mask === undefined || mask === "ff:ff:ff:ff:ff:ff") return address;
  const bits = mask.split(":").map((byte) => Number.parseInt(byte, 16));
  const kept = address
    .split(":")
    .map((byte, index) => (Number.parseInt(byte, 16) & (bits[index] ?? 0)).toString(16).padStart(2, "0"));
  return `${kept.join(":")}/${mask}`;
}

function network(text: string): string {
  const [address = "", prefix = "32"] = text.split("/");
  if (prefix === "32") return address;
  const mask = Number(prefix) === 0 ? 0 : (~0 << (32 - Number(prefix))) >>> 0;
  const value = address.split(".").reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
  const kept = (value & mask) >>> 0;
  return `${[24, 16, 8, 0].map((shift) => (kept >>> shift) & 255).join(".")}/${prefix}`;
}

function given(key: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${key}=${value}`];
}
