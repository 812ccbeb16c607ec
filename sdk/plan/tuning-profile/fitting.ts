import type { TuningGround } from "../../observe/tuning-ground.ts";
import type { BootArgumentSet } from "../../schema/boot-arguments.ts";
import type { HostFacts } from "../../schema/facts.ts";
import type { TuningResources } from "../../schema/tuning-plan.ts";
import { sysctlPath } from "../../units/sysctl.ts";
import { patternsOf, settingsOf } from "../kernel-files.ts";
import { type Knob, knobs } from "../knobs.ts";
import type { ResourceArguments } from "./resource-arguments.ts";

/** What of a host's facts decides over boot arguments. */
export type FittingFacts = Pick<HostFacts, "identity" | "kernel">;

interface Fitted<T> {
  readonly fits: T;
  readonly unapplied: ResourceArguments["unapplied"];
}

type ByKnobs =
  | "memoryManagement"
  | "machineChecks"
  | "cpuFrequency"
  | "cpuIdle"
  | "workqueues"
  | "irqAffinity";

/** Which setting of a profile a field of a resource brings about. */
const SETTINGS: Readonly<Record<ByKnobs, (field: string) => string>> = {
  memoryManagement: (field) => `memory.${field}`,
  machineChecks: () => "kernel.ignoreCorrectedErrors",
  cpuFrequency: (field) => `processor.${field}`,
  cpuIdle: (field) => `processor.${field}`,
  workqueues: () => "kernel.workqueueCpus",
  irqAffinity: () => "interrupts.defaultCpus",
};

/** Files that tell of every knob of profiles whether a machine has it. */
export const groundPatterns: readonly string[] = patternsOf(
  (Object.keys(SETTINGS) as ByKnobs[]).flatMap((part): readonly Knob[] => knobs[part]).filter(isOfHostOrCpu),
);

/** Interrupts come and go, and idle states are named by no profile: neither is asked for. */
function isOfHostOrCpu({ per }: Knob): boolean {
  return per === "host" || per === "cpu";
}

/**
 * The arguments that this machine has a place for; the others are named in `unapplied`, with the reason. A machine that the arguments are in force on gives the
 * same as before.
 */
export function fittingArguments(
  { unapplied, ...wanted }: ResourceArguments,
  facts: FittingFacts,
  ground: TuningGround,
): ResourceArguments {
  const { bootArguments, sysctls, moduleParameters, irqBalance, systemdCpus, kernelThreads, ...files } =
    wanted;
  const boot = fittingBoot(bootArguments?.arguments ?? {}, facts, ground);
  const values = fittingSysctls(sysctls?.values ?? {}, ground);
  const threads = fittingThreads(kernelThreads?.threads ?? {}, ground);
  const hasIrqBalance = ground.irqBalance.presence !== "missing";
  const hasSystemd = ground.files.get("/proc/1/comm")?.trim() === "systemd";
  const modules = moduleParameters.map((module) => fittingModule(module, ground));
  const parts = (Object.keys(SETTINGS) as ByKnobs[]).map((part) => {
    const { fits, unapplied: left } = fittingFiles(part, files[part] ?? {}, ground);
    return { part, fits, unapplied: left };
  });
  return {
    ...(isAny(boot.fits) && { bootArguments: { arguments: boot.fits } }),
    ...(isAny(values.fits) && { sysctls: { values: values.fits } }),
    ...Object.fromEntries(parts.flatMap(({ part, fits }) => (isAny(fits) ? [[part, fits]] : []))),
    ...(irqBalance !== undefined && hasIrqBalance && { irqBalance }),
    ...(systemdCpus !== undefined && hasSystemd && { systemdCpus }),
    ...(isAny(threads.fits) && { kernelThreads: { threads: threads.fits } }),
    moduleParameters: modules.flatMap(({ fits }) => (isAny(fits.parameters) ? [fits] : [])),
    unapplied: [
      ...unapplied,
      ...[boot, values, ...parts].flatMap((each) => each.unapplied),
      ...(irqBalance === undefined || hasIrqBalance
        ? []
        : [{ setting: "interrupts.unbalancedCpus", reason: "irqbalance is not installed" }]),
      ...(systemdCpus === undefined || hasSystemd
        ? []
        : [{ setting: "systemd.cpuAffinity", reason: "systemd does not run it" }]),
      ...[threads, ...modules].flatMap((each) => each.unapplied),
    ],
  };
}

/** Why a kernel or a machine does not have an argument, by its field; undefined where it has it. */
const BOOT: {
  readonly [F in keyof BootArgumentSet]?: (facts: FittingFacts, ground: TuningGround) => string | undefined;
} = {
  nohzFull: without("/sys/devices/system/cpu/nohz_full", "a kernel that ticks on every CPU (no NO_HZ_FULL)"),
  nosoftlockup: without("/proc/sys/kernel/soft_watchdog", "a kernel without that detector"),
  rcuNormalAfterBoot: without("/sys/kernel/rcu_normal", "a kernel without that choice"),
  nohzFullPatienceDelay: without(
    "/sys/module/rcutree/parameters/nohz_full_patience_delay",
    "a kernel that does not have it yet (before 6.11)",
  ),
  processorMaxCstate: without("/sys/module/processor/parameters/max_cstate", "no idle driver of ACPI"),
  intelIdleMaxCstate: without("/sys/module/intel_idle/parameters/max_cstate", "no idle driver of Intel's"),
  intelPstate: withoutFrequencies,
  amdPstate: withoutFrequencies,
  // A TSC that the kernel found wanting is not to be trusted, and one that it does not read is not the point.
  tsc: ({ kernel }) => (kernel.clocksource === "tsc" ? undefined : `the clock here is ${kernel.clocksource}`),
};

function without(path: string, reason: string) {
  return (_: FittingFacts, { files }: TuningGround) => (files.has(path) ? undefined : reason);
}

/** On bare metal a driver may be switched off by the very argument. */
function withoutFrequencies({ identity }: FittingFacts, { files }: TuningGround): string | undefined {
  const isScaled = files.has("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver");
  return isScaled || identity.virtualization === "none"
    ? undefined
    : "nothing scales the frequency there, as in most virtual machines";
}

function fittingBoot(
  wanted: BootArgumentSet,
  facts: FittingFacts,
  ground: TuningGround,
): Fitted<BootArgumentSet> {
  const left = Object.keys(wanted).flatMap((field) => {
    const reason = BOOT[field as keyof BootArgumentSet]?.(facts, ground);
    return reason === undefined ? [] : [{ field, reason }];
  });
  return {
    fits: leavingOut(
      wanted,
      left.map(({ field }) => field),
    ),
    unapplied: left.map(({ field, reason }) => ({ setting: `bootArguments.${field}`, reason })),
  };
}

function fittingSysctls(
  values: Readonly<Record<string, string | number>>,
  { sysctlPaths }: TuningGround,
): Fitted<Record<string, string | number>> {
  const left = Object.keys(values).filter((key) => !sysctlPaths.has(sysctlPath(key)));
  return {
    fits: leavingOut(values, left),
    unapplied: left.map((key) => ({ setting: `sysctls.${key}`, reason: "the kernel has no such key" })),
  };
}

function fittingFiles(part: ByKnobs, given: object, ground: TuningGround): Fitted<Record<string, unknown>> {
  const wanted = given as Readonly<Record<string, unknown>>;
  const rows: readonly Knob[] = knobs[part];
  const missing = new Map(
    settingsOf(rows.filter(isOfHostOrCpu), wanted, { files: ground.files, interrupts: new Map() })
      .filter(({ path }) => !ground.files.has(path))
      .map(({ knob: { field, absent } }) => [field, absent]),
  );
  const unapplied = [...missing].map(([field, reason]) => ({ setting: SETTINGS[part](field), reason }));
  const dropped = [...missing.keys()];
  if (part === "cpuIdle" && wanted["dmaLatency"] !== undefined && ground.idleLatency === undefined) {
    dropped.push("dmaLatency");
    unapplied.push({ setting: "processor.idleBound", reason: "no readable /dev/cpu_dma_latency" });
  }
  // Where nobody can be asked for the default, nobody can be moved.
  if (part === "irqAffinity" && missing.has("defaultCpus")) dropped.push("cpus");
  const rest = leavingOut(wanted, dropped);
  const ofCpus = rows.filter(({ per }) => per === "cpu").map(({ field }) => field);
  const isWithoutCpus = ofCpus.length > 0 && ofCpus.every((field) => rest[field] === undefined);
  return { fits: isWithoutCpus ? leavingOut(rest, ["cpus"]) : rest, unapplied };
}

type Threads = NonNullable<TuningResources["kernelThreads"]>["threads"];

function fittingThreads(wanted: Threads, { kernelThreads }: TuningGround): Fitted<Threads> {
  const there = new Set(kernelThreads.threads.flatMap(({ name }) => [name, name.replace(/\/\d+$/, "")]));
  const left = Object.keys(wanted).filter((name) => !there.has(name));
  return {
    fits: leavingOut(wanted, left),
    unapplied: left.map((name) => ({
      setting: `kernelThreads.${name}`,
      reason: "the kernel runs no such thread",
    })),
  };
}

type ModuleArguments = TuningResources["moduleParameters"][number];

function fittingModule(
  { module, parameters }: ModuleArguments,
  ground: TuningGround,
): Fitted<ModuleArguments> {
  const { presence, known } = { kvm: ground.kvm, kvm_intel: ground.kvmIntel, kvm_amd: ground.kvmAmd }[
    module
  ] ?? { presence: "unknown", known: new Set<string>() };
  const reasonOf = (parameter: string) => {
    if (presence === "unknown") return `the kernel has no module ${module}`;
    if (presence === "built-in")
      return `${module} is built into the kernel: a boot argument of that name sets it`;
    return known.has(parameter) ? undefined : `module ${module} has no such parameter`;
  };
  const left = Object.keys(parameters).flatMap((parameter) => {
    const reason = reasonOf(parameter);
    return reason === undefined ? [] : [{ parameter, reason }];
  });
  return {
    fits: {
      module,
      parameters: leavingOut(
        parameters,
        left.map(({ parameter }) => parameter),
      ),
    },
    unapplied: left.map(({ parameter, reason }) => ({ setting: `kvm.${module}.${parameter}`, reason })),
  };
}

function leavingOut<T extends object>(fields: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name))) as T;
}

function isAny(fields: object): boolean {
  return Object.keys(fields).length > 0;
}
