import type { ObservedSysctls } from "../observe/sysctls.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { oneLine, sysctlPath } from "../units/sysctl.ts";
import { restorable } from "./restorable.ts";
import { setElsewhere } from "./sole-owner.ts";
import { type Step, writeStep } from "./step.ts";

export type SysctlValues = Readonly<Record<string, string | number>>;
type Values = ReadonlyMap<string, string>;

/** Keys that are never written, and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  "kernel.sched_rt_period_us":
    "leave it at its default, 1000000; RT throttling is switched off by kernel.sched_rt_runtime_us = -1",
  "vm.nr_hugepages": "it does not know NUMA nodes: use a Hugepages resource for each node",
  "vm.nr_hugepages_mempolicy": "use a Hugepages resource for each node",
  "vm.nr_overcommit_hugepages":
    "surplus pages come and go with what uses them: use a Hugepages resource for each node",
};

/** @throws InputError `sysctl-refused` */
export function checkSysctls(values: SysctlValues): void {
  const [key] = Object.keys(values).filter((candidate) => candidate in REFUSED);
  if (key === undefined) return;
  throw new InputError({
    code: "sysctl-refused",
    property: `values["${key}"]`,
    problem: `${key} is not to be set this way`,
    observed: `${values[key]}`,
    hint: REFUSED[key] ?? "",
  });
}

/** @throws HostError `sysctl-unknown` where the kernel of the machine has no such key */
export function requireKnown(values: SysctlValues, observed: Values, host: string): void {
  const missing = Object.keys(values).filter((key) => !observed.has(key));
  if (missing.length === 0) return;
  throw new HostError({
    code: "sysctl-unknown",
    property: "values",
    problem: `the kernel of ${host} has no ${missing.join(", ")}`,
    observed: missing.map((key) => `no ${sysctlPath(key)}`).join(", "),
    hint: "look for the key in `sysctl -a` there: its module may not be loaded, or its name may have changed",
  });
}

/**
 * Refuses keys that another set of ours on the machine has: the last one to write would win, and each would undo the other.
 *
 * @throws HostError `knob-elsewhere`
 */
export function requireSoleSet(
  name: string,
  values: SysctlValues,
  sets: ReadonlyMap<string, ObservedSysctls>,
  host: string,
): void {
  const twice = [...sets]
    .filter(([other]) => other !== name)
    .flatMap(([other, set]) =>
      Object.keys(values)
        .filter((key) => set.values.has(key))
        .map((key) => `${key} in ${sysctlFilePath(other)}`),
    );
  if (twice.length > 0) throw setElsewhere("values", host, twice, sysctlFilePath(name));
}

/** The text of the file that sets the values at every boot. */
export function sysctlFile(values: SysctlValues): string {
  const lines = Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key} = ${oneLine(`${value}`)}\n`);
  return `# Written by nfvlab; removed when its resource is deleted.\n${lines.join("")}`;
}

export function sysctlFilePath(name: string): string {
  return `/etc/sysctl.d/90-nfvlab-${name}.conf`;
}

/** What brings the kernel to the values; nothing for those that it has. */
export function planValues(values: SysctlValues, observed: Values): Step[] {
  return Object.entries(values)
    .filter(([key, value]) => !same(observed.get(key), value))
    .map(([key, value]) =>
      writeStep(`set ${key} to ${value}, from ${observed.get(key)}`, sysctlPath(key), `${value}\n`),
    );
}

/** The values in force, in the user's spelling where it means the same. */
export function observedValues(values: SysctlValues, observed: Values): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      const now = observed.get(key);
      return now === undefined ? [] : [[key, same(now, value) ? value : spelledAs(value, now)]];
    }),
  );
}

/** @throws VerificationError `sysctl-not-taken`: some keys take a write and keep their value */
export function verifyValues(values: SysctlValues, observed: Values): void {
  const wrong = Object.entries(values).filter(([key, value]) => !same(observed.get(key), value));
  if (wrong.length === 0) return;
  throw new VerificationError({
    code: "sysctl-not-taken",
    property: "values",
    problem: "the kernel reads back otherwise than written",
    observed: wrong.map(([key]) => `${key} = ${observed.get(key)}`).join(", "),
    expected: wrong.map(([key, value]) => `${key} = ${value}`).join(", "),
    hint: "the kernel limits some values, and others are rounded: ask for one that it takes",
  });
}

/** The values as they read after they were set. */
export function writtenValues(values: SysctlValues, observed: Values): Record<string, string> {
  return Object.fromEntries(
    Object.keys(values).flatMap((key) => {
      const now = observed.get(key);
      return now === undefined ? [] : [[key, now]];
    }),
  );
}

/** On import: the values as they are meant, whole numbers as such. */
export function meantValues(observed: Values): Record<string, string | number> {
  return Object.fromEntries([...observed].map(([key, text]) => [key, spelledAs(0, text)]));
}

/** For a state that says nothing of what was written: its values. */
export function assumedWritten(values: SysctlValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, oneLine(`${value}`)]));
}

/** What delete puts back: each value as found, but only where what was written is still in force. */
export function restoreValues(
  found: Readonly<Record<string, string>>,
  written: Readonly<Record<string, string>>,
  observed: Values,
): { target: Record<string, string>; changedByOthers: string[] } {
  const mapOf = (texts: Readonly<Record<string, string>>) => new Map(Object.entries(texts));
  const { target, changedByOthers } = restorable(mapOf(found), mapOf(written), observed);
  return { target: Object.fromEntries(target), changedByOthers };
}

function same(observed: string | undefined, value: string | number): boolean {
  return observed !== undefined && oneLine(observed) === oneLine(`${value}`);
}

function spelledAs(value: string | number, observed: string): string | number {
  return typeof value === "number" && /^-?\d{1,15}$/.test(observed) ? Number(observed) : observed;
}
