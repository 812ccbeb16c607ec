import type { Links, ObservedLink, Offload } from "../observe/links.ts";
import { OWNER_ALIAS } from "../schema/net.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";

/** Where a link is: its name, in a namespace or the machine's own. */
export interface Place {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** What any interface can be asked to be. */
export interface LinkSettings extends Place {
  readonly bridge?: string | undefined;
  readonly mtu?: number | undefined;
  readonly mac?: string | undefined;
  readonly addresses?: readonly string[] | undefined;
  readonly offloads?: Readonly<Partial<Record<Offload, boolean | undefined>>> | undefined;
}

export function linkAt(links: Links, { name, namespace }: Place): ObservedLink | undefined {
  return links.links.find((link) => link.name === name && link.namespace === namespace);
}

/** A command of iproute2 in the namespace of a place. */
export function ipStep(purpose: string, namespace: string | undefined, ...rest: string[]): Step {
  return { purpose, argv: ["ip", ...(namespace === undefined ? [] : ["-n", namespace]), ...rest] };
}

/** Several commands in one call of ip, which stops at the first that fails. */
export function batchStep(purpose: string, namespace: string | undefined, lines: readonly string[]): Step[] {
  if (lines.length === 0) return [];
  return [{ ...ipStep(purpose, namespace, "-batch", "-"), stdin: `${lines.join("\n")}\n` }];
}

/** What brings a link that is there to its settings, set up and marked as ours. */
export function planLink(wanted: LinkSettings, found: ObservedLink | undefined, tag: string): Step[] {
  const { name, namespace, bridge, mtu, mac, addresses = [], offloads = {} } = wanted;
  const has = found?.addresses ?? [];
  const set = (words: string) => `link set dev ${name} ${words}`;
  const lines = [
    ...(found?.owner === tag ? [] : [set(`alias ${OWNER_ALIAS}${tag}`)]),
    ...(mac === undefined || found?.mac === mac ? [] : [set(`address ${mac}`)]),
    ...(found?.master === bridge ? [] : [set(bridge === undefined ? "nomaster" : `master ${bridge}`)]),
    ...(mtu === undefined || found?.mtu === mtu ? [] : [set(`mtu ${mtu}`)]),
    ...has.filter((each) => !addresses.includes(each)).map((each) => `address del ${each} dev ${name}`),
    ...addresses.filter((each) => !has.includes(each)).map((each) => `address add ${each} dev ${name}`),
    ...(found?.up === true ? [] : [set("up")]),
  ];
  const changed = Object.entries(offloads).flatMap(([feature, on]) =>
    on === undefined || found?.offloads[feature as Offload] === on ? [] : [feature, on ? "on" : "off"],
  );
  const inside = namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
  const [program = "ethtool", ...rest] = [...inside, "ethtool", "-K", name, ...changed];
  return [
    ...batchStep(`set ${placeWords(wanted)}`, namespace, lines),
    ...(changed.length === 0
      ? []
      : [
          {
            purpose: `set offloads of ${placeWords(wanted)}: ${changed.join(" ")}`,
            argv: [program, ...rest] as const,
          },
        ]),
  ];
}

/** The settings of a link that is there, in the user's spelling where it means the same. On import nothing was asked for but its name. */
export function observedSettings(asked: Partial<LinkSettings>, link: ObservedLink, isImport: boolean) {
  const { addresses, offloads, mtu, mac } = asked;
  const sameAddresses =
    (addresses ?? []).length === link.addresses.length &&
    (addresses ?? []).every((each) => link.addresses.includes(each));
  const known = Object.entries(offloads ?? {}).filter(([, on]) => on !== undefined);
  return {
    name: link.name,
    ...given("namespace", link.namespace),
    ...given("bridge", link.master),
    ...given("mtu", (isImport ? link.mtu !== 1500 : mtu !== undefined) ? link.mtu : undefined),
    ...given("mac", mac === undefined ? undefined : link.mac),
    ...given("addresses", sameAddresses ? addresses && [...addresses] : [...link.addresses]),
    ...given(
      "offloads",
      offloads && Object.fromEntries(known.map(([name, on]) => [name, link.offloads[name as Offload] ?? on])),
    ),
  };
}

/**
 * @throws HostError `foreign` where somebody else's interface has the name, or it is of another kind
 */
export function checkOwner(
  place: Place,
  found: ObservedLink | undefined,
  kind: string,
  tag: string,
  isSame: boolean,
): void {
  if (found === undefined || found.owner === tag) return;
  if (found.kind === kind && found.owner === undefined && isSame) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `an interface ${placeWords(place)} is there already and is not ours`,
    observed: `a ${found.kind || "physical interface"}, owner ${found.owner ?? "nobody"}, ${stateWords(found)}`,
    expected: `no interface of that name, or a ${kind} as this one is to be`,
    hint: "choose another name, or import it as it is",
  });
}

/** @throws HostError `management` where a change to the interface could cut off the machine */
export function checkManagement(
  property: string,
  names: readonly string[],
  { management }: Links,
  host: string,
): void {
  for (const name of names) {
    const reason = management.get(name);
    if (reason === undefined) continue;
    throw new HostError({
      code: "management",
      property,
      problem: `${name} carries the connection by which ${host} is reached, and is left alone`,
      observed: reason,
      expected: "an interface that neither a default route nor this SSH connection uses",
      hint: "use another interface, or a virtual function of it",
    });
  }
}

/** @throws HostError `management` where an address of the machine's own namespace overlaps the network by which it is reached */
export function checkAddresses(wanted: LinkSettings, { links, management }: Links, host: string): void {
  if (wanted.namespace !== undefined) return;
  for (const address of wanted.addresses ?? [])
    for (const link of links)
      for (const own of link.namespace === undefined && management.has(link.name) ? link.addresses : [])
        if (overlap(address, own))
          throw new HostError({
            code: "management",
            property: "addresses",
            problem: `${address} would take packets from ${link.name}, by which ${host} is reached`,
            observed: `${own} on ${link.name}`,
            expected: "an address of another network",
            hint: "198.18.0.0/15 is kept for measurements (RFC 2544)",
          });
}

/** @throws HostError `bridge-missing`, `namespace-missing` */
export function checkSurroundings({ bridge, namespace }: Partial<LinkSettings>, links: Links): void {
  if (namespace !== undefined && !links.namespaces.includes(namespace))
    throw new HostError({
      code: "namespace-missing",
      property: "namespace",
      problem: `there is no network namespace ${namespace}`,
      observed: links.namespaces.join(", ") || "no named namespace",
      hint: "take the name from a NetworkNamespace resource, so that it is made first",
    });
  const master = bridge === undefined ? undefined : linkAt(links, { name: bridge, namespace });
  if (bridge !== undefined && master?.kind !== "bridge")
    throw new HostError({
      code: "bridge-missing",
      property: "bridge",
      problem: `there is no Linux bridge ${bridge}`,
      observed:
        master === undefined ? "no interface of that name" : `a ${master.kind || "physical interface"}`,
      hint: "take the name from a LinuxBridge resource, so that it is made first; a bridge of Open vSwitch gets its ports from nfvlab:ovs:Port",
    });
}

/** @throws HostError `interface-missing` */
export function requireLink(property: string, name: string, links: Links): ObservedLink {
  const link = linkAt(links, { name });
  if (link !== undefined) return link;
  throw new HostError({
    code: "interface-missing",
    property,
    problem: `there is no interface ${name}`,
    observed: links.links.flatMap((each) => (each.namespace === undefined ? [each.name] : [])).join(", "),
    hint: "a card that is bound to vfio-pci has no interface",
  });
}

type Properties = Readonly<Record<string, unknown>>;

/** @throws VerificationError `reads-back` with the first field that is not as asked */
export function verifyFields(wanted: Properties, observed: Properties, what: string, path = ""): void {
  for (const [field, value] of Object.entries(wanted)) {
    const [is, at] = [observed[field], `${path}${field}`];
    if (value === undefined) continue;
    if (isRecord(value) && isRecord(is)) {
      verifyFields(value, is, what, `${at}.`);
    } else if (JSON.stringify(is) !== JSON.stringify(value)) {
      throw new VerificationError({
        code: "reads-back",
        property: at,
        problem: `${what} reads back otherwise than set`,
        observed: is === undefined ? "nothing" : JSON.stringify(is),
        expected: JSON.stringify(value),
        hint: "something else on the machine may set it (systemd-networkd, NetworkManager, udev), or its driver does not take it",
      });
    }
  }
}

/** Sets links down that were found down, where nothing else stands on them by now. */
export function planDown(names: readonly string[], { links }: Links, without: string): Step[] {
  const own = links.filter(({ namespace }) => namespace === undefined);
  const idle = names.filter((name) => {
    const link = own.find((each) => each.name === name);
    const others = own.filter((each) => each.lower === name && each.name !== without);
    return link?.up === true && others.length === 0 && (link.master === undefined || link.master === without);
  });
  return idle.map((name) =>
    ipStep(`set ${name} down, as it was found`, undefined, "link", "set", "dev", name, "down"),
  );
}

export function removeLink(place: Place): Step {
  return ipStep(`delete ${placeWords(place)}`, place.namespace, "link", "delete", "dev", place.name);
}

export function placeWords({ name, namespace }: Place): string {
  return namespace === undefined ? name : `${name} in namespace ${namespace}`;
}

export function given<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: T });
}

function stateWords({ mtu, master, addresses }: ObservedLink): string {
  return [`mtu ${mtu}`, ...(master === undefined ? [] : [`port of ${master}`]), ...addresses].join(", ");
}

function isRecord(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two addresses with their prefix lengths lie in networks of which one holds the other. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [networkOf(one), networkOf(other)];
  const shift = 2 ** (32 - Math.min(a.length, b.length));
  return Math.floor(a.address / shift) === Math.floor(b.address / shift);
}

function networkOf(text: string): { readonly address: number; readonly length: number } {
  const [address = "", length = "32"] = text.split("/");
  return {
    address: address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0),
    length: Number(length),
  };
}
