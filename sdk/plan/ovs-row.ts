import type { Settings } from "../observe/ovs.ts";
import type { KnownOptions } from "../observe/ovs-options.ts";
import { RELEASES_OF_OPTIONS } from "../schema/ovs-releases.ts";
import { HostError } from "../units/errors.ts";

type Table = "Bridge" | "Port" | "Interface" | "QoS";

/** Columns that can't be empty, with what they hold where nobody sets them. */
const DEFAULTS: Settings = {
  ingress_policing_rate: "0",
  ingress_policing_burst: "0",
  ingress_policing_kpkts_rate: "0",
  ingress_policing_kpkts_burst: "0",
  bond_updelay: "0",
  bond_downdelay: "0",
  mcast_snooping_enable: "false",
  stp_enable: "false",
  rstp_enable: "false",
};

/** What is set otherwise than by default, of what is looked after here. */
export function ownSettings(settings: Settings, isOwn: (path: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).filter(([path, value]) => isOwn(path) && DEFAULTS[path] !== value),
  );
}

/** Commands of one ovs-vsctl transaction that bring a row's settings to what is desired; none where they are. */
export function changeRow(table: Table, row: string, desired: Settings, observed: Settings): string[][] {
  const set = Object.entries(desired).filter(([path, value]) => (observed[path] ?? DEFAULTS[path]) !== value);
  const gone = Object.keys(observed).filter(
    (path) => !(path in desired) && observed[path] !== DEFAULTS[path],
  );
  const reset = gone.filter((path) => path in DEFAULTS);
  const assignments = [...set, ...reset.map((path) => [path, DEFAULTS[path]])].map(
    ([path, value]) => `${path}=${value}`,
  );
  return [
    ...(assignments.length === 0 ? [] : [["set", table, row, ...assignments]]),
    ...gone
      .filter((path) => !(path in DEFAULTS))
      .map((path) => {
        const [column = "", ...key] = path.split(":");
        return key.length === 0
          ? ["clear", table, row, column]
          : ["remove", table, row, column, key.join(":")];
      }),
  ];
}

/**
 * Refuses options that the running daemon does not read: its database would take them, and nothing would come of it.
 *
 * @throws HostError `ovs-option-unknown`
 */
export function requireKnown(settings: Settings, known: KnownOptions, version: string): void {
  if (known === undefined) return;
  for (const path of Object.keys(settings)) {
    const option = path.split(":").at(-1) as string;
    const releases = RELEASES_OF_OPTIONS[option];
    if (releases === undefined || known.has(option)) continue;
    throw new HostError({
      code: "ovs-option-unknown",
      problem: `this ovs-vswitchd does not read ${option}`,
      observed: `Open vSwitch ${version}, whose program does not name it`,
      expected: `Open vSwitch ${releases}`,
      hint: "leave the field out, or install that release",
    });
  }
}
