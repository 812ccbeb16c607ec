import type { HostFacts } from "../schema/facts.ts";
import type { Answer, Probe } from "./probe.ts";
import { sectionsOf } from "./sections.ts";

/** How a network card is set up. */
export interface ObservedNicSettings {
  readonly address: string;
  readonly interfaces: readonly ObservedInterfaceSettings[];
  /** By what they are: `revision`, `subsystem`, `PCI Express payload`. */
  readonly settings: Readonly<Record<string, string>>;
}

interface ObservedInterfaceSettings {
  /** 0, but for cards that have several ports behind one function. */
  readonly port: string;
  /** By what they are: `firmware`, `rings`, `offload generic-receive-offload`. */
  readonly settings: Readonly<Record<string, string>>;
  /** What it agreed on with its partner, `25000 Mb/s, full duplex`; absent without a link. */
  readonly link?: string;
}

/** How many cards are looked at: each interface costs a process. */
const MOST_CARDS = 16;

// Most is read by the shell itself. Of ethtool one process tells of all interfaces, but for the driver; where it is older than 5.8, or the kernel than 5.6, it tells of none.
const SCRIPT = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
exec 2> /dev/null
count=0 configs= names=
for card in /sys/bus/pci/devices/*; do
  read -r class < "$card/class" || continue
  case $class in 0x02*) ;; *) continue ;; esac
  [ ! -e "$card/physfn" ] && [ $((count += 1)) -le ${MOST_CARDS} ] || continue
  configs="$configs $card/config"
  echo "@card \${card##*/}"
  for file in revision subsystem_vendor subsystem_device; do
    read -r value < "$card/$file" && echo "$file $value"
  done
  for net in "$card"/net/* "$card"/virtio[0-9]*/net/*; do
    read -r mtu < "$net/mtu" || continue
    read -r port < "$net/phys_port_name" || port=
    case $port in *vf*|*sf*) continue ;; esac
    names=yes
    echo "@interface \${net##*/}"
    echo "mtu $mtu"
    for file in dev_port speed duplex; do
      read -r value < "$net/$file" && echo "$file $value"
    done
    set -- "$net"/queues/rx-*; [ -e "$1" ] && echo "rx $#"
    set -- "$net"/queues/tx-*; [ -e "$1" ] && echo "tx $#"
    ethtool -i "\${net##*/}"
  done
done
[ -n "$configs" ] && { echo "@configs"; head -q -c 256 $configs | od -A n -v -t x1 -w256; }
[ -n "$names" ] && { ethtool -g '*'; ethtool -c '*'; ethtool -k '*'; }
true`;

/**
 * How network cards are set up, but for virtual functions, which are their physical function's and their guest's: firmware, queues, rings, interrupt coalescing
 * and offloads of those that the kernel has; sizes of PCI Express of all. What a tool that is not there would tell is left out.
 */
export const nicSettings: Probe<readonly ObservedNicSettings[]> = {
  name: "nic-settings",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }: Answer) => {
    const told = toldByEthtool(stdout);
    const [cards = "", configs = ""] = stdout.split(/^@configs\n/m);
    const sections = sectionsOf(cards, "card");
    const bytes = configsOf(configs, sections.length);
    return sections.map(({ head, lines }, index) => ({
      address: head,
      interfaces: sectionsOf(lines.join("\n"), "interface").map((each) =>
        interfaceOf(each.lines, told.get(each.head) ?? {}),
      ),
      settings: { ...cardOf(valuesOf(lines)), ...expressOf(bytes?.[index]) },
    }));
  },
};

/** Lines of a name and a value, ethtool's with a colon, up to the next part. */
function valuesOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    if (/^[@A-Z]/.test(line)) break;
    const [, name, value] = /^([\w-]+):? (.*)$/.exec(line) ?? [];
    if (name !== undefined && value?.trim()) values.set(name, value.trim());
  }
  return values;
}

function cardOf(values: ReadonlyMap<string, string>): Record<string, string> {
  const [revision, vendor, device] = ["revision", "subsystem_vendor", "subsystem_device"].map((file) =>
    values.get(file),
  );
  return {
    ...(revision !== undefined && { revision }),
    ...(vendor !== undefined && device !== undefined && { subsystem: `${vendor}:${device}` }),
  };
}

function interfaceOf(
  lines: readonly string[],
  told: Readonly<Record<string, string>>,
): ObservedInterfaceSettings {
  const values = valuesOf(lines);
  const [version, firmware, mtu] = ["version", "firmware-version", "mtu"].map((name) => values.get(name));
  const queues = ["rx", "tx"].flatMap((way) => (values.has(way) ? [`${way} ${values.get(way)}`] : []));
  const [speed, duplex] = [values.get("speed") ?? "", values.get("duplex")];
  return {
    port: values.get("dev_port") ?? "0",
    settings: {
      ...(version !== undefined && { "driver version": version }),
      ...(firmware !== undefined && { firmware }),
      ...(mtu !== undefined && { mtu }),
      ...(queues.length > 0 && { queues: queues.join(", ") }),
      ...told,
    },
    // Without a link there is none, or it says -1.
    ...(/^[1-9]\d*$/.test(speed) && {
      link: `${speed} Mb/s${duplex === undefined ? "" : `, ${duplex} duplex`}`,
    }),
  };
}

/** By interface what `ethtool -g`, `-c` and `-k` say of it. */
function toldByEthtool(stdout: string): ReadonlyMap<string, Record<string, string>> {
  const all = new Map<string, Record<string, string>>();
  const parts = stdout.split(/^(Ring parameters|Coalesce parameters|Features) for (.+):$/m).slice(1);
  for (let index = 0; index + 2 < parts.length; index += 3) {
    const [what = "", name = "", body = ""] = parts.slice(index, index + 3);
    const read = what === "Features" ? offloadsOf : what.startsWith("Ring") ? ringsOf : coalescingOf;
    all.set(name, { ...all.get(name), ...read(body) });
  }
  return all;
}

/** What of a card can be set: others say `n/a`, and older releases 0. */
function setIn(body: string): (readonly [name: string, value: string])[] {
  return [...body.matchAll(/^([\w -]+):[ \t]*(\S+)[ \t]*$/gm)].flatMap(([, name = "", value = ""]) =>
    value === "n/a" || value === "0" ? [] : [[name.toLowerCase(), value] as const],
  );
}

function ringsOf(body: string): Record<string, string> {
  const rings = setIn(body.split(/^Current hardware settings:$/m)[1] ?? "");
  return rings.length === 0 ? {} : { rings: rings.map(([name, value]) => `${name} ${value}`).join(", ") };
}

/** Where a direction is adaptive, the driver moves its times by itself. */
function coalescingOf(body: string): Record<string, string> {
  const [, rx, tx] = /^Adaptive RX: (\S+)\s+TX: (\S+)/m.exec(body) ?? [];
  const adaptive = [...(rx === "on" ? ["rx"] : []), ...(tx === "on" ? ["tx"] : [])];
  const own = setIn(body).filter(([name]) => !adaptive.some((way) => name.startsWith(`${way}-`)));
  const words = [...adaptive.map((way) => `${way} adaptive`), ...own.map((each) => each.join(" "))];
  if (rx === undefined) return {};
  return { "interrupt coalescing": words.length === 0 ? "none" : words.join(", ") };
}

/** Those that somebody can turn. */
function offloadsOf(body: string): Record<string, string> {
  return Object.fromEntries(
    [...body.matchAll(/^\t?([\w-]+): (on|off)( \[requested (?:on|off)\])?$/gm)].map(([, name, state]) => [
      `offload ${name}`,
      state ?? "",
    ]),
  );
}

/** Configuration space of each card, its first 256 bytes; undefined where the kernel shows fewer, as to whoever is not root. */
function configsOf(text: string, cards: number): readonly Buffer[] | undefined {
  const lines = text.split("\n").filter((line) => /^( [0-9a-f]{2})+$/.test(line));
  const bytes = Buffer.from(lines.join("").replaceAll(" ", ""), "hex");
  return bytes.length === cards * 256
    ? Array.from({ length: cards }, (_, index) => bytes.subarray(index * 256, (index + 1) * 256))
    : undefined;
}

const PCI_EXPRESS = 0x10;

/** Longest payload and read request that a card is set to (PCI Express, section 7.5.3.4). */
function expressOf(config: Buffer | undefined): Record<string, string> {
  if (config === undefined || ((config[0x06] ?? 0) & 0x10) === 0) return {};
  const seen = new Set<number>();
  let at = config[0x34] ?? 0;
  while (at >= 0x40 && at + 10 <= config.length && !seen.has(at)) {
    if (config[at] === PCI_EXPRESS) {
      const control = config.readUInt16LE(at + 8);
      return {
        "PCI Express payload": `${128 << ((control >> 5) & 7)} bytes`,
        "PCI Express read request": `${128 << ((control >> 12) & 7)} bytes`,
      };
    }
    seen.add(at);
    at = config[at + 1] ?? 0;
  }
  return {};
}

/** Settings of all cards by address and name: `0000:3b:00.0 rings`; of several ports of one function with their number. With the slots that firmware names. */
export function nicKnobs(
  cards: readonly ObservedNicSettings[],
  slots: ReadonlyMap<string, string>,
): Record<string, string> {
  return Object.fromEntries(
    cards.flatMap(({ address, interfaces, settings }) => {
      const slot = slots.get(address.slice(0, address.lastIndexOf(".")));
      return [
        ...(slot === undefined ? [] : [[`${address} slot`, slot] as const]),
        ...Object.entries(settings).map(([name, value]) => [`${address} ${name}`, value] as const),
        ...interfaces.flatMap((each) =>
          Object.entries(each.settings).map(
            ([name, value]) => [`${portName(address, each, interfaces)} ${name}`, value] as const,
          ),
        ),
      ];
    }),
  );
}

/** What cards agreed on with what they are joined to, by address: another card by its cable, the machine by its slot. */
export function nicLinks(
  cards: readonly ObservedNicSettings[],
  nics: HostFacts["nics"],
): Record<string, string> {
  return Object.fromEntries([
    ...cards.flatMap(({ address, interfaces }) =>
      interfaces.flatMap((each) =>
        each.link === undefined ? [] : [[portName(address, each, interfaces), each.link] as const],
      ),
    ),
    ...nics.flatMap(({ address, link }) =>
      link === undefined
        ? []
        : [[`${address} PCI Express`, `${link.speed} GT/s, ${link.lanes} lanes`] as const],
    ),
  ]);
}

function portName(
  address: string,
  { port }: ObservedInterfaceSettings,
  all: readonly ObservedInterfaceSettings[],
): string {
  return all.length === 1 ? address : `${address} port ${port}`;
}
