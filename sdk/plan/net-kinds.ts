import type { Links, ObservedLink } from "../observe/links.ts";
import type { Inputs, Outputs, ResourceDefinition, State } from "../schema/definition.ts";
import {
  type linuxBridge,
  type macvtap,
  type networkNamespace,
  OWNER_ALIAS,
  type tap,
  type veth,
} from "../schema/net.ts";
import { exactDuration, nanoseconds } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import {
  batchStep,
  checkAddresses,
  checkManagement,
  checkOwner,
  checkSurroundings,
  given,
  ipStep,
  linkAt,
  observedSettings,
  type Place,
  planDown,
  planLink,
  removeLink,
  requireLink,
} from "./net-link.ts";
import type { Step } from "./step.ts";

/** What a kind of link needs beside what all links have in common. */
export interface LinkKind<D extends ResourceDefinition> {
  /** The link that stands for the resource: its alias says whose it is. */
  readonly place: (inputs: Inputs<D>) => Place;
  /** What can be said against inputs without a machine. */
  readonly check?: (inputs: Inputs<D>) => void;
  /** Inputs and outputs as they are; undefined where it is gone. On import `state` names it, and no more. */
  readonly observe: (state: State<D>, links: Links) => State<D> | undefined;
  /** Refuses before anything is touched. */
  readonly require: (inputs: Inputs<D>, links: Links, tag: string) => void;
  /** What makes it and brings it to its inputs. */
  readonly plan: (inputs: Inputs<D>, links: Links, tag: string, prior: Partial<State<D>>) => Step[];
  /** What delete has to know of what was found before the first plan. */
  readonly found?: (inputs: Inputs<D>, links: Links, prior: Partial<State<D>>) => Partial<Outputs<D>>;
  readonly remove: (state: State<D>, links: Links) => Step[];
}

const DEFAULT_AGEING = "300s";
/** The kernel counts ageing in hundredths of a second. */
const CENTISECOND_NS = 1e7;

export const namespaceKind: LinkKind<typeof networkNamespace> = {
  place: ({ name }) => ({ name: "lo", namespace: name }),
  observe: (state, links) => {
    const loopback = linkAt(links, { name: "lo", namespace: state.name });
    return loopback && { ...state, path: `/run/netns/${state.name}`, up: loopback.up };
  },
  require: ({ name }, links, tag) => {
    const loopback = linkAt(links, { name: "lo", namespace: name });
    if (loopback === undefined || loopback.owner === undefined || loopback.owner === tag) return;
    throw new HostError({
      code: "foreign",
      property: "name",
      problem: `a network namespace ${name} is there already and is not ours`,
      observed: `owner ${loopback.owner}`,
      hint: "choose another name",
    });
  },
  plan: ({ name }, links, tag) => {
    const loopback = linkAt(links, { name: "lo", namespace: name });
    const lines = [
      ...(loopback?.owner === tag ? [] : [`link set dev lo alias ${OWNER_ALIAS}${tag}`]),
      ...(loopback?.up === true ? [] : ["link set dev lo up"]),
    ];
    return [
      ...(loopback === undefined
        ? [ipStep(`make network namespace ${name}`, undefined, "netns", "add", name)]
        : []),
      ...batchStep(`set lo in namespace ${name} up`, name, lines),
    ];
  },
  remove: ({ name }) => [
    {
      purpose: `delete network namespace ${name}, in which nothing may run any more`,
      argv: ["sh", "-c", REMOVE_NAMESPACE, "sh", name],
    },
  ],
};

// A namespace that is deleted while a process is in it lives on without a name, with all its links.
const REMOVE_NAMESPACE = `pids=$(ip netns pids "$1") || exit
[ -z "$pids" ] || { echo "in it run $(ps -o pid=,comm= -p "$(echo $pids | tr ' ' ',')" | tr '\\n' ';')" >&2; exit 1; }
exec ip netns delete "$1"`;

export const bridgeKind: LinkKind<typeof linuxBridge> = {
  place: ({ name }) => ({ name }),
  check: ({ ageing = DEFAULT_AGEING }) => {
    if (nanoseconds(ageing) % CENTISECOND_NS === 0) return;
    throw new InputError({
      code: "duration",
      property: "ageing",
      problem: "the kernel ages addresses by hundredths of a second",
      observed: ageing,
      expected: "a multiple of 10ms",
    });
  },
  observe: (state, links) => {
    const link = linkAt(links, state);
    if (link?.kind !== "bridge") return undefined;
    const isImport = state.up === undefined;
    const ports = portsOf(state.name, links);
    const { host, stp, vlanFiltering, ageing, members } = state;
    const is = bridgeSettings(link);
    const joined = isImport
      ? ports.filter((name) => isMember(name, links))
      : (members ?? []).filter((name) => ports.includes(name));
    return {
      host,
      ...observedSettings(state, link, isImport),
      ...given("stp", is.stp === (stp ?? false) ? stp : is.stp),
      ...given("vlanFiltering", is.vlan === (vlanFiltering ?? false) ? vlanFiltering : is.vlan),
      ...given(
        "ageing",
        is.ageing === nanoseconds(ageing ?? DEFAULT_AGEING) ? ageing : (`${is.ageing / 1e6}ms` as const),
      ),
      ...given("members", members === undefined && joined.length === 0 ? undefined : joined),
      ports,
      foundDown: state.foundDown ?? [],
      up: link.up && joined.every((name) => linkAt(links, { name })?.up === true),
    };
  },
  require: (inputs, links, tag) => {
    const { name, members = [], host } = inputs;
    checkManagement("name", [name], links, host.name);
    checkManagement("members", members, links, host.name);
    checkAddresses(inputs, links, host.name);
    const found = linkAt(links, { name });
    const same =
      found?.kind === "bridge" &&
      JSON.stringify(bridgeSettings(found)) === JSON.stringify(wantedBridge(inputs));
    checkOwner(inputs, found, "bridge", tag, same);
    for (const member of members) {
      const link = requireLink("members", member, links);
      if ((link.master ?? name) === name && (link.master === name || link.addresses.length === 0)) continue;
      throw new HostError({
        code: "member-taken",
        property: "members",
        problem: `${member} is in use, and can't become a port of ${name}`,
        observed:
          link.master === undefined ? `addresses ${link.addresses.join(", ")}` : `a port of ${link.master}`,
        expected: "an interface without an address and without a master",
        hint: "take it out of what uses it first",
      });
    }
  },
  plan: (inputs, links, tag, prior) => {
    const { name, members = [] } = inputs;
    const found = linkAt(links, { name });
    const released = (prior.members ?? []).filter((member) => !members.includes(member));
    const left = released.filter((member) => linkAt(links, { name: member })?.master === name);
    const { stp, vlan, ageing } = wantedBridge(inputs);
    const right = found && JSON.stringify(bridgeSettings(found)) === JSON.stringify({ stp, vlan, ageing });
    const type = `type bridge stp_state ${Number(stp)} vlan_filtering ${Number(vlan)} ageing_time ${ageing / CENTISECOND_NS}`;
    const lines = members.flatMap((member) => {
      const link = linkAt(links, { name: member });
      return [
        ...(link?.master === name ? [] : [`link set dev ${member} master ${name}`]),
        ...(link?.up === true ? [] : [`link set dev ${member} up`]),
      ];
    });
    return [
      ...(right
        ? []
        : batchStep(`set bridge ${name}`, undefined, [`link ${found ? "set dev" : "add"} ${name} ${type}`])),
      ...batchStep(`join ${members.join(", ")} to ${name}`, undefined, lines),
      ...batchStep(
        `release ${left.join(", ")} from ${name}`,
        undefined,
        left.map((member) => `link set dev ${member} nomaster`),
      ),
      ...planDown(
        released.filter((member) => prior.foundDown?.includes(member)),
        links,
        name,
      ),
      ...planLink(inputs, found, tag),
    ];
  },
  found: ({ members = [], name }, links, { foundDown = [] }) => ({
    foundDown: members.filter((member) => {
      const link = linkAt(links, { name: member });
      return foundDown.includes(member) || (link?.up === false && link.master !== name);
    }),
  }),
  remove: (state, links) => [removeLink(state), ...planDown(state.foundDown, links, state.name)],
};

export const vethKind: LinkKind<typeof veth> = {
  place: (inputs) => inputs,
  check: ({ name, namespace, peer }) => {
    if (name !== peer.name || namespace !== peer.namespace) return;
    throw new InputError({
      code: "veth-ends",
      property: "peer.name",
      problem: "both ends of a pair can't be one interface",
      observed: name,
      expected: "another name, or another namespace",
    });
  },
  observe: (state, links) => {
    const link = linkAt(links, state);
    if (link?.kind !== "veth") return undefined;
    const other = peerOf(link, links);
    // Its other end is in a namespace without a name, where nothing of it can be seen.
    if (other === undefined) return undefined;
    const isImport = state.peer === undefined;
    return {
      host: state.host,
      ...observedSettings(state, link, isImport),
      peer: observedSettings(state.peer ?? {}, other, isImport),
      up: link.up && other.up,
    };
  },
  require: (inputs, links, tag) => {
    const { host, peer } = inputs;
    const [near, far] = [linkAt(links, inputs), linkAt(links, peer)];
    for (const end of [inputs, peer]) {
      checkManagement("name", end.namespace === undefined ? [end.name] : [], links, host.name);
      checkSurroundings(end, links);
      checkAddresses(end, links, host.name);
    }
    const same = near !== undefined && peerOf(near, links) === far;
    checkOwner(inputs, near, "veth", tag, same);
    checkOwner(peer, far, "veth", tag, same);
  },
  plan: (inputs, links, tag) => {
    const { peer } = inputs;
    const [near, far] = [linkAt(links, inputs), linkAt(links, peer)];
    const paired = near !== undefined && far !== undefined && peerOf(near, links) === far;
    // What is left of ours, with another end than it is to have, goes with that end.
    const stale = paired ? [] : [near, far].filter((link) => link !== undefined);
    const words = ["link", "add", inputs.name, "type", "veth", "peer", "name", peer.name];
    return [
      ...stale.map(removeLink),
      ...(paired
        ? []
        : [
            ipStep(
              `make the pair ${inputs.name} and ${peer.name}`,
              inputs.namespace,
              ...words,
              // Without it the other end would be beside this one; the machine's own namespace is that of its first process.
              ...(peer.namespace === inputs.namespace ? [] : ["netns", peer.namespace ?? "1"]),
            ),
          ]),
      ...planLink(inputs, paired ? near : undefined, tag),
      ...planLink(peer, paired ? far : undefined, tag),
    ];
  },
  remove: (state) => [removeLink(state)],
};

export const tapKind: LinkKind<typeof tap> = {
  place: ({ name }) => ({ name }),
  observe: (state, links) => {
    const link = linkAt(links, { name: state.name });
    if (link?.kind !== "tun" || link.settings["type"] !== "tap") return undefined;
    const { host, multiQueue, vnetHeader } = state;
    const is = tapSettings(link);
    return {
      host,
      ...observedSettings(state, link, state.up === undefined),
      ...given("multiQueue", is.multiQueue === (multiQueue ?? false) ? multiQueue : is.multiQueue),
      ...given("vnetHeader", is.vnetHeader === (vnetHeader ?? false) ? vnetHeader : is.vnetHeader),
      ...given("owner", is.owner),
      up: link.up,
    };
  },
  require: (inputs, links, tag) => {
    const found = linkAt(links, { name: inputs.name });
    checkManagement("name", [inputs.name], links, inputs.host.name);
    checkSurroundings(inputs, links);
    checkAddresses(inputs, links, inputs.host.name);
    const { multiQueue = false, vnetHeader = false, owner } = inputs;
    const same =
      found !== undefined &&
      JSON.stringify(tapSettings(found)) === JSON.stringify({ multiQueue, vnetHeader, owner });
    checkOwner(inputs, found, "tun", tag, same);
  },
  plan: (inputs, links, tag) => {
    const { name, multiQueue, vnetHeader, owner } = inputs;
    const found = linkAt(links, { name });
    const words = [
      ...(multiQueue ? ["multi_queue"] : []),
      ...(vnetHeader ? ["vnet_hdr"] : []),
      ...(owner === undefined ? [] : ["user", owner]),
    ];
    return [
      ...(found === undefined
        ? [ipStep(`make tap ${name}`, undefined, "tuntap", "add", "dev", name, "mode", "tap", ...words)]
        : []),
      ...planLink(inputs, found, tag),
    ];
  },
  remove: (state) => [removeLink({ name: state.name })],
};

export const macvtapKind: LinkKind<typeof macvtap> = {
  place: ({ name }) => ({ name }),
  observe: (state, links) => {
    const link = linkAt(links, { name: state.name });
    if (link?.kind !== "macvtap") return undefined;
    const { host, mode, lowerFoundDown } = state;
    const is = link.settings["mode"] as NonNullable<typeof mode>;
    const { addresses: _, ...settings } = observedSettings(state, link, state.up === undefined);
    return {
      host,
      ...settings,
      lower: link.lower ?? "",
      ...given("mode", is === (mode ?? "bridge") ? mode : is),
      device: `/dev/tap${link.index}`,
      lowerFoundDown: lowerFoundDown ?? false,
      up: link.up && linkAt(links, { name: link.lower ?? "" })?.up === true,
    };
  },
  require: (inputs, links, tag) => {
    const { name, lower, mode = "bridge", host } = inputs;
    checkManagement("lower", [lower], links, host.name);
    requireLink("lower", lower, links);
    const found = linkAt(links, { name });
    checkOwner(inputs, found, "macvtap", tag, found?.lower === lower && found.settings["mode"] === mode);
  },
  plan: (inputs, links, tag) => {
    const { name, lower, mode = "bridge" } = inputs;
    const found = linkAt(links, { name });
    const words = ["link", "add", "link", lower, "name", name, "type", "macvtap", "mode", mode];
    return [
      ...(linkAt(links, { name: lower })?.up === true
        ? []
        : batchStep(`set ${lower} up`, undefined, [`link set dev ${lower} up`])),
      ...(found === undefined ? [ipStep(`make macvtap ${name} on ${lower}`, undefined, ...words)] : []),
      // Addresses of its own it has none: the frames are somebody else's.
      ...planLink({ ...inputs, addresses: found?.addresses ?? [] }, found, tag),
    ];
  },
  found: ({ lower }, links, { lowerFoundDown }) => ({
    lowerFoundDown: lowerFoundDown ?? linkAt(links, { name: lower })?.up === false,
  }),
  remove: ({ name, lower, lowerFoundDown }, links) => [
    removeLink({ name }),
    ...planDown(lowerFoundDown ? [lower] : [], links, name),
  ],
};

/** Kinds that name their bridge themselves, or whose user joins them to it. */
const JOINING: ReadonlySet<string> = new Set(["veth", "tun", "macvtap"]);

function isMember(name: string, links: Links): boolean {
  return !JOINING.has(linkAt(links, { name })?.kind ?? "");
}

function portsOf(bridge: string, { links }: Links): string[] {
  return links
    .filter(({ master, namespace }) => master === bridge && namespace === undefined)
    .map(({ name }) => name);
}

interface BridgeSettings {
  readonly stp: boolean;
  readonly vlan: boolean;
  /** Nanoseconds. */
  readonly ageing: number;
}

function bridgeSettings({ settings }: ObservedLink): BridgeSettings {
  return {
    stp: settings["stp_state"] !== 0,
    vlan: settings["vlan_filtering"] !== 0,
    ageing: Number(settings["ageing_time"]) * CENTISECOND_NS,
  };
}

function wantedBridge({
  stp = false,
  vlanFiltering = false,
  ageing = DEFAULT_AGEING,
}: Inputs<typeof linuxBridge>): BridgeSettings {
  return { stp, vlan: vlanFiltering, ageing: exactDuration(ageing, "ns") };
}

function tapSettings({ settings }: ObservedLink) {
  const owner = settings["user"];
  return {
    multiQueue: settings["multi_queue"] === true,
    vnetHeader: settings["vnet_hdr"] === true,
    ...given("owner", owner === undefined ? undefined : String(owner)),
  };
}

/** The other end of a veth: beside it by its name, elsewhere by numbers that point at each other. */
function peerOf(link: ObservedLink, { links }: Links): ObservedLink | undefined {
  if (link.lower !== undefined)
    return links.find(({ name, namespace }) => name === link.lower && namespace === link.namespace);
  return links.find(
    (other) =>
      other.kind === "veth" &&
      other.namespace !== link.namespace &&
      other.index === link.lowerIndex &&
      other.lowerIndex === link.index,
  );
}
