import type { PolicyResource } from "@pulumi/policy";
import { keys, knownPositions, number, positions, type Reading, text, titleOf, UNKNOWN } from "./property.ts";

/** A network card whose virtual functions this stack makes or sets up. */
export interface Card {
  /** PCI address of its physical function. */
  readonly pf: string;
  readonly settings: readonly PolicyResource[];
  readonly uses: readonly FunctionUse[];
  /** Why it can't be told yet who else uses a function of it; undefined where all are known. */
  readonly unknownUse: { readonly missing: string; readonly urn: string } | undefined;
}

/** One who has a virtual function. */
export interface FunctionUse {
  /** Guest, container or `the switch`: two uses of one tenant have the same. */
  readonly tenant: string;
  readonly resource: PolicyResource;
  /** Number of the virtual function. */
  readonly vf: number;
  /** Whether it gets a MAC address from who uses it, by way of the card. */
  readonly addressed: boolean;
}

/** Who uses functions of a card, each once. */
export function tenantsOf(uses: readonly FunctionUse[]): string[] {
  return [...new Set(uses.map(({ tenant }) => tenant))];
}

/** Who may have functions of a card. */
export interface Users {
  readonly guests: readonly { readonly resource: PolicyResource; readonly name: string }[];
  readonly ports: readonly { readonly resource: PolicyResource; readonly devargs: Reading<string> }[];
  readonly containers: readonly PolicyResource[];
}

/** Where a function is taken: by its PCI address, or by the name of its interface. */
export interface Taken {
  readonly tenant: string;
  readonly resource: PolicyResource;
  readonly property: string;
  readonly place: Reading<string>;
  readonly addressed: boolean;
}

export function cardsFrom(
  made: readonly PolicyResource[],
  settings: readonly PolicyResource[],
  users: Users,
): Card[] {
  const taken = takenBy(users);
  const pfs = new Set([...made, ...settings].flatMap((each) => pfOf(each) ?? []));
  return [...pfs].map((pf) => {
    const functions = functionsOf(made, settings, pf);
    const uses = taken.flatMap(({ place, tenant, resource, addressed }) => {
      const vf = typeof place === "string" ? functions.get(place) : undefined;
      return vf === undefined ? [] : [{ tenant, resource, vf, addressed }];
    });
    const open = taken.find(({ place }) => place === UNKNOWN);
    const unmade = made.find((each) => pfOf(each) === pf && positions(each, "functions") === undefined);
    const unknownUse =
      open !== undefined
        ? { missing: `${open.property} of ${open.resource.name}`, urn: open.resource.urn }
        : unmade === undefined || taken.length === 0
          ? undefined
          : { missing: `functions of ${unmade.name}`, urn: unmade.urn };
    return { pf, settings: settings.filter((each) => pfOf(each) === pf), uses, unknownUse };
  });
}

function pfOf(resource: PolicyResource): string | undefined {
  const pf = text(resource, "pf");
  return typeof pf === "string" ? pf : undefined;
}

/** Numbers of a card's virtual functions by their addresses and by their interfaces, as far as outputs tell. */
function functionsOf(
  made: readonly PolicyResource[],
  settings: readonly PolicyResource[],
  pf: string,
): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const note = (place: Reading<string>, vf: Reading<number>) => {
    if (typeof place === "string" && typeof vf === "number") numbers.set(place, vf);
  };
  for (const each of made.filter((resource) => pfOf(resource) === pf)) {
    for (const position of knownPositions(each, "functions"))
      for (const place of ["address", "interface"])
        note(text(each, "functions", position, place), number(each, "functions", position, "index"));
  }
  for (const each of settings.filter((resource) => pfOf(resource) === pf))
    note(text(each, "address"), number(each, "vf"));
  return numbers;
}

export function takenBy({ guests, ports, containers }: Users): Taken[] {
  return [
    ...guests.flatMap(({ resource, name }) =>
      names(resource, "nics").flatMap((nic) => {
        // `device` is an interface or a character device for other kinds of cards.
        const field = text(resource, "nics", nic, "kind") === "pci" ? "device" : "vf";
        const place = text(resource, "nics", nic, field);
        return take(`guest ${name}`, resource, `nics.${nic}.${field}`, place, field === "vf");
      }),
    ),
    ...ports.flatMap(({ resource, devargs }) => {
      const place = typeof devargs === "string" ? devargs.split(",")[0] : devargs;
      return take("the switch", resource, "interface.devargs", place);
    }),
    ...containers.flatMap((container) =>
      knownPositions(container, "nics").flatMap((nic) => {
        const place = text(container, "nics", nic, "interface");
        return take(`container ${titleOf(container)}`, container, `nics[${nic}].interface`, place);
      }),
    ),
  ];
}

function take(
  tenant: string,
  resource: PolicyResource,
  property: string,
  place: Reading<string>,
  addressed = false,
): Taken[] {
  return place === undefined ? [] : [{ tenant, resource, property, place, addressed }];
}

function names(resource: PolicyResource, field: string): readonly string[] {
  const found = keys(resource, field);
  return typeof found === "object" ? found : [];
}
