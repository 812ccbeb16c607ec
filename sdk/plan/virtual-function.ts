import type { AdminState } from "../observe/virtual-function-states.ts";
import type { Inputs } from "../schema/definition.ts";
import type { virtualFunction } from "../schema/pci.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { megabitsPerSecond } from "../units/rate.ts";
import { vlanText } from "../units/vlan.ts";
import { type PciUnit, unitName } from "./pci-unit.ts";
import type { Step } from "./step.ts";
import type { PhysicalFunction } from "./virtual-functions.ts";

type Wanted = Inputs<typeof virtualFunction>;
type Properties = Omit<Wanted, "host" | "pf" | "vf">;
type Field = keyof Properties;
type Texts = ReadonlyMap<string, string>;

interface Property<F extends Field> {
  /** What ip-link(8) calls it. */
  readonly word: string;
  readonly write: (value: NonNullable<Properties[F]>) => string;
  readonly read: (text: string) => Properties[F];
}

const flag = { write: (value: boolean) => (value ? "on" : "off"), read: (text: string) => text === "on" };
const limit = {
  write: (value: string) => `${megabitsPerSecond(value)}`,
  read: (text: string) => `${Number(text)}Mbit/s` as const,
};
const asIs = { write: (value: string) => value, read: (text: string) => text };

/** In the order in which they are set. */
const PROPERTIES: { readonly [F in Field]-?: Property<F> } = {
  mac: { word: "mac", ...asIs },
  vlan: {
    word: "vlan",
    write: ({ id, qos, protocol }) => vlanText(id, qos, protocol),
    read: (text) => {
      const [, id, qos, protocol] = /^(\d+) qos (\d+) proto (\S+)$/.exec(text) ?? [];
      return {
        id: Number(id),
        ...(Number(qos) > 0 && { qos: Number(qos) }),
        ...(protocol === "802.1ad" && { protocol }),
      };
    },
  },
  spoofCheck: { word: "spoofchk", ...flag },
  trust: { word: "trust", ...flag },
  linkState: { word: "state", write: asIs.write, read: (text) => text as Properties["linkState"] },
  queryRss: { word: "query_rss", ...flag },
  maxTxRate: { word: "max_tx_rate", ...limit },
  minTxRate: { word: "min_tx_rate", ...limit },
};
const FIELDS = Object.keys(PROPERTIES) as Field[];

/** What is wanted, in the words of ip-link(8). */
export function wantedTexts(wanted: Properties): Texts {
  return new Map(
    FIELDS.flatMap((field) => {
      const value = wanted[field];
      return value === undefined ? [] : [[PROPERTIES[field].word, textOf(field, value)] as const];
    }),
  );
}

function textOf<F extends Field>(field: F, value: NonNullable<Properties[F]>): string {
  return (PROPERTIES[field] as unknown as Property<F>).write(value);
}

/** The properties that are wanted as they are, in the user's spelling where it means the same; those that a driver does not tell as they were set. */
export function observedProperties(wanted: Properties, now: AdminState): Properties {
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const value = wanted[field];
      if (value === undefined) return [];
      const { word, read } = PROPERTIES[field];
      const text = now.get(word);
      return [[field, text === undefined || text === textOf(field, value) ? value : read(text)]];
    }),
  );
}

/** On import: what our service sets, with its texts as they are now; without a service, what differs from a function just made. */
export function propertiesMeant(unit: string | undefined, now: AdminState): Properties {
  const words = [...(unit ?? "").matchAll(/ vf \d+ ([^;']+)/g)].flatMap(([, text = ""]) => text.split(" "));
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const { word, read } = PROPERTIES[field];
      const text = now.get(word);
      const isMeant =
        unit === undefined ? text !== undefined && text !== INITIAL[word] : words.includes(word);
      return isMeant && text !== undefined ? [[field, read(text)]] : [];
    }),
  );
}

const INITIAL: Readonly<Record<string, string>> = {
  mac: "00:00:00:00:00:00",
  vlan: vlanText(0),
  spoofchk: "on",
  trust: "off",
  state: "auto",
  query_rss: "off",
  max_tx_rate: "0",
  min_tx_rate: "0",
};

/** Where the function is set: the interface of its physical function. */
export interface Place {
  readonly interface: string;
  readonly pf: string;
  readonly vf: number;
  readonly address: string;
}

/** @throws HostError `vf-missing`, `pf-interface` */
export function placeOf(
  { pf, vf }: Pick<Wanted, "pf" | "vf">,
  physical: PhysicalFunction,
  host: string,
): Place {
  const address = physical.sriov.functions[vf];
  const [name] = physical.interfaces;
  if (address === undefined)
    throw new HostError({
      code: "vf-missing",
      property: "vf",
      problem: `${pf} of ${host} has no virtual function ${vf}`,
      observed: `${physical.sriov.active} of them`,
      hint: "take pf from a VirtualFunctions resource, so that they are made first",
    });
  if (name === undefined)
    throw new HostError({
      code: "pf-interface",
      property: "pf",
      problem: `${pf} of ${host} has no network interface to set its virtual functions by`,
      observed: `the driver ${physical.driver ?? "none"}`,
      expected: "the card's own driver in the kernel",
      hint: "bind it to that first",
    });
  return { interface: name, pf, vf, address };
}

/** Words that one command sets: rates go together, since the kernel takes them as one. */
function commandsOf(target: Texts): string[][] {
  const rates = ["max_tx_rate", "min_tx_rate"].flatMap((word) => {
    const text = target.get(word);
    return text === undefined ? [] : [word, text];
  });
  const others = FIELDS.map((field) => PROPERTIES[field].word).flatMap((word) => {
    const text = target.get(word);
    return text === undefined || areRates([word]) ? [] : [[word, ...text.split(" ")]];
  });
  return rates.length === 0 ? others : [...others, rates];
}

/** What sets the texts; nothing for those that are so. */
export function planAdminState(place: Place, target: Texts, now: AdminState): Step[] {
  const other = new Map([...target].filter(([word, text]) => now.get(word) !== text));
  return commandsOf(other).flatMap((words) => [
    ...(areRates(words)
      ? [
          {
            purpose: `wait for the link of ${place.interface}, which rates are of`,
            argv: ["sh", "-c", linkWait('"$1"'), "sh", place.interface] as const,
          },
        ]
      : []),
    {
      purpose: `set ${words.join(" ")} of virtual function ${place.vf} of ${place.pf}`,
      argv: ["ip", "link", "set", "dev", place.interface, "vf", `${place.vf}`, ...words] as const,
    },
  ]);
}

function areRates([word = ""]: readonly string[]): boolean {
  return word.endsWith("_tx_rate");
}

/**
 * A line of sh that ends when the interface has a link, after 10 s, or at once where it is down. A driver whose rates
 * are parts of the link's refuses them without one, and a card loses its link for a moment when functions are made.
 */
function linkWait(name: string): string {
  return `n=0; while [ -n "$(ip link show dev ${name} up)" ] && [ "$(cat /sys/class/net/${name}/carrier)" != 1 ] && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done`;
}

/** What the driver said no to, in its own words. */
export function adminStateRefused(
  step: Step,
  stderr: string,
  driver: string | undefined,
  host: string,
): HostError {
  const words = step.argv.slice(7);
  const field = FIELDS.find((each) => PROPERTIES[each].word === words[0]);
  return new HostError({
    code: "admin-state-refused",
    ...(field !== undefined && { property: field }),
    problem: `the driver ${driver ?? "of the card"} on ${host} refused to ${step.purpose}`,
    observed: stderr.trim().replaceAll("\n", "; "),
    hint: areRates(words)
      ? "rates are of the link: some drivers take them only while the card has one, and igb no lower bound at all"
      : "leave the property out, or use a card whose driver has it",
  });
}

/** @throws VerificationError `admin-state-not-taken` */
export function verifyAdminState(target: Texts, now: AdminState, { pf, vf }: Place, host: string): void {
  const wrong = [...target].filter(([word, text]) => now.has(word) && now.get(word) !== text);
  if (wrong.length === 0) return;
  const field = FIELDS.find((each) => PROPERTIES[each].word === wrong[0]?.[0]);
  throw new VerificationError({
    code: "admin-state-not-taken",
    ...(field !== undefined && { property: field }),
    problem: `virtual function ${vf} of ${pf} on ${host} reads back otherwise`,
    observed: wrong.map(([word]) => `${word} ${now.get(word)}`).join(", "),
    expected: wrong.map((entry) => entry.join(" ")).join(", "),
    hint: "something else sets it as well: libvirt for a guest's own, NetworkManager, or a .link file of systemd",
  });
}

export function adminStateUnit(wanted: Wanted): PciUnit {
  const { pf, vf } = wanted;
  const folder = `/sys/bus/pci/devices/${pf}`;
  const commands = commandsOf(wantedTexts(wanted)).flatMap((words) => [
    ...(areRates(words) ? [linkWait("$pf")] : []),
    `ip link set dev $pf vf ${vf} ${words.join(" ")} || failed=1`,
  ]);
  return {
    name: unitName("vf", pf, vf),
    description: `Virtual function ${vf} of ${pf}`,
    after: [unitName("vfs", pf)],
    waitsFor: `${folder}/virtfn${vf}`,
    script: `udevadm settle --timeout=30; pf=$(ls ${folder}/net | head -n 1); failed=0; ${commands.join("; ")}; exit $failed`,
  };
}
