import type { IdleState } from "../../observe/tuning-ground.ts";
import type { IdleBound, TuningResources, TuningSettings } from "../../schema/tuning-plan.ts";
import { bootArgumentsOf, settingsOf, type TuningProfile } from "./profile.ts";

/** The arguments of the resources that bring a profile about; of a resource that has nothing to do there are none. */
export interface ResourceArguments extends TuningResources {
  /** Settings that no resource brings about, with the reason. */
  readonly unapplied: ReadonlyArray<{ readonly setting: string; readonly reason: string }>;
}

/**
 * A profile as the arguments of resources.
 *
 * @param cpus all CPUs of the machine, for what is set on each of them
 * @param idleStates of the machine; without them a bound by state is passed over for the next one
 * @example new host.BootArguments("boot", { host, name: "profile", ...resourceArguments(profile, facts.onlineCpus).bootArguments });
 */
export function resourceArguments(
  profile: TuningProfile,
  cpus: string,
  idleStates: readonly IdleState[] = [],
): ResourceArguments {
  const {
    sysctls: values,
    memory,
    processor,
    interrupts,
    kernel,
    systemd,
    kvm,
    kernelThreads,
  } = settingsOf(profile);
  const { governor, turbo, energyPerfBias, energyPerformancePreference, resumeLatency } = processor;
  const dmaLatency = latencyOf(processor.idleBound ?? [], idleStates);
  const boot = bootArgumentsOf(profile);
  const perCpu = given({ governor, energyPerfBias, energyPerformancePreference });
  const frequency = { ...perCpu, ...given({ turbo }), ...(any(perCpu) && { cpus }) };
  const idle = {
    ...given({ resumeLatency }),
    ...(resumeLatency !== undefined && { cpus }),
    ...(dmaLatency !== undefined && { dmaLatency: `${dmaLatency}us` as const }),
  };
  const { workqueueCpus, ignoreCorrectedErrors } = kernel;
  const { defaultCpus, unbalancedCpus } = interrupts;
  const reasons: readonly (readonly [setting: string, isThere: boolean, reason: string])[] = [
    [
      "processor.idleBound",
      processor.idleBound !== undefined && dmaLatency === undefined,
      "the machine has none of its states",
    ],
    [
      "processor.minimumPerformance",
      processor.minimumPerformance !== undefined,
      "CpuFrequency bounds frequencies in kHz",
    ],
    [
      "processor.maximumPerformance",
      processor.maximumPerformance !== undefined,
      "CpuFrequency bounds frequencies in kHz",
    ],
  ];
  return {
    ...(any(boot) && { bootArguments: { arguments: boot } }),
    ...(any(values) && { sysctls: { values } }),
    ...(any(memory) && { memoryManagement: memory }),
    ...(ignoreCorrectedErrors !== undefined && {
      machineChecks: { ignoreCorrected: ignoreCorrectedErrors },
    }),
    ...(any(frequency) && { cpuFrequency: frequency }),
    ...(any(idle) && { cpuIdle: idle }),
    ...(workqueueCpus !== undefined && { workqueues: { cpus: workqueueCpus, writebackCpus: workqueueCpus } }),
    ...(defaultCpus !== undefined && { irqAffinity: { defaultCpus, cpus: defaultCpus } }),
    ...(unbalancedCpus !== undefined && { irqBalance: { bannedCpus: unbalancedCpus } }),
    ...(any(systemd) && { systemdCpus: systemd }),
    ...(any(kernelThreads) && { kernelThreads: { threads: scheduled(kernelThreads) } }),
    moduleParameters: byModule(kvm),
    unapplied: reasons.filter(([, isThere]) => isThere).map(([setting, , reason]) => ({ setting, reason })),
  };
}

/** The first bound that the machine has, µs. */
function latencyOf(bounds: readonly IdleBound[], states: readonly IdleState[]): number | undefined {
  for (const bound of bounds) {
    if ("microseconds" in bound) return bound.microseconds;
    const state =
      typeof bound.state === "number" ? states[bound.state] : states.find(({ name }) => name === bound.state);
    if (state !== undefined && !(bound.unlessZero === true && state.latency === 0)) return state.latency;
  }
  return undefined;
}

/** A priority is real-time threads' alone. */
function scheduled(
  threads: TuningSettings["kernelThreads"],
): NonNullable<TuningResources["kernelThreads"]>["threads"] {
  return Object.fromEntries(
    Object.entries(threads).map(([name, { policy, priority }]) => [
      name,
      policy === "fifo" || policy === "rr" ? { policy, priority } : { policy },
    ]),
  );
}

function byModule(kvm: ReturnType<typeof settingsOf>["kvm"]): TuningResources["moduleParameters"] {
  const modules = new Map<string, Record<string, string | number>>();
  for (const [key, value] of Object.entries(kvm)) {
    const [module = "", parameter = ""] = key.split(".");
    if (value !== undefined) modules.set(module, { ...modules.get(module), [parameter]: value });
  }
  return [...modules].map(([module, parameters]) => ({ module, parameters }));
}

function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function any(fields: object): boolean {
  return Object.keys(fields).length > 0;
}
