import type { ReportedRecord } from "./experiment.ts";

/** One name of what was in force, with its value or, where records differ, each value with the records that had it. */
export interface InForceRow {
  readonly name: string;
  readonly values: readonly { readonly value: string; readonly records: readonly string[] }[];
}

export interface InForceGroup {
  readonly title: string;
  readonly rows: readonly InForceRow[];
}

const TITLES: Readonly<Record<string, string>> = {
  "": "Machine and kernel",
  processors: "Processors",
  memory: "Memory",
  hugepages: "Huge pages",
  versions: "Versions",
  nics: "Network cards",
  nicSettings: "Settings of network cards",
  links: "Links",
  switchOptions: "Options of the switch",
  switchPorts: "Ports of the switch",
  guests: "Guests",
  declared: "Declared",
  settings: "Settings of the kernel",
};

/** What was in force in all records, grouped by the first part of the dotted names. */
export function inForceOf(records: readonly ReportedRecord[]): InForceGroup[] {
  const read = records.filter(({ inForce }) => Object.keys(inForce).length > 0);
  const names = [...new Set(read.flatMap(({ inForce }) => Object.keys(inForce)))];
  const groups = [...new Set([...Object.keys(TITLES), ...names.map(groupOf)])];
  return groups.flatMap((group) => {
    const rows = names
      .filter((name) => groupOf(name) === group)
      .map((name) => ({
        name: group === "" ? name : name.slice(group.length + 1),
        values: valuesOf(name, read),
      }));
    return rows.length === 0 ? [] : [{ title: TITLES[group] ?? group, rows }];
  });
}

function groupOf(name: string): string {
  const dot = name.indexOf(".");
  return dot < 0 ? "" : name.slice(0, dot);
}

function valuesOf(name: string, records: readonly ReportedRecord[]): InForceRow["values"] {
  const values = [...new Set(records.map(({ inForce }) => inForce[name]))];
  return values.map((value) => ({
    value: value ?? "absent",
    records:
      values.length === 1
        ? []
        : records.filter(({ inForce }) => inForce[name] === value).map((record) => record.name),
  }));
}
