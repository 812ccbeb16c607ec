import { z } from "zod";
import { macAddress, name, sentence, wholeNumber } from "./fields.ts";

const MAC = "[0-9a-f]{2}(:[0-9a-f]{2}){5}";
const NETWORK = 'an IPv4 address or network, for instance "198.18.0.0/15"';

const number = (description: string, max: number, min = 0) =>
  wholeNumber(description, { min, max }).optional();

const port = (description: string) =>
  z
    .union([name("Name of a port."), wholeNumber("An OpenFlow port number.", { min: 1, max: 65279 })])
    .meta({ description });

const macMatch = (description: string) =>
  z
    .string()
    .refine(
      (text) => new RegExp(`^${MAC}(/${MAC})?$`).test(text),
      sentence("a MAC address in lower case, with a mask behind a slash where only some bits count"),
    )
    .optional()
    .meta({ description });

const network = (description: string) =>
  z.string().refine(isNetwork, sentence(NETWORK)).optional().meta({ description });

const address = (description: string) =>
  z
    .string()
    .refine(
      (text) => isNetwork(text) && !text.includes("/"),
      sentence('an IPv4 address, for instance "198.18.0.1"'),
    )
    .optional()
    .meta({ description });

const ipProtocol = z.union([
  z.enum(["icmp", "tcp", "udp", "sctp"]),
  wholeNumber("A protocol number.", { max: 255 }),
]);

/** Which packets a flow takes. What is left out may be anything. */
export const FlowMatch = z.strictObject({
  inPort: port(
    "Port that it came from: its name, its OpenFlow number, or `LOCAL` for the bridge's own.",
  ).optional(),
  ethSrc: macMatch("Source MAC address."),
  ethDst: macMatch("Destination MAC address."),
  ethType: z
    .union([z.enum(["ip", "arp", "ipv6"]), wholeNumber("An Ethernet type.", { min: 1536, max: 65535 })])
    .optional()
    .meta({ description: "Ethernet type. Fields of IP bring `ip` by themselves." }),
  vlan: z
    .union([wholeNumber("A VLAN.", { max: 4095 }), z.enum(["tagged", "untagged"])])
    .optional()
    .meta({ description: "VLAN of the outer tag, or whether there is a tag at all." }),
  vlanPriority: number("Priority in the outer tag (PCP).", 7),
  ipSrc: network("Source IPv4 address or network."),
  ipDst: network("Destination IPv4 address or network."),
  ipProtocol: ipProtocol.optional().meta({ description: "Protocol above IP." }),
  dscp: number("Differentiated-services code point.", 63),
  srcPort: number("Source port of TCP, UDP or SCTP.", 65535),
  dstPort: number("Destination port of TCP, UDP or SCTP.", 65535),
});
export type FlowMatch = z.infer<typeof FlowMatch>;

/** What a flow does with a packet. */
export const FlowAction = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("output"),
    port: port("Port to send to: its name, its OpenFlow number, or `LOCAL` for the bridge's own."),
  }),
  z.strictObject({ kind: z.literal("in-port") }),
  z.strictObject({ kind: z.literal("normal") }),
  z.strictObject({ kind: z.literal("flood") }),
  z.strictObject({ kind: z.literal("drop") }),
  z.strictObject({
    kind: z.literal("set"),
    ethSrc: macAddress("Source MAC address.").optional(),
    ethDst: macAddress("Destination MAC address.").optional(),
    vlan: number("VLAN of the outer tag, which has to be there.", 4095),
    vlanPriority: number("Priority in the outer tag.", 7),
    ipSrc: address("Source IPv4 address."),
    ipDst: address("Destination IPv4 address."),
    dscp: number("Differentiated-services code point.", 63),
    srcPort: number("Source port of the protocol that is matched.", 65535),
    dstPort: number("Destination port of the protocol that is matched.", 65535),
  }),
  z.strictObject({
    kind: z.literal("push-vlan"),
    vlan: wholeNumber("VLAN of the new tag.", { max: 4095 }),
    priority: number("Priority in the new tag. Default 0.", 7),
  }),
  z.strictObject({ kind: z.literal("pop-vlan") }),
  z.strictObject({ kind: z.literal("decrement-ttl") }),
  z.strictObject({
    kind: z.literal("set-queue"),
    queue: wholeNumber("Queue of the port that it is sent to.", { max: 4294967294 }),
  }),
  z.strictObject({
    kind: z.literal("goto-table"),
    table: wholeNumber("Table to go on with, after this one.", { min: 1, max: 254 }),
  }),
]);
export type FlowAction = z.infer<typeof FlowAction>;

/** A flow of a bridge as data. */
export const OvsFlow = z.strictObject({
  table: number("Table that it is in. Default 0.", 254),
  priority: number("Of the flows that fit, that of the highest priority counts. Default 32768.", 65535),
  match: FlowMatch.optional().meta({ description: "Which packets. Default: all." }),
  actions: z
    .array(FlowAction)
    .min(1, 'observed no action, expected at least one, for instance { kind: "drop" }')
    .refine(
      (actions) => actions.length === 1 || actions.every(({ kind }) => kind !== "drop"),
      "observed drop beside other actions, expected it alone",
    )
    .meta({ description: "What is done, in this order." }),
});
export type OvsFlow = z.infer<typeof OvsFlow>;

function isNetwork(text: string): boolean {
  const [, ...parts] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text) ?? [];
  return (
    parts.length === 5 &&
    parts.slice(0, 4).every((part) => Number(part) <= 255) &&
    Number(parts[4] ?? 32) <= 32
  );
}
