import type * as pulumi from "@pulumi/pulumi";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import { crossConnect, Flows, type Steered } from "../sdk/resources/ovs.ts";
import type { TrafficPort } from "../sdk/schema/traffic.ts";
import { deploymentOf, lineOf, type PacketPath, type Place, type Segment } from "../sdk/units/packet-path.ts";
import { type Attachment, type ChainMember, meets, placeOf, type SwitchedAttachment } from "./attachment.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import type { OvsDpdkBridge } from "./ovs-dpdk-bridge.ts";

/** Where a chain begins or stops, outside of every network function. */
export interface ChainEnd {
  /** How drawings and errors call it. */
  readonly name: string;
  /** What it hangs on. */
  readonly attachment: Attachment;
  /** Where it runs. Default `user space`: a generator on the host. */
  readonly place?: Place;
  /** What a generator or a sink opens there; undefined where that is not on the host. */
  readonly trafficPort?: Wired<TrafficPort>;
  /** What that is made of, where a bridge does not make it. */
  readonly ready?: readonly pulumi.Resource[];
}

/** One end of a chain that is a network function itself. */
export interface MemberEnd {
  /** The network function. */
  readonly vnf: ChainMember;
  /** Its interface. */
  readonly nic: string;
}

/** A network function in the middle of a chain. */
export interface ChainHop {
  /** The network function, which forwards between the two by itself. */
  readonly vnf: ChainMember;
  /** Interface that packets come in by. Default: its first. */
  readonly in?: string;
  /** Interface that they go out by. Default: its second. */
  readonly out?: string;
}

export interface ServiceChainArgs {
  /** Where packets come from. */
  readonly from: ChainEnd | MemberEnd;
  /** Network functions in the order in which packets go through them. Default none: from one port of a switch to another. */
  readonly through?: readonly (ChainHop | ChainMember)[];
  /** Where they go. */
  readonly to: ChainEnd | MemberEnd;
  /** Whether there is a way back through the same functions. Default `both`. */
  readonly directions?: "forward" | "both";
  /** Whether members may be on several NUMA nodes; every packet then pays for the trip between them. Default false. */
  readonly allowCrossNuma?: boolean;
}

interface Built {
  readonly flows: Readonly<Record<string, Flows>>;
  readonly path: PacketPath;
  readonly deployment: string;
  readonly drawing: string;
}

/** An interface on the way, with who has it. */
interface Stop {
  readonly property: string;
  readonly name: string;
  readonly attachment: Attachment;
}

/**
 * A way through network functions, wired: from port to port of each switch by flows of its own cookie, and checked where something else forwards by itself. It draws
 * itself, and says what RFC 8204 calls it. Delete removes the flows; switches and functions stay.
 *
 * Phy2Phy, PVP, PVVP, VM2VM and chains of any length are one way each; PVPV in parallel is two chains on one switch.
 *
 * @property through in order; a member with two interfaces takes packets in by its first and lets them out by its second, unless it is said otherwise
 * @property allowCrossNuma for what is known to be slower
 * @throws InputError `component-inputs` with everything at once: a function without such an interface, two neighbours that nothing joins, a port that is used twice,
 *   functions on several NUMA nodes
 * @example
 * const pvp = new ServiceChain("pvp", { from: switchedEnd("generator", bridge, "gen0"), through: [vnf], to: switchedEnd("sink", bridge, "gen1") });
 * export const picture = pvp.drawing;
 */
export class ServiceChain extends LabComponent<Built> {
  /** By the name of the switch. */
  declare readonly flows: Readonly<Record<string, Flows>>;
  /** Stations and what lies between them, for reports. */
  declare readonly path: PacketPath;
  /** `Phy2Phy`, `PVP`, `PVVP`, `VM2VM`. */
  declare readonly deployment: string;
  /** In one line: `generator ─ br0 ─ vnf ─ br0 ─ sink`. */
  declare readonly drawing: string;
  readonly from: ChainEnd | MemberEnd;
  readonly to: ChainEnd | MemberEnd;
  /** Packets go through once these are there. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: ServiceChainArgs, options: pulumi.ComponentResourceOptions = {}) {
    const hops = (args.through ?? []).map(hopOf);
    const members = membersOf(args, hops);
    const pairs = checkedPairs(name, args, hops, members);
    const bridges = [...new Set(pairs.flat().flatMap(({ attachment }) => bridgeOf(attachment)))];
    super("ServiceChain", name, { ...bridges[0]?.host.lifetime(), ...options }, (scope) => {
      const flows = bridges.map((bridge) => {
        const steering = pairs.flatMap((pair) => steer(bridge, pair, args.directions ?? "both"));
        const made = scope.child(
          Flows,
          `flows-${bridge.name}`,
          { host: bridge.host.reference, bridge: bridge.bridgeName, name, flows: steering },
          { dependsOn: Object.values(bridge.ports) },
        );
        return [bridge.name, made] as const;
      });
      const path = pathOf(args, hops, pairs);
      return {
        flows: Object.fromEntries(flows),
        path,
        deployment: deploymentOf(path),
        drawing: lineOf(path),
      };
    });
    this.from = args.from;
    this.to = args.to;
    const ends = [args.from, args.to].flatMap((end) => ("vnf" in end ? [] : (end.ready ?? [])));
    this.ready = [...Object.values(this.flows), ...ends, ...members.flatMap(({ ready }) => ready)];
  }
}

type Hop = Required<ChainHop>;

/** A hop with its interfaces named; those that it does not have stay empty, which is found out later. */
function hopOf(hop: ChainHop | ChainMember): Hop {
  const { vnf, in: into, out } = "vnf" in hop ? hop : { vnf: hop, in: undefined, out: undefined };
  const [first = "", second = ""] = Object.keys(vnf.attachments);
  return { vnf, in: into ?? first, out: out ?? second };
}

function membersOf({ from, to }: ServiceChainArgs, hops: readonly Hop[]): ChainMember[] {
  const ends = [from, to].flatMap((end) => ("vnf" in end ? [end.vnf] : []));
  return [...new Set([...ends, ...hops.map(({ vnf }) => vnf)])];
}

/** The two interfaces of each segment, in order, once nothing speaks against them. */
function checkedPairs(
  name: string,
  args: ServiceChainArgs,
  hops: readonly Hop[],
  members: readonly ChainMember[],
): (readonly [Stop, Stop])[] {
  const check = new InputCheck("ServiceChain", name);
  const stops = [
    endStop(check, "from", args.from),
    ...hops.flatMap((hop, index) => [
      memberStop(check, `through[${index}].in`, hop.vnf, hop.in),
      memberStop(check, `through[${index}].out`, hop.vnf, hop.out),
    ]),
    endStop(check, "to", args.to),
  ];
  checkUsedOnce(check, stops);
  const pairs = stops.flatMap((stop, index) => {
    const next = stops[index + 1];
    return index % 2 === 0 && stop !== undefined && next !== undefined ? [[stop, next] as const] : [];
  });
  for (const [one, other] of pairs) checkJoined(check, one, other);
  if (args.allowCrossNuma !== true) checkNodes(check, members);
  check.done();
  return pairs;
}

function endStop(check: InputCheck, property: string, end: ChainEnd | MemberEnd): Stop | undefined {
  if ("vnf" in end) return memberStop(check, `${property}.nic`, end.vnf, end.nic);
  checkPort(check, `${property}.attachment.port`, end.attachment);
  return { property, name: end.name, attachment: end.attachment };
}

function memberStop(check: InputCheck, property: string, vnf: ChainMember, nic: string): Stop | undefined {
  const attachment = vnf.attachments[nic];
  if (attachment !== undefined) return { property, name: `${vnf.name}.${nic}`, attachment };
  const names = Object.keys(vnf.attachments);
  check.wrong({
    code: "chain-nic",
    property,
    problem: `${vnf.name} has no such interface`,
    observed: nic === "" ? `its interfaces: ${names.join(", ") || "none"}` : nic,
    expected:
      nic === "" ? "one to come in by and one to go out by" : names.join(" or ") || "an interface of it",
  });
  return undefined;
}

function checkPort(check: InputCheck, property: string, attachment: Attachment): void {
  if (!("bridge" in attachment) || Object.hasOwn(attachment.bridge.ports, attachment.port)) return;
  check.wrong({
    code: "port-unknown",
    property,
    problem: "the bridge has no such port",
    observed: attachment.port,
    expected: Object.keys(attachment.bridge.ports).join(" or ") || "a port of the bridge",
  });
}

/** A port leads to one place: a second segment on it would take the first one's packets. */
function checkUsedOnce(check: InputCheck, stops: readonly (Stop | undefined)[]): void {
  const seen = new Map<string, Stop>();
  for (const stop of stops) {
    if (stop === undefined || !("bridge" in stop.attachment)) continue;
    const place = placeOf(stop.attachment);
    const before = seen.get(place);
    if (before === undefined) {
      seen.set(place, stop);
      continue;
    }
    check.wrong({
      code: "chain-port-twice",
      property: stop.property,
      problem: "the chain is on that port already",
      observed: `${place}, as in ${before.property}`,
      expected: "a port for each interface on the way",
    });
  }
}

function checkJoined(check: InputCheck, one: Stop, other: Stop): void {
  if (meets(one.attachment, other.attachment)) return;
  check.wrong({
    code: "chain-broken",
    property: other.property,
    problem: `nothing joins ${one.name} and ${other.name}`,
    observed: `${placeOf(one.attachment)}, and ${placeOf(other.attachment)}`,
    expected: "both on one bridge, one card or one shared memory",
  });
}

function checkNodes(check: InputCheck, members: readonly ChainMember[]): void {
  const placed = members.filter(({ numaNode }) => numaNode !== undefined);
  if (new Set(placed.map(({ numaNode }) => numaNode)).size < 2) return;
  check.wrong({
    code: "chain-cross-numa",
    property: "through",
    problem: "the chain crosses NUMA nodes, and every packet would pay for it",
    observed: placed.map(({ name, numaNode }) => `${name} on node ${numaNode}`).join(", "),
    expected: "one node for all of them",
    hint: "move a function, or set allowCrossNuma",
  });
}

function bridgeOf(attachment: Attachment): OvsDpdkBridge[] {
  return "bridge" in attachment ? [attachment.bridge] : [];
}

/** Flows of a switch for one segment, there and back. */
function steer(
  bridge: OvsDpdkBridge,
  [one, other]: readonly [Stop, Stop],
  directions: "forward" | "both",
): Steered<string>[] {
  const [from, to] = [one.attachment, other.attachment];
  if (!isOn(bridge, from) || !isOn(bridge, to)) return [];
  const [there, back] = crossConnect(from.port, to.port);
  return directions === "both" ? [there, back] : [there];
}

function isOn(bridge: OvsDpdkBridge, attachment: Attachment): attachment is SwitchedAttachment {
  return "bridge" in attachment && attachment.bridge === bridge;
}

function pathOf(
  { from, to }: ServiceChainArgs,
  hops: readonly Hop[],
  pairs: readonly (readonly [Stop, Stop])[],
): PacketPath {
  const station = (end: ChainEnd | MemberEnd, does: string) =>
    "vnf" in end
      ? { name: end.vnf.name, place: end.vnf.place, does }
      : { name: end.name, place: end.place ?? ("user space" as const), does };
  return {
    stations: [
      station(from, "sends"),
      ...hops.map(({ vnf }) => ({ name: vnf.name, place: vnf.place, does: "forwards" })),
      station(to, "receives"),
    ],
    segments: pairs.map(([one, other]) => segmentOf(one.attachment, other.attachment)),
  };
}

function segmentOf(one: Attachment, other: Attachment): Segment {
  const over =
    "bridge" in one
      ? { carrier: "ovs-dpdk" as const, over: one.bridge.name }
      : { carrier: one.carrier, over: one.over };
  return { down: one.kind, ...over, up: other.kind };
}
