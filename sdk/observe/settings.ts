import { CpuSet } from "../units/cpuset.ts";
import { filesOf, type Probe } from "./probe.ts";

const CPU = "/sys/devices/system/cpu";
const MACHINE_CHECK = "/sys/devices/system/machinecheck";
const EACH_CPU = new RegExp(`^(${CPU}/cpu|${MACHINE_CHECK}/machinecheck)(\\d+)(/.*)$`);
const FIRST_PROCESS = "/proc/1/status";

/**
 * Settings of the running kernel that move a latency or a rate: frequency, idle states, memory, scheduling, isolation, modules. By path as text; those that
 * every CPU has, by `cpu*`, with the CPUs of each value where they differ. What counts or moves by itself is not among them, nor is what a boot numbers anew.
 */
export const kernelSettings: Probe<Readonly<Record<string, string>>> = {
  name: "kernel-settings",
  ask: {
    kind: "files",
    patterns: [
      ...[
        "cpufreq/boost",
        "intel_pstate/status",
        "intel_pstate/no_turbo",
        "amd_pstate/status",
        "cpuidle/current_driver",
        "cpuidle/current_governor",
        "smt/control",
        "vulnerabilities/*",
        "cpu[0-9]*/cpufreq/scaling_driver",
        "cpu[0-9]*/cpufreq/scaling_governor",
        "cpu[0-9]*/cpufreq/scaling_min_freq",
        "cpu[0-9]*/cpufreq/scaling_max_freq",
        "cpu[0-9]*/cpufreq/energy_performance_preference",
        "cpu[0-9]*/power/energy_perf_bias",
        "cpu[0-9]*/power/pm_qos_resume_latency_us",
        "cpu[0-9]*/cpuidle/state*/disable",
      ].map((file) => `${CPU}/${file}`),
      ...[
        "transparent_hugepage/enabled",
        "transparent_hugepage/defrag",
        "transparent_hugepage/khugepaged/defrag",
        "ksm/run",
      ].map((file) => `/sys/kernel/mm/${file}`),
      ...[
        "kernel/numa_balancing",
        "kernel/nmi_watchdog",
        "kernel/soft_watchdog",
        "kernel/watchdog_cpumask",
        "kernel/sched_rt_runtime_us",
        "kernel/sched_rt_period_us",
        "kernel/timer_migration",
        "kernel/hung_task_timeout_secs",
        "vm/stat_interval",
        "vm/swappiness",
        "vm/zone_reclaim_mode",
        "vm/dirty_*",
        "vm/overcommit_*",
        "vm/compaction_proactiveness",
        "net/core/busy_read",
        "net/core/busy_poll",
        "net/core/netdev_budget*",
        "net/core/netdev_max_backlog",
        "net/core/[rw]mem_max",
      ].map((file) => `/proc/sys/${file}`),
      "/proc/irq/default_smp_affinity",
      "/sys/kernel/rcu_normal",
      "/sys/kernel/rcu_expedited",
      `${MACHINE_CHECK}/machinecheck*/ignore_ce`,
      "/sys/devices/virtual/workqueue/cpumask",
      "/sys/devices/virtual/workqueue/writeback/cpumask",
      FIRST_PROCESS,
      "/sys/fs/cgroup/cpuset.cpus.isolated",
      "/sys/fs/cgroup/*.slice/cpuset.cpus",
      "/sys/fs/resctrl/schemata",
      "/sys/fs/resctrl/*/schemata",
      "/sys/fs/resctrl/*/cpus_list",
      ...["kvm", "kvm_intel", "kvm_amd", "vhost_net", "vfio", "vfio_pci", "vfio_iommu_type1"].map(
        (module) => `/sys/module/${module}/parameters/*`,
      ),
      "/sys/module/pcie_aspm/parameters/policy",
      "/sys/module/intel_idle/parameters/max_cstate",
      "/sys/module/processor/parameters/max_cstate",
      "/etc/tuned/active_profile",
    ],
  },
  parse: (answer) => {
    const shared: Record<string, string> = {};
    const perCpu = new Map<string, Map<string, number[]>>();
    for (const [path, lines] of filesOf(answer)) {
      const value = lines
        // What systemd may run on is what everything that it starts begins with.
        .filter((line) => path !== FIRST_PROCESS || line.startsWith("Cpus_allowed_list:"))
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .join("; ");
      // Control groups come and go with their first use: one without a limit is like none.
      if (value === "") continue;
      const [, folder, cpu, rest] = EACH_CPU.exec(path) ?? [];
      if (cpu === undefined) {
        shared[path] = value;
        continue;
      }
      const file = `${folder}*${rest}`;
      const values = perCpu.get(file) ?? new Map<string, number[]>();
      perCpu.set(file, values.set(value, [...(values.get(value) ?? []), Number(cpu)]));
    }
    return {
      ...shared,
      ...Object.fromEntries([...perCpu].map(([file, values]) => [file, byCpus(values)])),
    };
  },
};

/** `performance`, or `0-1: powersave, 2-15: performance`. */
function byCpus(values: ReadonlyMap<string, readonly number[]>): string {
  const groups = [...values].map(([value, cpus]) => ({ value, cpus: CpuSet.of(cpus) }));
  if (groups.length === 1) return groups[0]?.value ?? "";
  return groups
    .sort((a, b) => (a.cpus.first ?? 0) - (b.cpus.first ?? 0))
    .map(({ value, cpus }) => `${cpus}: ${value}`)
    .join(", ");
}

/**
 * The longest time, in µs, that any CPU may take to leave an idle state, as all holders of /dev/cpu_dma_latency together ask: tuned and cyclictest hold it open.
 * 2000000000 where nobody asks; undefined without that device or the right to read it.
 */
export const idleLatencyLimit: Probe<number | undefined> = {
  name: "idle-latency-limit",
  ask: { kind: "command", argv: ["od", "-A", "n", "-t", "d4", "-N", "4", "/dev/cpu_dma_latency"] },
  parse: ({ stdout }) => (/^\s*-?\d+\s*$/.test(stdout) ? Number(stdout) : undefined),
};
