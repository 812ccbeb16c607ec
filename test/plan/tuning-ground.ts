import type { TuningGround } from "../../sdk/observe/tuning-ground.ts";
import type { TuningMachine } from "../../sdk/plan/tuning-profile/plan.ts";
import { factsOf, twoSockets } from "./cpu-planner-machines.ts";

const CPUS = "/sys/devices/system/cpu";

/** The host of the worked example, as bare metal with Intel's processors shows itself: everything is there, nobody else tunes. */
export function workedHost(change: Partial<TuningGround> = {}): TuningMachine {
  const made = factsOf(twoSockets);
  const perCpu = made.cpus.flatMap(({ cpu }) => [
    [`${CPUS}/cpu${cpu}/cpufreq/scaling_governor`, "powersave"] as const,
    [`${CPUS}/cpu${cpu}/cpufreq/scaling_min_freq`, "800000"] as const,
    [`${CPUS}/cpu${cpu}/cpufreq/scaling_max_freq`, "3500000"] as const,
    [`${CPUS}/cpu${cpu}/power/energy_perf_bias`, "6"] as const,
    [`${CPUS}/cpu${cpu}/power/pm_qos_resume_latency_us`, "0"] as const,
  ]);
  const module = (...known: string[]) => ({
    presence: "loaded" as const,
    values: new Map(),
    known: new Set(known),
    text: "",
  });
  return {
    name: "dut",
    facts: { ...made, cpuModel: "Intel(R) Xeon(R) Gold 6338N CPU @ 2.20GHz" },
    ground: {
      files: new Map([
        ["/proc/1/comm", "systemd"],
        [`${CPUS}/online`, "0-39"],
        ...perCpu,
        [`${CPUS}/intel_pstate/no_turbo`, "0"],
        [`${CPUS}/cpu0/cpufreq/scaling_driver`, "intel_pstate"],
        [`${CPUS}/nohz_full`, ""],
        ["/sys/devices/virtual/workqueue/cpumask", "ff,ffffffff"],
        ["/sys/devices/virtual/workqueue/writeback/cpumask", "ff,ffffffff"],
        ["/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"],
        ["/sys/kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise [madvise] never"],
        ["/sys/kernel/mm/ksm/run", "0"],
        ["/sys/kernel/mm/ksm/pages_shared", "0"],
        ["/sys/devices/system/machinecheck/machinecheck0/ignore_ce", "0"],
        ["/proc/irq/default_smp_affinity", "ff,ffffffff"],
        ["/proc/sys/kernel/soft_watchdog", "1"],
        ["/sys/kernel/rcu_normal", "0"],
        ["/sys/module/processor/parameters/max_cstate", "9"],
        ["/sys/module/intel_idle/parameters/max_cstate", "9"],
      ]),
      idleStates: [
        { name: "POLL", latency: 0 },
        { name: "C1", latency: 1 },
        { name: "C6", latency: 170 },
      ],
      sysctlPaths: new Set(
        [
          ...["kernel/numa_balancing", "kernel/hung_task_timeout_secs", "kernel/nmi_watchdog"],
          ...["kernel/timer_migration", "kernel/sched_rt_runtime_us", "vm/stat_interval", "vm/swappiness"],
          ...["vm/dirty_ratio", "vm/dirty_background_ratio"],
        ].map((path) => `/proc/sys/${path}`),
      ),
      kvm: module("kvmclock_periodic_sync", "halt_poll_ns"),
      kvmIntel: module("ple_gap"),
      kvmAmd: { ...module(), presence: "installed" },
      idleLatency: 2_000_000_000,
      irqBalance: {
        ...{ presence: "stopped", path: "/etc/default/irqbalance", text: "", environment: new Map() },
        knowsLists: true,
      },
      kernelThreads: {
        threads: ["ksoftirqd/0", "ksoftirqd/1", "rcu_preempt"].map((name, index) => ({
          ...{ pid: 20 + index, name, policy: "other", priority: 0, cpus: "0", bound: true },
        })),
        service: undefined,
      },
      running: [],
      tunedProfile: "",
      ...change,
    },
  };
}
