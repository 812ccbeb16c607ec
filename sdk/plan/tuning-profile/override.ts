import { BootArgumentSet } from "../../schema/boot-arguments.ts";
import { cpuFrequency } from "../../schema/cpu-frequency.ts";
import { cpuIdle } from "../../schema/cpu-idle.ts";
import { cpuList, wholeNumber } from "../../schema/fields.ts";
import { memoryManagement } from "../../schema/memory-management.ts";
import { sysctls } from "../../schema/sysctls.ts";
import type {
  IdleBound,
  ThreadScheduling,
  TuningOverrides,
  TuningSettings,
} from "../../schema/tuning-plan.ts";
import { InputError } from "../../units/errors.ts";
import { checkSysctls } from "../sysctls.ts";
import { nearestName } from "./nearest-name.ts";
import {
  type Override,
  placedSettings,
  recordedSettings,
  SECTIONS,
  type Section,
  type TuningProfile,
} from "./profile.ts";
import { schemaIssue } from "./schema-issue.ts";

/** The names of sections that have no others. */
const NAMES: {
  readonly [S in
    | "memory"
    | "processor"
    | "interrupts"
    | "kernel"
    | "systemd"]: readonly (keyof TuningSettings[S])[];
} = {
  memory: ["transparentHugepages", "defrag", "ksm"],
  processor: [
    "governor",
    "turbo",
    "energyPerfBias",
    "energyPerformancePreference",
    "minimumPerformance",
    "maximumPerformance",
    "idleBound",
    "resumeLatency",
  ],
  interrupts: ["defaultCpus", "unbalancedCpus"],
  kernel: ["workqueueCpus", "ignoreCorrectedErrors"],
  systemd: ["cpuAffinity"],
};

/**
 * The profile with other values, and a record of each change in `overridden`. A value that is the one already there is no change.
 *
 * @param reason one clause for the record
 * @throws InputError `tuning-override` that names everything that is wrong: names that no profile has, values that no machine takes, settings to take out
 *   that are not there
 * @example override(nfv(isolation, machine), { sysctls: { "vm.stat_interval": 120 }, processor: { turbo: null } }, "peak figures");
 */
export function override(
  profile: TuningProfile,
  changes: TuningOverrides,
  reason = "changed by the lab",
): TuningProfile {
  const wanted = placedChanges(changes);
  const before = placedSettings(profile.settings);
  const at = ({ section, key }: { section: string; key: string }) => `${section}.${key}`;
  const there = new Map(before.map((placed) => [at(placed), placed]));
  const problems = [
    ...unknownSections(changes),
    ...wanted.flatMap((change) => problemOf(change, there.has(at(change)))),
  ];
  if (problems.length > 0) {
    throw new InputError({
      code: "tuning-override",
      property: "overrides",
      problem: `the profile ${profile.name} cannot be changed so${problems.map((problem) => `\n  - ${problem}`).join("")}`,
      observed: `${problems.length} of ${wanted.length + unknownSections(changes).length} changes`,
      expected: "settings of the profile by section and name",
      hint: "explainProfile lists them",
    });
  }
  const records: Override[] = [];
  for (const { section, key, value } of wanted) {
    const place = at({ section, key });
    const from = there.get(place)?.setting;
    if (from !== undefined && JSON.stringify(from.value) === JSON.stringify(value)) continue;
    records.push({ setting: place, from, to: value ?? undefined, reason });
    if (value === null) there.delete(place);
    else there.set(place, { section, key, setting: { value, source: "override", reason } });
  }
  return {
    ...profile,
    settings: recordedSettings([...there.values()]),
    overridden: [...profile.overridden, ...records],
  };
}

interface Change {
  readonly section: Section;
  readonly key: string;
  readonly value: unknown;
}

function placedChanges(changes: TuningOverrides): Change[] {
  return SECTIONS.flatMap((section) =>
    Object.entries(changes[section] ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ({ section, key, value: value as unknown })),
  );
}

function unknownSections(changes: TuningOverrides): string[] {
  return Object.keys(changes)
    .filter((section) => !(SECTIONS as readonly string[]).includes(section))
    .map((section) => unknown(section, SECTIONS, "no section"));
}

function problemOf({ section, key, value }: Change, isThere: boolean): string[] {
  const place = `${section}.${key}`;
  if (value === null) return isThere ? [] : [`${place}: it is not there to be taken out`];
  const names = namesOf(section);
  if (names !== undefined && !names.includes(key))
    return [`${section}: ${unknown(key, names, "no setting")}`];
  const issue = issueOf(section, key, value);
  return issue === undefined ? [] : [`${place}: ${issue}`];
}

function namesOf(section: Section): readonly string[] | undefined {
  if (section === "bootArguments")
    return Object.keys(BootArgumentSet.shape).filter((name) => name !== "extra" && name !== "unlisted");
  return section in NAMES ? NAMES[section as keyof typeof NAMES] : undefined;
}

function issueOf(section: Section, key: string, value: unknown): string | undefined {
  switch (section) {
    case "bootArguments":
      return schemaIssue(BootArgumentSet.safeParse({ [key]: value }));
    case "extraBootArguments":
      return schemaIssue(BootArgumentSet.safeParse({ extra: { [key]: value } }));
    case "unlistedBootArguments":
      return schemaIssue(BootArgumentSet.safeParse({ unlisted: { [key]: value } }));
    case "sysctls":
      return (
        schemaIssue(sysctls.inputs.shape.values.safeParse({ [key]: value })) ?? refusal(key, value as string)
      );
    case "memory":
      if (key === "ksm") return booleanIssue(value);
      return schemaIssue(
        memoryManagement.inputs.shape[key as keyof TuningSettings["memory"]].safeParse(value),
      );
    case "processor":
      return processorIssue(key as keyof TuningSettings["processor"], value);
    case "interrupts":
    case "systemd":
      return schemaIssue(cpuList("").safeParse(value));
    case "kernel":
      if (key === "workqueueCpus") return schemaIssue(cpuList("").safeParse(value));
      return booleanIssue(value);
    case "kernelThreads":
      return isScheduling(value)
        ? undefined
        : `observed ${JSON.stringify(value)}, expected { policy, priority }: fifo or rr with 1 to 99, or other, batch, idle`;
    case "kvm":
      return /^kvm(_intel|_amd)?\.\w+$/.test(key)
        ? undefined
        : "expected a parameter of kvm, kvm_intel or kvm_amd, for instance kvm.halt_poll_ns";
  }
}

function processorIssue(key: keyof TuningSettings["processor"], value: unknown): string | undefined {
  switch (key) {
    case "turbo":
      return booleanIssue(value);
    case "resumeLatency":
      return schemaIssue(cpuIdle.inputs.shape.resumeLatency.safeParse(value));
    case "minimumPerformance":
    case "maximumPerformance":
      return schemaIssue(wholeNumber("", { max: 100 }).safeParse(value));
    case "idleBound":
      return Array.isArray(value) && value.length > 0 && value.every(isIdleBound)
        ? undefined
        : `observed ${JSON.stringify(value)}, expected a list of { microseconds } or { state }, the first that the machine has`;
    default:
      return schemaIssue(cpuFrequency.inputs.shape[key].safeParse(value));
  }
}

function booleanIssue(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : `observed ${JSON.stringify(value)}, expected true or false`;
}

function isIdleBound(value: unknown): value is IdleBound {
  const { microseconds, state, unlessZero = true } = (value ?? {}) as Record<string, unknown>;
  const isCount = (number: unknown) => Number.isInteger(number) && (number as number) >= 0;
  const isState = isCount(state) || (typeof state === "string" && state !== "");
  return state === undefined ? isCount(microseconds) : isState && unlessZero === true;
}

function isScheduling(value: unknown): value is ThreadScheduling {
  const { policy, priority } = (value ?? {}) as Record<string, unknown>;
  if (!Number.isInteger(priority)) return false;
  const isRealTime = policy === "fifo" || policy === "rr";
  if (!isRealTime && !["other", "batch", "idle"].includes(policy as string)) return false;
  return (priority as number) >= (isRealTime ? 1 : 0) && (priority as number) <= 99;
}

function refusal(key: string, value: string | number): string | undefined {
  try {
    checkSysctls({ [key]: value });
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return `${error.problem}; ${error.hint}`;
    throw error;
  }
}

function unknown(name: string, names: readonly string[], what: string): string {
  const nearest = nearestName(name, names);
  return `${what} is called ${name}${nearest === undefined ? "" : `: did you mean ${nearest}?`}`;
}
