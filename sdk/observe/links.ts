import { OWNER_ALIAS } from "../schema/net.ts";
import { unreadable } from "./parse-error.ts";
import type { Probe } from "./probe.ts";
import { jsonOf, understood } from "./understood.ts";

/** Offloads as `ethtool -K` names them, by what `ethtool -k` prints. */
const FEATURES = {
  "rx-checksumming": "rx",
  "tx-checksumming": "tx",
  "tcp-segmentation-offload": "tso",
  "generic-receive-offload": "gro",
} as const;
export type Offload = (typeof FEATURES)[keyof typeof FEATURES];

export interface ObservedLink {
  readonly name: string;
  /** Absent for the machine's own. */
  readonly namespace?: string;
  readonly index: number;
  /** `bridge`, `veth`, `tun`, `macvtap`…; empty for a physical interface. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly master?: string;
  /** Tag of the resource that made it. */
  readonly owner?: string;
  /** What it stands on, in its own namespace: the lower interface of a macvtap, the other end of a veth pair. */
  readonly lower?: string;
  /** The same by number, where it is in another namespace. */
  readonly lowerIndex?: number;
  /** IPv4 addresses, with their prefix lengths. */
  readonly addresses: readonly string[];
  readonly offloads: Readonly<Partial<Record<Offload, boolean>>>;
  /** Settings of its kind, as the kernel names them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly xdp?: ObservedXdp;
}

/** A program in the receive path of an interface. */
export interface ObservedXdp {
  readonly mode: "native" | "generic" | "offload";
  readonly id: number;
  readonly program: string;
}

export interface Links {
  readonly links: readonly ObservedLink[];
  /** Named network namespaces. */
  readonly namespaces: readonly string[];
  /** Why an interface of the machine's own namespace carries what the machine is reached by; the others are missing. */
  readonly management: ReadonlyMap<string, string>;
}

// Few processes: each costs an emulated machine tenths of a second. sudo drops SSH_CONNECTION, but the processes above it still have it.
const SCRIPT = `command -v ip > /dev/null || exit 127
echo "@namespace"; ip -j -d addr show || exit
ethtool -k '*' 2>/dev/null
for file in /run/netns/*; do
  [ -e "$file" ] || continue
  echo "@namespace \${file##*/}"; ip -n "\${file##*/}" -j -d addr show 2>/dev/null
  nsenter --net="$file" ethtool -k '*' 2>/dev/null
done
echo "@routes"
while read -r device target rest; do [ "$target" != 00000000 ] || echo "@default $device"; done < /proc/net/route
while read -r target length source bits hop metric uses count flags device; do
  case "$target$length" in *[!0]*) ;; *) echo "@default $device" ;; esac
done 2>/dev/null < /proc/net/ipv6_route
pid=$$
while [ -z "$SSH_CONNECTION" ] && [ "\${pid:-0}" -gt 1 ]; do
  SSH_CONNECTION=$(grep -szm 1 ^SSH_CONNECTION= /proc/$pid/environ | tr -d '\\0' | cut -d= -f2)
  pid=$(sed -n 's/^PPid:\\t//p' /proc/$pid/status)
done
echo "@ssh $SSH_CONNECTION"`;

/** Every interface of the machine and of its named network namespaces. */
export const networkLinks: Probe<Links> = {
  name: "network-links",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: (answer) => {
    const [spaces = "", routes = ""] = answer.stdout.split(/^@routes\n/m);
    const sections = spaces.split(/^@namespace ?/m).slice(1);
    if (answer.code !== 0 || sections.length === 0) throw unreadable("the network interfaces (ip)", answer);
    const links: ObservedLink[] = [];
    const namespaces: string[] = [];
    for (const section of sections) {
      const [name = "", json = "", ...rest] = section.split("\n");
      const namespace = name === "" ? undefined : name;
      const found = understood("the network interfaces (ip)", { ...answer, stdout: json }, () =>
        linksIn(json),
      );
      // A namespace that went away in between answers nothing.
      if (namespace !== undefined && found.length > 0) namespaces.push(namespace);
      for (const link of found)
        links.push(understood(`interface ${link.ifname}`, answer, () => linkOf(link, namespace, rest)));
    }
    return { links, namespaces, management: managementIn(routes, links) };
  },
};

interface IpLink {
  readonly ifname?: string;
  readonly ifindex: number;
  readonly link?: string;
  readonly link_index?: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly address?: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Record<string, unknown> };
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
  readonly xdp?: { readonly mode: number; readonly prog?: { readonly id: number; readonly name?: string } };
}

/** `IFLA_XDP_ATTACHED` of if_link.h. */
const XDP_MODES = { 1: "native", 2: "generic", 3: "offload" } as const;

function linkOf(link: IpLink, namespace: string | undefined, lines: readonly string[]): ObservedLink {
  const name = link.ifname ?? "";
  const owner = link.ifalias?.startsWith(OWNER_ALIAS) ? link.ifalias.slice(OWNER_ALIAS.length) : undefined;
  const mode = XDP_MODES[link.xdp?.mode as keyof typeof XDP_MODES];
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    index: link.ifindex,
    kind: link.linkinfo?.info_kind ?? "",
    mac: link.address ?? "",
    mtu: link.mtu,
    up: link.flags.includes("UP"),
    ...(link.master !== undefined && { master: link.master }),
    ...(owner !== undefined && { owner }),
    ...(link.link !== undefined && { lower: link.link }),
    ...(link.link_index !== undefined && { lowerIndex: link.link_index }),
    addresses: (link.addr_info ?? [])
      .filter(({ family }) => family === "inet")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    offloads: offloadsOf(name, lines),
    settings: link.linkinfo?.info_data ?? {},
    ...(mode !== undefined &&
      link.xdp?.prog !== undefined && {
        xdp: { mode, id: link.xdp.prog.id, program: link.xdp.prog.name ?? "" },
      }),
  };
}

function offloadsOf(name: string, lines: readonly string[]): Partial<Record<Offload, boolean>> {
  const from = lines.indexOf(`Features for ${name}:`);
  const offloads: Partial<Record<Offload, boolean>> = {};
  if (from < 0) return offloads;
  for (const line of lines.slice(from + 1)) {
    if (line.startsWith("Features for ")) break;
    const [, feature = "", state] = /^([a-z-]+): (on|off)/.exec(line) ?? [];
    const offload = FEATURES[feature as keyof typeof FEATURES];
    if (offload !== undefined) offloads[offload] = state === "on";
  }
  return offloads;
}

/** The interfaces by which the machine is reached: those of default routes and of this SSH connection, and what these stand on. */
function managementIn(routes: string, links: readonly ObservedLink[]): Map<string, string> {
  const own = links.filter(({ namespace }) => namespace === undefined);
  const management = new Map<string, string>();
  for (const line of routes.split("\n")) {
    const device = /^@default (\S+)$/.exec(line)?.[1];
    // The kernel keeps an unreachable IPv6 default on loopback.
    if (device !== undefined && device !== "lo") management.set(device, "the default route goes through it");
    const address = /^@ssh \S+ \d+ (\S+) \d+$/.exec(line)?.[1];
    const link = own.find(({ addresses }) => addresses.some((each) => each.split("/")[0] === address));
    if (link !== undefined && link.name !== "lo")
      management.set(link.name, `this SSH connection comes in at its address ${address}`);
  }
  // What carries is added while the map is walked, so that a port of a bridge over a VLAN is found too.
  for (const [name, reason] of management) {
    const beneath = own.filter((link) => link.master === name || link.name === lowerOf(own, name));
    for (const link of beneath)
      if (!management.has(link.name)) management.set(link.name, `${name} stands on it, of which: ${reason}`);
  }
  return management;
}

function lowerOf(links: readonly ObservedLink[], name: string): string | undefined {
  return links.find((link) => link.name === name)?.lower;
}

function linksIn(line: string): readonly IpLink[] {
  if (!line.startsWith("[")) return [];
  // iproute2 leaves an empty object for each link that it filters out.
  return (jsonOf(line) as readonly IpLink[]).filter(({ ifname }) => ifname !== undefined);
}
