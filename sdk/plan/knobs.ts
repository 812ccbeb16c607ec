import type { KernelText } from "./kernel-text.ts";
import {
  choice,
  cpuMask,
  cpusWithin,
  flag,
  invertedFlag,
  number,
  resumeLatency,
  word,
} from "./kernel-text.ts";

/** A kernel file, and how it shows and takes a value. */
export interface KnobFile {
  /** `cpu[0-9]*`, `state[0-9]*` and `irq/[0-9]*` stand for those that are meant. */
  readonly path: string;
  readonly text: KernelText;
  /** Off is reached in two writes: `first` makes `emptied` read 0, then comes 0. */
  readonly off?: { readonly first: string; readonly emptied: string };
}

/** A setting of the running kernel: a field of a resource, and the files that it is in. */
export interface Knob {
  /** The field of the resource. */
  readonly field: string;
  /** Once for the host, for each CPU of `cpus`, for each idle state that the field names there, or for each device interrupt. */
  readonly per: "host" | "cpu" | "idle-state" | "interrupt";
  /** Of several the first that the machine has: drivers differ. */
  readonly files: readonly [KnobFile, ...KnobFile[]];
  /** Why a machine may not have it. */
  readonly absent: string;
}

export const CPUS = "/sys/devices/system/cpu";
const CPU = `${CPUS}/cpu[0-9]*`;
const MEMORY = "/sys/kernel/mm";
const WORKQUEUE = "/sys/devices/virtual/workqueue";

const noDriver = "nothing scales the frequency there, as in most virtual machines";
const noPreference = `${noDriver}, or its driver knows no preference`;
const noBias = "no Intel processor with such a bias";
const noIdleState = "no idle state of that name, or no idle driver, as in most virtual machines";
const noPages = "a kernel without transparent huge pages";

/** Every setting of the running kernel that resources set, by resource. A new one is a row here and a field in its schema. */
export const knobs = {
  cpuFrequency: [
    host("turbo", noDriver, [
      { path: `${CPUS}/intel_pstate/no_turbo`, text: invertedFlag },
      { path: `${CPUS}/cpufreq/boost`, text: flag },
    ]),
    // The governor first: with it intel_pstate sets the preference.
    cpu("governor", noDriver, `${CPU}/cpufreq/scaling_governor`, word),
    cpu("energyPerformancePreference", noPreference, `${CPU}/cpufreq/energy_performance_preference`, word),
    cpu("energyPerfBias", noBias, `${CPU}/power/energy_perf_bias`, number),
    cpu("maxFrequencyKhz", noDriver, `${CPU}/cpufreq/scaling_max_freq`, number),
    cpu("minFrequencyKhz", noDriver, `${CPU}/cpufreq/scaling_min_freq`, number),
  ],
  cpuIdle: [
    cpu(
      "resumeLatency",
      "a kernel without power management",
      `${CPU}/power/pm_qos_resume_latency_us`,
      resumeLatency,
    ),
    {
      field: "disabledStates",
      per: "idle-state",
      files: [{ path: `${CPU}/cpuidle/state[0-9]*/disable`, text: flag }],
      absent: noIdleState,
    },
  ],
  workqueues: [
    host("cpus", "a kernel without sysfs for workqueues", [{ path: `${WORKQUEUE}/cpumask`, text: cpuMask }]),
    host("writebackCpus", "a kernel whose writeback has no workqueue of its own", [
      { path: `${WORKQUEUE}/writeback/cpumask`, text: cpuMask },
    ]),
  ],
  memoryManagement: [
    host("transparentHugepages", noPages, [{ path: `${MEMORY}/transparent_hugepage/enabled`, text: choice }]),
    host("defrag", noPages, [{ path: `${MEMORY}/transparent_hugepage/defrag`, text: choice }]),
    host("khugepagedDefrag", noPages, [
      { path: `${MEMORY}/transparent_hugepage/khugepaged/defrag`, text: flag },
    ]),
    host("ksm", "a kernel without same-page merging", [
      { path: `${MEMORY}/ksm/run`, text: flag, off: { first: "2", emptied: `${MEMORY}/ksm/pages_shared` } },
    ]),
  ],
  machineChecks: [
    // Every CPU shows the one setting of the kernel; CPU 0 never goes away.
    host("ignoreCorrected", "no x86 processor, or a kernel without machine checks", [
      { path: "/sys/devices/system/machinecheck/machinecheck0/ignore_ce", text: flag },
    ]),
  ],
  irqAffinity: [
    host("defaultCpus", "a kernel that can't move interrupts", [
      { path: "/proc/irq/default_smp_affinity", text: cpuMask },
    ]),
    {
      field: "cpus",
      per: "interrupt",
      files: [{ path: "/proc/irq/[0-9]*/smp_affinity_list", text: cpusWithin }],
      absent: "a kernel that can't move interrupts",
    },
  ],
} as const satisfies Readonly<Record<string, readonly Knob[]>>;

function host<F extends string>(field: F, absent: string, files: Knob["files"]) {
  return { field, per: "host", files, absent } as const;
}

function cpu<F extends string>(field: F, absent: string, path: string, text: KernelText) {
  return { field, per: "cpu", files: [{ path, text }], absent } as const;
}
