import type { BootArgumentSet } from "../../schema/boot-arguments.ts";
import type { TuningSettings } from "../../schema/tuning-plan.ts";
import type { CpuSet } from "../../units/cpuset.ts";
import { InputError } from "../../units/errors.ts";

/** A value, where it was read, and why it helps: one clause each. */
export interface Setting<T> {
  readonly value: T;
  /** For instance `tuned network-latency [sysctl]`. */
  readonly source: string;
  readonly reason: string;
}

/** Who has which CPUs. */
export interface Isolation {
  /** CPUs of the system: interrupts, kernel threads, daemons. */
  readonly housekeeping: CpuSet;
  /** CPUs that nothing but a measured thread may run on. */
  readonly isolated: CpuSet;
}

/** What of the machine decides over settings. */
export interface TunableMachine {
  readonly vendor: ProcessorVendor;
  /** PREEMPT_RT, whose kernel lacks some parameters and has other threads. */
  readonly realTimeKernel?: boolean;
}
export type ProcessorVendor = "intel" | "amd" | "other";

export type Section = keyof TuningSettings;

/** Settings with where they come from, by section. */
export type RecordedSettings = {
  readonly [S in Section]: {
    readonly [K in keyof TuningSettings[S]]?: Setting<NonNullable<TuningSettings[S][K]>>;
  };
};

/** What a source does and the profile leaves out on purpose. */
export interface LeftOut {
  readonly what: string;
  readonly source: string;
  readonly reason: string;
}

/** A change by `override`, for the record. */
export interface Override {
  /** For instance `sysctls.vm.stat_interval`. */
  readonly setting: string;
  /** What the profile had; undefined where it had nothing. */
  readonly from: Setting<unknown> | undefined;
  /** Undefined where the setting was taken out. */
  readonly to: unknown;
  readonly reason: string;
}

/** How a machine is tuned: what is set, why, what is left out, and what somebody changed. Plain data. */
export interface TuningProfile {
  readonly name: string;
  readonly summary: string;
  readonly settings: RecordedSettings;
  readonly leftOut: readonly LeftOut[];
  readonly overridden: readonly Override[];
}

export const SECTIONS = [
  "bootArguments",
  "extraBootArguments",
  "unlistedBootArguments",
  "sysctls",
  "memory",
  "processor",
  "interrupts",
  "kernel",
  "systemd",
  "kvm",
  "kernelThreads",
] as const satisfies readonly Section[];

/** One setting with its place, for those who go through all of them. */
export interface PlacedSetting {
  readonly section: Section;
  readonly key: string;
  readonly setting: Setting<unknown>;
}

/** All settings of a profile, section by section, in their order. */
export function placedSettings(settings: RecordedSettings): PlacedSetting[] {
  return SECTIONS.flatMap((section) =>
    Object.entries(settings[section] as Readonly<Record<string, Setting<unknown>>>).map(([key, setting]) => ({
      section,
      key,
      setting,
    })),
  );
}

/** The settings themselves, without the record of where they come from. */
export function settingsOf(profile: TuningProfile): TuningSettings {
  return unplaced(placedSettings(profile.settings), ({ value }) => value) as unknown as TuningSettings;
}

/** Gathers placed settings by section; the opposite of `placedSettings`. */
export function recordedSettings(placed: readonly PlacedSetting[]): RecordedSettings {
  return unplaced(placed, (setting) => setting) as unknown as RecordedSettings;
}

function unplaced(
  placed: readonly PlacedSetting[],
  of: (setting: Setting<unknown>) => unknown,
): Record<Section, Record<string, unknown>> {
  const inside = (wanted: Section) =>
    Object.fromEntries(
      placed.filter(({ section }) => section === wanted).map(({ key, setting }) => [key, of(setting)]),
    );
  return Object.fromEntries(SECTIONS.map((section) => [section, inside(section)])) as Record<
    Section,
    Record<string, unknown>
  >;
}

/** The boot arguments of a profile as the resource BootArguments takes them. */
export function bootArgumentsOf(profile: TuningProfile): BootArgumentSet {
  const { bootArguments, extraBootArguments: extra, unlistedBootArguments: unlisted } = settingsOf(profile);
  return {
    ...bootArguments,
    ...(Object.keys(extra).length > 0 && { extra }),
    ...(Object.keys(unlisted).length > 0 && { unlisted }),
  };
}

/**
 * @throws InputError `tuning-profile`: no CPU is isolated, none is left to the system, or one is both
 */
export function checkIsolation({ housekeeping, isolated }: Isolation): void {
  const both = housekeeping.intersect(isolated);
  const problems = [
    ...(isolated.size === 0 ? ["isolated is empty: name the CPUs that measured threads run on"] : []),
    ...(housekeeping.size === 0 ? ["housekeeping is empty: leave the system at least one core"] : []),
    ...(isolated.has(0)
      ? ["CPU 0 boots the machine, and is never quite isolated: leave it to the system"]
      : []),
    ...(both.size > 0 ? [`CPU ${both} is both housekeeping and isolated: choose one`] : []),
  ];
  if (problems.length === 0) return;
  throw new InputError({
    code: "tuning-profile",
    property: "isolation",
    problem: `no profile can be made for these CPUs${problems.map((problem) => `\n  - ${problem}`).join("")}`,
    observed: `housekeeping "${housekeeping}", isolated "${isolated}"`,
    expected: "two CPU lists without a CPU in common",
    hint: "take both from a CPU plan",
  });
}
