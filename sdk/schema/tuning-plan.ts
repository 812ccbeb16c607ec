import { z } from "zod";
import type { CpuList } from "../units/cpuset.ts";
import type { Duration } from "../units/duration.ts";
import { type BootArgumentSet, bootArguments } from "./boot-arguments.ts";
import { hostReference } from "./connection.ts";
import { cpuFrequency } from "./cpu-frequency.ts";
import { cpuIdle } from "./cpu-idle.ts";
import { defineFunction, type Inputs } from "./definition.ts";
import { cpuList } from "./fields.ts";
import { irqAffinity } from "./irq-affinity.ts";
import { irqBalance } from "./irq-balance.ts";
import { kernelThreads } from "./kernel-threads.ts";
import { machineChecks } from "./machine-checks.ts";
import { memoryManagement } from "./memory-management.ts";
import { moduleParameters } from "./module-parameters.ts";
import { swap } from "./swap.ts";
import { sysctls } from "./sysctls.ts";
import { systemdCpus } from "./systemd-cpus.ts";
import { workqueues } from "./workqueues.ts";

type CpuFrequency = Inputs<typeof cpuFrequency>;

/** What the idle states of all CPUs are bounded by: a latency, or that of a state, by number or by name. A state whose latency is 0 may be passed over. */
export type IdleBound =
  | { readonly microseconds: number }
  | { readonly state: number | string; readonly unlessZero?: true };

/** A kernel thread's scheduling class; of those with a priority 1 is the lowest. */
export interface ThreadScheduling {
  /** SCHED_FIFO, SCHED_RR, SCHED_OTHER, SCHED_BATCH or SCHED_IDLE. */
  readonly policy: "fifo" | "rr" | "other" | "batch" | "idle";
  /** 1 to 99 of fifo and rr, 0 of the others. */
  readonly priority: number;
}

export type KvmParameter = `${"kvm" | "kvm_intel" | "kvm_amd"}.${string}`;

/** Everything that a profile can set, by the part of the system that takes it. */
export interface TuningSettings {
  /** The kernel's command line, but for `extra` and `unlisted`. Reboot. */
  readonly bootArguments: Omit<BootArgumentSet, "extra" | "unlisted">;
  /** Arguments by the kernel's own name, as `extra` of a BootArgumentSet has them. Reboot. */
  readonly extraBootArguments: NonNullable<BootArgumentSet["extra"]>;
  /** Arguments that are no kernel's, as `unlisted` of a BootArgumentSet has them. Reboot. */
  readonly unlistedBootArguments: NonNullable<BootArgumentSet["unlisted"]>;
  /** By key, as Sysctls takes them. */
  readonly sysctls: Readonly<Record<string, string | number>>;
  /** What the kernel does with memory on its own. */
  readonly memory: {
    /** /sys/kernel/mm/transparent_hugepage/enabled */
    readonly transparentHugepages?: "always" | "madvise" | "never";
    /** /sys/kernel/mm/transparent_hugepage/defrag */
    readonly defrag?: "always" | "defer" | "defer+madvise" | "madvise" | "never";
    /** /sys/kernel/mm/ksm/run: false stops merging, and takes apart what is merged. */
    readonly ksm?: boolean;
  };
  /** Frequencies and idle states. */
  readonly processor: {
    /** cpufreq/scaling_governor of every CPU. */
    readonly governor?: NonNullable<CpuFrequency["governor"]>;
    /** Whether CPUs may leave their base frequency upwards: cpufreq/boost, intel_pstate/no_turbo. */
    readonly turbo?: boolean;
    /** cpuN/power/energy_perf_bias, Intel: 0 for performance to 15 for power. */
    readonly energyPerfBias?: number;
    /** cpufreq/energy_performance_preference */
    readonly energyPerformancePreference?: NonNullable<CpuFrequency["energyPerformancePreference"]>;
    /** intel_pstate/min_perf_pct, %. */
    readonly minimumPerformance?: number;
    /** intel_pstate/max_perf_pct, %. */
    readonly maximumPerformance?: number;
    /** /dev/cpu_dma_latency, which counts only while somebody holds it open. The first bound that the machine has. */
    readonly idleBound?: readonly IdleBound[];
    /** cpuN/power/pm_qos_resume_latency_us of every CPU, in whole µs: `0us` allows no idle state, `unlimited` every one. */
    readonly resumeLatency?: "unlimited" | Duration;
  };
  /** Device interrupts. */
  readonly interrupts: {
    /** /proc/irq/default_smp_affinity */
    readonly defaultCpus?: CpuList;
    /** CPUs that irqbalance keeps off. */
    readonly unbalancedCpus?: CpuList;
  };
  /** Deferred work and machine checks. */
  readonly kernel: {
    /** /sys/devices/virtual/workqueue: cpumask of all unbound queues, and of writeback. */
    readonly workqueueCpus?: CpuList;
    /** machinecheck/ignore_ce: corrected memory errors are no longer polled for; uncorrected ones are still fatal. */
    readonly ignoreCorrectedErrors?: boolean;
  };
  /** The service manager. */
  readonly systemd: {
    /** CPUAffinity= of the service manager, so of everything that it starts. */
    readonly cpuAffinity?: CpuList;
  };
  /** By `module.parameter`; counts when the module is loaded. */
  readonly kvm: { readonly [P in KvmParameter]?: string | number };
  /** By the thread's name without its CPU, `ksoftirqd`. */
  readonly kernelThreads: Readonly<Record<string, ThreadScheduling>>;
}

/** Other values than the profile's, by section and name; `null` takes a setting out. */
export type TuningOverrides = {
  readonly [S in keyof TuningSettings]?: {
    readonly [K in keyof TuningSettings[S]]?: TuningSettings[S][K] | null;
  };
};

/** The tuning profiles of this project. */
export const TuningProfileName = z.enum(["nfv", "realtime", "realtimeGuest"]);

const EXPECTED =
  '"nfv", "realtime", "realtimeGuest", { tuned: { texts, main } } or { performanceProfile: text }';

export const TuningSource = z.union(
  [
    TuningProfileName,
    z.strictObject({
      tuned: z
        .strictObject({
          texts: z.record(z.string(), z.string()).meta({
            description:
              "Texts of everything that makes the profile: the tuned.conf of profiles by their names, files of variables by their paths.",
          }),
          main: z.string().meta({ description: "Name of the profile that is meant, one of `texts`." }),
        })
        .meta({ description: "A profile of tuned's own format, read as tuned reads it." }),
    }),
    z.strictObject({
      performanceProfile: z
        .string()
        .meta({ description: "A Kubernetes PerformanceProfile (performance.openshift.io/v2) in YAML." }),
    }),
  ],
  { error: ({ input }) => `observed ${JSON.stringify(input)}, expected ${EXPECTED}` },
);
export type TuningSource = z.infer<typeof TuningSource>;

const onlyHost = { host: true } as const;
const named = { host: true, name: true } as const;

/** Arguments of the resources that bring a plan about, by kind, without host and name. Of a resource that has nothing to do there are none. */
export const TuningResources = z.object({
  bootArguments: bootArguments.inputs.omit({ ...named, rebootOnDelete: true }).optional(),
  sysctls: sysctls.inputs.omit(named).optional(),
  memoryManagement: memoryManagement.inputs.omit(onlyHost).optional(),
  swap: swap.inputs.omit(onlyHost).optional().meta({
    description: "Empty: swap is turned off. No profile of this project does so, vm.swappiness is theirs.",
  }),
  cpuFrequency: cpuFrequency.inputs.omit(named).optional(),
  cpuIdle: cpuIdle.inputs.omit(named).optional(),
  machineChecks: machineChecks.inputs.omit(onlyHost).optional(),
  workqueues: workqueues.inputs.omit(onlyHost).optional(),
  irqAffinity: irqAffinity.inputs.omit(onlyHost).optional(),
  irqBalance: irqBalance.inputs.omit({ ...onlyHost, restart: true }).optional(),
  systemdCpus: systemdCpus.inputs.omit(onlyHost).optional(),
  kernelThreads: kernelThreads.inputs.omit(onlyHost).optional(),
  moduleParameters: z
    .array(moduleParameters.inputs.omit(onlyHost))
    .meta({ description: "One for each module." }),
});
export type TuningResources = z.infer<typeof TuningResources>;

const setting = z.string().meta({ description: "Section and name, `sysctls.vm.stat_interval`." });
const reason = z.string().meta({ description: "One clause." });
const source = z.string().meta({ description: "Where it was read, `tuned network-latency [sysctl]`." });

export const planTuning = defineFunction({
  token: "nfvlab:host:planTuning",
  description:
    "How a machine is to be tuned: a profile for its processor and kernel, as arguments of the resources that bring it about, and only of what this machine has. " +
    "Looks at the machine in one round trip and changes nothing. The same machine and profile give the same plan, before and after it is in force.",
  inputs: z.strictObject({
    host: hostReference,
    profile: TuningSource.meta({
      description:
        "nfv: poll-mode switches and guests on an ordinary kernel, as tuned's cpu-partitioning. realtime: guests with deadlines on a real-time kernel, as " +
        "realtime-virtual-host. realtimeGuest: such a guest itself, as realtime-virtual-guest. Or a profile of tuned's, or a PerformanceProfile v2.",
    }),
    cpus: z
      .strictObject({
        housekeeping: cpuList("CPUs of the system, CPU 0 among them."),
        isolated: cpuList("CPUs that nothing but measured threads run on."),
      })
      .optional()
      .meta({
        description:
          "Who has which CPUs, for instance a plan of planCpus; of realtimeGuest the guest's own, from 0. A profile that is read from a file names them itself: " +
          "lists given beside it have to be the same.",
      }),
    overrides: (
      z.record(z.string(), z.record(z.string(), z.unknown())) as unknown as z.ZodType<TuningOverrides>
    )
      .optional()
      .meta({
        description:
          "Other values than the profile's, by section and name: `{ processor: { turbo: true } }`; null takes a setting out. Each is recorded.",
      }),
  }),
  outputs: z.object({
    profile: z.string().meta({ description: "Name of the profile." }),
    cpus: z.object({
      housekeeping: z.string().meta({ description: "CPUs of the system." }),
      isolated: z.string().meta({ description: "CPUs that are isolated." }),
    }),
    resources: TuningResources.meta({
      description: "Arguments of resources by kind, without host and name.",
    }),
    bootLine: z.string().meta({
      description:
        "The boot arguments as they stand on a command line, for what is booted otherwise: a guest's kernel.",
    }),
    unapplied: z.array(z.object({ setting, reason })).meta({
      description: "Settings that no resource brings about, or that this machine has no place for.",
    }),
    settings: z
      .array(z.object({ setting, value: z.unknown(), source, reason }))
      .meta({ description: "Every setting of the profile, applied or not." }),
    leftOut: z
      .array(z.object({ what: z.string(), source, reason }))
      .meta({ description: "What the sources of the profile do and it leaves out on purpose." }),
    overridden: z
      .array(
        z.object({
          setting,
          from: z
            .unknown()
            .optional()
            .meta({ description: "What the profile had; absent where it had nothing." }),
          to: z.unknown().optional().meta({ description: "Absent where the setting was taken out." }),
          reason,
        }),
      )
      .meta({ description: "What `overrides` changed." }),
    notApplied: z
      .array(
        z.object({
          at: z
            .string()
            .meta({ description: "Line or field, `lab-dut [net] channels`, `spec.numa.topologyPolicy`." }),
          value: z.string(),
          reason,
        }),
      )
      .meta({ description: "Lines or fields of an imported profile that nothing came of." }),
    conflicts: z.array(z.string()).meta({
      description:
        "What tunes this machine already and has to end first, a sentence each. A TunedHost refuses a plan that has one: what two set, nobody sets.",
    }),
    advice: z.array(z.string()).meta({ description: "What is permitted but unwise on this machine." }),
    explanation: z.string().meta({ description: "All of it as a text, for people." }),
  }),
});

/** How a machine is to be tuned, with the reasons. Plain data. */
export type TuningPlan = z.infer<typeof planTuning.outputs>;
