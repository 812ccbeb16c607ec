import type { IdleBound, ThreadScheduling, TuningPlan } from "../../schema/tuning-plan.ts";
import { writeBootWords } from "./boot-words.ts";
import { type PlacedSetting, placedSettings, SECTIONS, type Section, type TuningProfile } from "./profile.ts";

const TITLES: Readonly<Record<Section, string>> = {
  bootArguments: "boot arguments, from the next boot",
  extraBootArguments: "other boot arguments, from the next boot",
  unlistedBootArguments: "boot arguments that are no kernel's, from the next boot",
  sysctls: "kernel parameters",
  memory: "memory",
  processor: "processor",
  interrupts: "interrupts",
  kernel: "kernel",
  systemd: "systemd, for what it starts from then on",
  kvm: "parameters of KVM, from the next load of its modules",
  kernelThreads: "kernel threads",
};

/** A profile as text: every setting with its reason and its source, then what was changed by hand, then what sources do and the profile leaves out. */
export function explainProfile(profile: TuningProfile): string {
  const { name, summary, settings, overridden, leftOut } = profile;
  const placed = placedSettings(settings);
  const rows = (section: Section) =>
    placed
      .filter((each) => each.section === section)
      .map((each) => [shown(each), each.setting.reason, each.setting.source]);
  const tables = SECTIONS.filter((section) => rows(section).length > 0).flatMap((section) => [
    { title: TITLES[section], rows: rows(section) },
  ]);
  const changes = overridden.map(({ setting, from, to, reason }) => [
    setting,
    `${from === undefined ? "nothing" : valueText(from.value)} -> ${to === undefined ? "nothing" : valueText(to)}`,
    reason,
  ]);
  const left = leftOut.map(({ what, source, reason }) => [what, reason, source]);
  return [
    `profile ${name}: ${summary}`,
    ...tables.flatMap(({ title, rows: own }) => [
      "",
      title,
      ...table(own, widths(tables.flatMap((each) => each.rows))),
    ]),
    ...(changes.length === 0 ? [] : ["", "changed by hand", ...table(changes, widths(changes))]),
    ...(left.length === 0 ? [] : ["", "left out on purpose", ...table(left, widths(left))]),
    "",
  ].join("\n");
}

/** A profile with what becomes of it on one machine: what the machine has no place for, what of a file nothing came of, what stands against it. */
export function explainPlan(
  profile: TuningProfile,
  {
    unapplied,
    notApplied,
    conflicts,
    advice,
  }: Pick<TuningPlan, "unapplied" | "notApplied" | "conflicts" | "advice">,
  host: string,
): string {
  const parts = [
    { title: `not set on ${host}`, rows: unapplied.map(({ setting, reason }) => [setting, reason]) },
    {
      title: "of the file, nothing came of",
      rows: notApplied.map(({ at, value, reason }) => [at, value.replaceAll(/\s+/g, " "), reason]),
    },
    { title: "to end first", rows: conflicts.map((sentence) => [sentence]) },
    { title: "to think over", rows: advice.map((sentence) => [sentence]) },
  ].filter(({ rows }) => rows.length > 0);
  return [
    explainProfile(profile).trimEnd(),
    ...parts.flatMap(({ title, rows }) => ["", title, ...table(rows, widths(rows))]),
    "",
  ].join("\n");
}

function shown({ section, key, setting: { value } }: PlacedSetting): string {
  if (section === "bootArguments" || section === "extraBootArguments" || section === "unlistedBootArguments")
    return writeBootWords({ [section]: { [key]: value } }).join(" ");
  return `${key} = ${valueText(value)}`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value))
    return value.map((each) => (isIdleBound(each) ? boundText(each) : valueText(each))).join(", else ");
  if (typeof value === "object" && value !== null) {
    const { policy, priority } = value as Partial<ThreadScheduling>;
    return policy === undefined ? JSON.stringify(value) : `${policy} ${priority}`;
  }
  return value === true ? "on" : value === false ? "off" : `${value}`;
}

function isIdleBound(value: unknown): value is IdleBound {
  return typeof value === "object" && value !== null && ("microseconds" in value || "state" in value);
}

function boundText(bound: IdleBound): string {
  if ("microseconds" in bound) return `${bound.microseconds} us`;
  return `latency of state ${bound.state}${bound.unlessZero ? " unless 0" : ""}`;
}

function widths(rows: readonly (readonly string[])[]): number[] {
  return [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
}

function table(rows: readonly (readonly string[])[], [first = 0, second = 0]: readonly number[]): string[] {
  return rows.map(([one = "", two = "", three = ""]) =>
    `  ${one.padEnd(first)}  ${two.padEnd(second)}  ${three}`.trimEnd(),
  );
}
