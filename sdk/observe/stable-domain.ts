import { XMLParser } from "fast-xml-parser";

/** An element as it counts: its name, its attributes, and its text or children in their order. */
export type StableElement = readonly [
  name: string,
  attributes: Readonly<Record<string, string>>,
  content: readonly (string | StableElement)[],
];

type Ordered = Readonly<Record<string, unknown>>;

const ATTRIBUTES = ":@";
const TEXT = "#text";

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  processEntities: false,
  parseTagValue: false,
  parseAttributeValue: false,
  ignoreDeclaration: true,
});

/** Names that libvirt gives and labels that say whose a guest is: none of them changes what runs. */
const IDLE_ELEMENTS = new Set(["alias", "seclabel", "metadata", "uuid", "genid", "title", "description"]);

/** Attributes of a start, not of a definition, and UUIDs that libvirt makes up, by element. */
const IDLE_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  domain: ["id"],
  console: ["tty"],
  target: ["state"],
  source: ["portid", "index"],
  backingStore: ["index"],
  parameters: ["interfaceid"],
};

/** Names and paths that libvirt numbers anew with every start. */
const NUMBERED = /^(vnet\d+|macvtap\d+|macvlan\d+|\/dev\/pts\/\d+)$/;
const NUMBERED_CHANNEL = /^(\/run\/libvirt|\/var\/lib\/libvirt)\/qemu\/channel\//;

/**
 * The definition of a running guest without what changes from start to start: equal where the guest is the same.
 *
 * @see https://libvirt.org/formatdomain.html
 */
export function stableDomain(xml: string): readonly StableElement[] {
  return (parser.parse(xml) as Ordered[]).flatMap((node) => elementOf(node));
}

function elementOf(node: Ordered): StableElement[] {
  const name = Object.keys(node).find((key) => key !== ATTRIBUTES);
  if (name === undefined || name === TEXT || IDLE_ELEMENTS.has(name)) return [];
  const children = node[name] as readonly Ordered[];
  return [
    [name, attributesOf(name, (node[ATTRIBUTES] ?? {}) as Record<string, string>), contentOf(children)],
  ];
}

function contentOf(children: readonly Ordered[]): (string | StableElement)[] {
  return children.flatMap((child): (string | StableElement)[] => {
    const text = child[TEXT];
    if (text === undefined) return elementOf(child);
    return String(text).trim() === "" ? [] : [String(text).trim()];
  });
}

function attributesOf(name: string, attributes: Readonly<Record<string, string>>): Record<string, string> {
  const automatic = attributes.autoport === "yes" ? ["port", "tlsPort", "websocket"] : [];
  return Object.fromEntries(
    Object.entries(attributes).filter(
      ([key, value]) =>
        ![...(IDLE_ATTRIBUTES[name] ?? []), ...automatic].includes(key) &&
        !NUMBERED.test(value) &&
        !NUMBERED_CHANNEL.test(value),
    ),
  );
}
