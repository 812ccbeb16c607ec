import type { ObservedDatabase, ObservedInterface, ObservedPort } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import { OWNER_KEY, type ovsBond } from "../schema/ovs.ts";
import { HostError, InputError } from "../units/errors.ts";
import {
  changeInterface,
  type InterfaceInputs,
  interfaceSettings,
  observedInterface,
  requireType,
} from "./ovs-interface.ts";
import { decodeFields, encodeFields, type Field, flag, same, spans, whole } from "./ovs-notation.ts";
import {
  changePort,
  observedShared,
  removePort,
  requireBridge,
  transaction,
  withoutStaleSocket,
} from "./ovs-port.ts";
import type { Step } from "./step.ts";

type BondInputs = Inputs<typeof ovsBond>;
type BondField = Exclude<keyof BondInputs, "host" | "bridge" | "name" | "members" | "vlan" | "egressPolicer">;

const other = (key: string) => ({ path: `other_config:${key}` });

const FIELDS: Readonly<Record<BondField, Field>> = {
  mode: { path: "bond_mode", ...same },
  lacp: { path: "lacp", ...same },
  lacpTime: { ...other("lacp-time"), ...same },
  lacpFallback: { ...other("lacp-fallback-ab"), ...flag },
  detect: { ...other("bond-detect-mode"), ...same },
  miimonInterval: { ...other("bond-miimon-interval"), ...spans("ms") },
  upDelay: { path: "bond_updelay", ...spans("ms") },
  downDelay: { path: "bond_downdelay", ...spans("ms") },
  rebalanceInterval: { ...other("bond-rebalance-interval"), ...spans("ms") },
  primary: { ...other("bond-primary"), ...same },
  hashBasis: { ...other("bond-hash-basis"), ...whole },
};

const PATHS: ReadonlySet<string> = new Set(Object.values(FIELDS).map(({ path }) => path));

/** @throws InputError where members or modes do not go together */
export function checkBond({ members, mode, lacp = "off", primary }: BondInputs): void {
  if (mode === "balance-tcp" && lacp === "off") {
    throw new InputError({
      code: "bond-lacp",
      property: "lacp",
      problem: "balance-tcp spreads packets only where both ends agree by LACP",
      observed: lacp,
      expected: "active or passive",
    });
  }
  if (primary !== undefined && !Object.hasOwn(members, primary)) {
    throw new InputError({
      code: "bond-primary",
      property: "primary",
      problem: "the bond has no such member",
      observed: primary,
      expected: Object.keys(members).join(" or "),
    });
  }
}

/** Settings of a bond and its members, for what the daemon has to know. */
export function bondSettings({ members, ...inputs }: BondInputs): Record<string, string> {
  return Object.assign(
    encodeFields(FIELDS, inputs),
    ...Object.entries(members).map(([member, each]) => interfaceSettings(member, each)),
  ) as Record<string, string>;
}

/** @throws HostError where the bridge is missing, the daemon has no such type, or somebody else's port or interface has a name */
export function checkBondPlace(inputs: BondInputs, database: ObservedDatabase, tag: string): void {
  requireBridge(inputs.bridge, database);
  for (const [member, { interface: wanted }] of Object.entries(inputs.members))
    requireType(wanted.kind, database, `members.${member}.interface.kind`);
  const port = database.ports.find(({ name }) => name === inputs.name);
  const strangers = [
    ...(port !== undefined && port.owner !== tag
      ? [`port ${port.name} of ${port.bridge}, owner ${port.owner ?? "nobody"}`]
      : []),
    ...database.interfaces
      .filter(({ name, port: of }) => name in inputs.members && of !== inputs.name)
      .map(({ name, port: of }) => `interface ${name} of port ${of}`),
  ];
  if (strangers.length === 0) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `what bond ${inputs.name} needs is there already and is not ours`,
    observed: strangers.join(", "),
    hint: `choose other names, or take the bond over: pulumi import nfvlab:ovs:Bond NAME ${inputs.host.name}/ovs/${inputs.bridge}/bonds/${inputs.name}`,
  });
}

/** What brings a bond to what is desired, in one transaction: without its type a member is tried as a kernel device. */
export function planBond(inputs: BondInputs, database: ObservedDatabase, tag: string): Step[] {
  const { bridge, name, members } = inputs;
  const port = database.ports.find((row) => row.name === name);
  const rows = rowsOf(port, database);
  const added = Object.keys(members).filter((member) => !rows.has(member));
  const gone = [...rows.values()].filter((row) => !(row.name in members));
  const own = `external_ids:${OWNER_KEY}=${tag}`;
  const commands = [
    ...(port === undefined
      ? [["add-bond", bridge, name, ...added]]
      : added.flatMap((member, index) => [
          [`--id=@member${index}`, "create", "Interface", `name=${member}`, own],
          ["add", "Port", name, "interfaces", `@member${index}`],
        ])),
    ...Object.entries(members).flatMap(([member, each]) => {
      const row = rows.get(member);
      return [
        ...changeInterface(member, each, row),
        ...(row?.owner === tag || (row === undefined && port !== undefined)
          ? []
          : [["set", "Interface", member, own]]),
      ];
    }),
    ...gone.map((row) => ["remove", "Port", name, "interfaces", row.uuid]),
    ...changePort(name, inputs, port, { settings: encodeFields(FIELDS, inputs), paths: PATHS }, tag),
    ...(port?.owner === tag ? [] : [["set", "Port", name, own]]),
  ];
  return [
    ...Object.entries(members).flatMap(([member, each]) =>
      rows.has(member) ? [] : withoutStaleSocket(each),
    ),
    ...transaction(`set bond ${name} of ${bridge}`, commands),
  ];
}

/**
 * Takes members out and adds them again, since the switch opens an interface only then. The others carry on meanwhile; where none is left, the bond itself is made anew.
 */
export function reopenMembers(
  inputs: BondInputs,
  database: ObservedDatabase,
  reopened: ReadonlySet<string>,
  tag: string,
): Step[] {
  const { bridge, name } = inputs;
  const port = database.ports.find((row) => row.name === name);
  const rows = [...rowsOf(port, database).values()];
  const leaving = rows.filter((row) => reopened.has(row.name));
  const isWhole = leaving.length === rows.length;
  const steps = isWhole
    ? removePort(bridge, name, port?.qos, tag)
    : transaction(
        `take ${leaving.map((row) => row.name).join(", ")} out of bond ${name}`,
        leaving.map((row) => ["remove", "Port", name, "interfaces", row.uuid]),
      );
  const left: ObservedDatabase = {
    ...database,
    interfaces: database.interfaces.filter((row) => !leaving.includes(row)),
    ports: isWhole ? database.ports.filter((row) => row !== port) : database.ports,
  };
  return [...steps, ...planBond(inputs, left, tag)];
}

/** The state of a bond as inputs. */
export function observedBond(
  inputs: Pick<BondInputs, "host" | "name"> & Partial<BondInputs>,
  port: ObservedPort,
  database: Pick<ObservedDatabase, "interfaces">,
): BondInputs {
  const { host, name } = inputs;
  return {
    ...{ host, name, bridge: port.bridge ?? "" },
    members: Object.fromEntries(
      [...rowsOf(port, database)].map(([member, row]) => [
        member,
        observedInterface(row, inputs.members?.[member] ?? {}, []),
      ]),
    ) as Record<string, InterfaceInputs> as BondInputs["members"],
    ...decodeFields(FIELDS, withoutDefaults(port.settings, inputs), inputs),
    ...observedShared(port, inputs),
  };
}

/** Delays are always there: none is said of one that nobody set. */
function withoutDefaults(settings: ObservedPort["settings"], inputs: Partial<BondInputs>) {
  return Object.fromEntries(
    Object.entries(settings).filter(
      ([path, value]) =>
        !(value === "0" && path === "bond_updelay" && inputs.upDelay === undefined) &&
        !(value === "0" && path === "bond_downdelay" && inputs.downDelay === undefined),
    ),
  );
}

function rowsOf(
  port: ObservedPort | undefined,
  { interfaces }: Pick<ObservedDatabase, "interfaces">,
): Map<string, ObservedInterface> {
  const names = new Set(port?.interfaces ?? []);
  return new Map(interfaces.filter(({ name }) => names.has(name)).map((row) => [row.name, row]));
}
