import type { TuningGround } from "../../observe/tuning-ground.ts";
import type { HostFacts } from "../../schema/facts.ts";
import type { TuningOverrides, TuningPlan, TuningSource } from "../../schema/tuning-plan.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { InputError } from "../../units/errors.ts";
import { formatArgument } from "../boot-argument-table.ts";
import { checkBootArguments, renderBootArguments } from "../boot-arguments.ts";
import { explainPlan } from "./explain.ts";
import { fittingArguments } from "./fitting.ts";
import { lookUp } from "./look-up.ts";
import { machineOf } from "./machine-of.ts";
import { nfv } from "./nfv.ts";
import { override } from "./override.ts";
import { performanceProfileToTuning } from "./performance-profile.ts";
import { bootArgumentsOf, type Isolation, placedSettings, type TuningProfile } from "./profile.ts";
import { realtime } from "./realtime.ts";
import { realtimeGuest } from "./realtime-guest.ts";
import { resourceArguments } from "./resource-arguments.ts";
import { tunedToProfile } from "./tuned-import.ts";

export interface TuningRequest {
  readonly profile: TuningSource;
  readonly cpus?: { readonly housekeeping: string; readonly isolated: string } | undefined;
  readonly overrides?: TuningOverrides | undefined;
}

/** What decides of a machine: its name in the lab, its facts, and what there is of knobs. */
export interface TuningMachine {
  readonly name: string;
  readonly facts: Pick<HostFacts, "cpuModel" | "cpus" | "kernel" | "identity" | "onlineCpus">;
  readonly ground: TuningGround;
}

type TuningFacts = TuningMachine["facts"];
type Profile = Extract<TuningSource, string>;
type NotApplied = TuningPlan["notApplied"];

const PROFILES = { nfv, realtime, realtimeGuest } satisfies Record<Profile, typeof nfv>;

/**
 * A profile for a machine: as arguments of resources, with what becomes of every setting and why.
 *
 * @throws InputError `tuning-plan` that names everything that is wrong, whose cause is an AggregateError of one InputError a finding
 */
export function planTuning(request: TuningRequest, machine: TuningMachine): TuningPlan {
  const { facts, ground } = machine;
  const found: InputError[] = [];
  const attempt = <T>(what: () => T): T | undefined => {
    try {
      return what();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      found.push(error);
      return undefined;
    }
  };
  const read = attempt(() => profileOf(request, facts));
  // Overrides of a profile that can't be made for these CPUs are still judged.
  const base = read?.profile ?? substitute(request.profile, facts);
  const changed = base && attempt(() => override(base, request.overrides ?? {}));
  const cpus = changed && cpusOf(request, changed, facts);
  if (changed !== undefined && read !== undefined && cpus !== undefined) {
    const boot = bootArgumentsOf(changed);
    if (Object.keys(boot).length > 0) attempt(() => checkBootArguments(boot));
    found.push(...cpuFindings(request, changed, cpus, facts));
  }
  refuse(found);
  const [profile, notApplied] = [changed as TuningProfile, read?.notApplied ?? []];
  const { housekeeping, isolated } = cpus as Isolation;
  const { unapplied, ...resources } = fittingArguments(
    resourceArguments(profile, facts.onlineCpus, ground.idleStates),
    facts,
    ground,
  );
  const plan: Omit<TuningPlan, "explanation"> = {
    profile: profile.name,
    cpus: { housekeeping: housekeeping.format(), isolated: isolated.format() },
    resources,
    bootLine: renderBootArguments(resources.bootArguments?.arguments ?? {})
      .map(formatArgument)
      .join(" "),
    unapplied: [...unapplied],
    settings: placedSettings(profile.settings).map(({ section, key, setting }) => ({
      ...setting,
      setting: `${section}.${key}`,
    })),
    leftOut: [...profile.leftOut],
    overridden: profile.overridden.map(({ setting, from, to, reason }) => ({
      setting,
      ...(from !== undefined && { from: from.value }),
      ...(to !== undefined && { to }),
      reason,
    })),
    notApplied,
    conflicts: conflictsOn(machine),
    advice: adviceFor(
      request.profile,
      resources,
      read?.realTimeKernel === true,
      { housekeeping, isolated },
      machine,
    ),
  };
  return { ...plan, explanation: explainPlan(profile, plan, machine.name) };
}

interface Read {
  readonly profile: TuningProfile;
  readonly notApplied: NotApplied;
  /** Whether it asks for a real-time kernel. */
  readonly realTimeKernel: boolean;
}

function profileOf({ profile, cpus }: TuningRequest, facts: TuningFacts): Read {
  const machine = machineOf(facts);
  if (typeof profile === "string") {
    if (cpus === undefined) {
      throw finding({
        property: "cpus",
        problem: `the profile ${profile} is for CPUs that are not named`,
        expected: "housekeeping and isolated",
        hint: "take both from a CPU plan, `cpus: plan`",
      });
    }
    const isolation = {
      housekeeping: CpuSet.parse(cpus.housekeeping),
      isolated: CpuSet.parse(cpus.isolated),
    };
    const made = PROFILES[profile](isolation, machine);
    return { profile: made, notApplied: [], realTimeKernel: profile !== "nfv" };
  }
  if ("performanceProfile" in profile) {
    const read = performanceProfileToTuning(profile.performanceProfile, machine);
    const notApplied = read.notApplied.map(({ field, value, reason }) => ({ at: field, value, reason }));
    return { profile: read.profile, notApplied, realTimeKernel: read.realTimeKernel };
  }
  const { texts, main } = profile.tuned;
  const text = lookUp(texts, main);
  if (text === undefined) {
    throw finding({
      property: "profile.tuned.main",
      problem: "the text of the profile itself is not given",
      observed: main,
      expected: Object.keys(texts).join(" or ") || "a name that texts has",
    });
  }
  const read = tunedToProfile(main, text, texts, machine);
  const notApplied = read.notApplied.map(({ document, section, key, value, reason }) => ({
    at: `${document} [${section}]${key === "" ? "" : ` ${key}`}`,
    value,
    reason,
  }));
  return { profile: read.profile, notApplied, realTimeKernel: false };
}

/** The same profile for CPUs that any machine could have. */
function substitute(profile: TuningSource, facts: TuningFacts): TuningProfile | undefined {
  if (typeof profile !== "string") return undefined;
  const isolation = { housekeeping: CpuSet.of([0]), isolated: CpuSet.of([1]) };
  return PROFILES[profile](isolation, machineOf(facts));
}

/** What the boot arguments of a profile take away from the system. */
function isolatedBy(profile: TuningProfile): CpuSet {
  const { isolcpus, nohzFull } = bootArgumentsOf(profile);
  return CpuSet.parse(isolcpus?.cpus ?? "").union(CpuSet.parse(nohzFull ?? ""));
}

function cpusOf({ cpus }: TuningRequest, profile: TuningProfile, facts: TuningFacts): Isolation {
  if (cpus !== undefined)
    return { housekeeping: CpuSet.parse(cpus.housekeeping), isolated: CpuSet.parse(cpus.isolated) };
  const isolated = isolatedBy(profile);
  return { housekeeping: CpuSet.parse(facts.onlineCpus).minus(isolated), isolated };
}

function cpuFindings(
  { profile, cpus: given }: TuningRequest,
  changed: TuningProfile,
  { housekeeping, isolated }: Isolation,
  facts: TuningFacts,
): InputError[] {
  const found: InputError[] = [];
  const online = CpuSet.parse(facts.onlineCpus);
  // The CPUs of a guest are numbered in the guest.
  const missing = housekeeping.union(isolated).minus(online);
  if (profile !== "realtimeGuest" && missing.size > 0) {
    found.push(
      finding({
        property: "cpus",
        problem: "there are no such CPUs online",
        observed: missing.format(),
        expected: `CPUs among ${online}`,
      }),
    );
  }
  const booted = isolatedBy(changed);
  const differ =
    typeof profile === "string"
      ? booted.minus(isolated).size > 0
      : booted.size > 0 && !booted.equals(isolated);
  if (given !== undefined && differ) {
    found.push(
      finding({
        property: "cpus.isolated",
        problem: "the boot arguments of the profile isolate other CPUs",
        observed: booted.format(),
        expected: isolated.format(),
        hint: "name the same CPUs in both places; of a profile from a file leave cpus out",
      }),
    );
  }
  return found;
}

/** What tunes the machine already, for as long as it does. */
function conflictsOn({ name, ground: { running, tunedProfile } }: TuningMachine): string[] {
  if (!running.includes("tuned") || tunedProfile === "") return [];
  return [
    `tuned runs on ${name} with the profile ${tunedProfile} and sets the same: end it there with \`tuned-adm off\`, or leave the tuning to it`,
  ];
}

function adviceFor(
  profile: TuningSource,
  { cpuFrequency, irqAffinity, irqBalance, memoryManagement }: TuningPlan["resources"],
  wantsRealTime: boolean,
  { housekeeping, isolated }: Isolation,
  { name, facts, ground: { running } }: TuningMachine,
): string[] {
  const rest = CpuSet.parse(facts.onlineCpus).minus(housekeeping.union(isolated));
  const rivals = [
    // Where it heeds a list of CPUs, it is no rival.
    ["irqbalance", irqBalance === undefined ? irqAffinity : undefined, "moves interrupts to isolated CPUs"],
    ["ksmtuned", memoryManagement?.ksm, "switches same-page merging on again"],
    ["thermald", cpuFrequency, "bounds frequencies"],
    ["power-profiles-daemon", cpuFrequency, "sets governors and preferences"],
  ] as const;
  return [
    ...(wantsRealTime && !facts.kernel.realtime
      ? [
          `the profile is for a real-time kernel, and ${name} runs ${facts.kernel.release} without PREEMPT_RT: its deadlines hold as far as an ordinary kernel keeps them`,
        ]
      : []),
    ...(profile !== "realtimeGuest" && rest.size > 0
      ? [`CPU ${rest} is neither housekeeping nor isolated: the scheduler uses it, interrupts keep off it`]
      : []),
    ...rivals.flatMap(([service, sets, what]) =>
      sets !== undefined && running.includes(service)
        ? [`${service} runs on ${name} and ${what}: stop it`]
        : [],
    ),
  ];
}

function finding(facts: Omit<ConstructorParameters<typeof InputError>[0], "code">): InputError {
  return new InputError({ code: "tuning-plan", ...facts });
}

function refuse(found: readonly InputError[]): void {
  const [first] = found;
  if (first === undefined) return;
  if (found.length === 1) throw first;
  throw new InputError({
    code: "tuning-plan",
    problem: `no machine can be tuned like this${found.map(({ message }) => `\n  - ${message.replaceAll("\n", "\n  ")}`).join("")}`,
    cause: new AggregateError(found),
  });
}
