import {
  checkIsolation,
  type Isolation,
  type LeftOut,
  type RecordedSettings,
  type Setting,
  type TunableMachine,
} from "./profile.ts";

/** A value with its source and its reason. */
export const setting = <T>(value: T, source: string, reason: string): Setting<T> => ({
  value,
  source,
  reason,
});

const LATENCY = "tuned latency-performance";
const NETWORK = "tuned network-latency";
const REALTIME = "tuned realtime";
const REALTIME_HOST = "tuned realtime-virtual-host";
const PARTITIONING = "tuned cpu-partitioning";

/**
 * What hosts and guests have in common: measured CPUs without ticks, callbacks, interrupts and balancing, and memory that nobody moves.
 *
 * @param profile of tuned's that is meant for such a machine
 * @throws InputError `tuning-profile`: no CPU is isolated, none is left to the system, or one is both
 */
export function lowLatency(
  isolation: Isolation,
  machine: TunableMachine,
  profile: `tuned ${string}`,
): RecordedSettings {
  checkIsolation(isolation);
  const [isolated, housekeeping] = [isolation.isolated.format(), isolation.housekeeping.format()];
  return {
    bootArguments: {
      isolcpus: setting(
        { cpus: isolated, flags: ["domain", "managed_irq"] },
        `${REALTIME} [bootloader]`,
        "no load balancing, and no managed interrupts where a queue's mask has another CPU",
      ),
      nohzFull: setting(isolated, `${profile} [bootloader]`, "no tick while one thread runs alone"),
      rcuNocbs: setting(isolated, `${profile} [bootloader]`, "RCU's callbacks run on housekeeping CPUs"),
      irqaffinity: setting(
        housekeeping,
        `${profile === PARTITIONING ? REALTIME_HOST : profile} [bootloader]`,
        "new interrupts go to housekeeping CPUs",
      ),
      nosoftlockup: setting(true, `${REALTIME} [bootloader]`, "a thread that polls for hours is no lockup"),
      tsc: setting(
        "reliable",
        `${NETWORK} [bootloader]`,
        "no watchdog timer that wakes every CPU to compare clocks",
      ),
      skewTick: setting(true, `${NETWORK} [bootloader]`, "ticks of many CPUs don't meet on one lock"),
      nohz: setting(true, `${profile} [bootloader]`, "no tick on idle CPUs"),
      rcuNormalAfterBoot: setting(
        true,
        `${NETWORK} [bootloader]`,
        "no expedited grace periods, which interrupt all CPUs",
      ),
      nohzFullPatienceDelay: setting(
        1000,
        `${NETWORK} [bootloader]`,
        "RCU waits 1000 ms before it disturbs a CPU without a tick; newer kernels",
      ),
    },
    extraBootArguments: {},
    unlistedBootArguments: {},
    sysctls: {
      // A real-time kernel cannot balance NUMA, and has no such key.
      ...(machine.realTimeKernel !== true && {
        "kernel.numa_balancing": setting(
          0,
          `${NETWORK} [sysctl]`,
          "no faults that sample where memory is used",
        ),
      }),
      "kernel.hung_task_timeout_secs": setting(
        600,
        `${NETWORK} [sysctl]`,
        "threads that starve for minutes raise no alarm",
      ),
      "kernel.nmi_watchdog": setting(
        0,
        `${NETWORK} [sysctl]`,
        "no performance counter that interrupts each CPU",
      ),
      "kernel.timer_migration": setting(
        0,
        `${NETWORK} [sysctl]`,
        "timers of idle CPUs don't move to those that poll",
      ),
      "vm.stat_interval": setting(
        10,
        `${NETWORK} [sysctl]`,
        "a tenth of the kernel workers that fold statistics of memory",
      ),
      "vm.swappiness": setting(10, `${LATENCY} [sysctl]`, "processes stay in memory"),
      "vm.dirty_ratio": setting(10, `${LATENCY} [vm] dirty_bytes`, "no bursts of writeback"),
      "vm.dirty_background_ratio": setting(
        3,
        `${LATENCY} [vm] dirty_background_bytes`,
        "writeback begins early",
      ),
    },
    memory: {
      transparentHugepages: setting(
        "never",
        `${NETWORK} [vm]`,
        "nobody compacts memory under a running thread",
      ),
    },
    processor: {},
    interrupts: {
      defaultCpus: setting(housekeeping, `${REALTIME} [scheduler]`, "irqaffinity before the next boot"),
      unbalancedCpus: setting(isolated, `${REALTIME} [irqbalance]`, "irqbalance brings no interrupt back"),
    },
    kernel: {
      workqueueCpus: setting(
        housekeeping,
        `${REALTIME} [sysfs]`,
        "unbound kernel workers stay on housekeeping CPUs",
      ),
      ignoreCorrectedErrors: setting(true, `${REALTIME} [sysfs]`, "no polling for corrected memory errors"),
    },
    systemd: {},
    kvm: {},
    kernelThreads: {},
  };
}

/** What only a machine with hardware under it has: frequencies, idle states, the parameters of KVM, merged pages. */
export function hypervisor({ vendor }: TunableMachine): Pick<RecordedSettings, "processor" | "kvm"> & {
  readonly bootArguments: Pick<RecordedSettings["bootArguments"], "intelPstate" | "amdPstate">;
  readonly memory: Pick<RecordedSettings["memory"], "ksm">;
} {
  const pstate = (driver: string) =>
    setting(
      "disable" as const,
      `${REALTIME} [variables] disable_pstate`,
      `no ${driver} that moves frequencies by itself`,
    );
  return {
    bootArguments: {
      ...(vendor === "intel" && { intelPstate: pstate("intel_pstate") }),
      ...(vendor === "amd" && { amdPstate: pstate("amd_pstate") }),
    },
    memory: {
      ksm: setting(false, `${REALTIME_HOST} [sysfs]`, "no guest waits for a merged page to be copied"),
    },
    processor: {
      governor: setting("performance", `${LATENCY} [cpu]`, "no CPU clocks down between packets"),
      turbo: setting(
        false,
        "KVM4NFV tuning guide",
        "clocks that don't follow load and heat: one run is like the next",
      ),
      ...(vendor === "intel" && {
        energyPerfBias: setting(0, `${LATENCY} [cpu]`, "the processor itself doesn't trade speed for power"),
      }),
      idleBound: setting(
        [{ state: 1, unlessZero: true }, { microseconds: 3 }],
        `${LATENCY} [cpu]`,
        "no idle state deeper than the first, so none that takes long to leave",
      ),
    },
    kvm: {
      "kvm.kvmclock_periodic_sync": setting(
        0,
        `${REALTIME_HOST} script`,
        "no wake-up every 300 s; guests keep time by tsc",
      ),
      ...(vendor === "intel" && {
        "kvm_intel.ple_gap": setting(
          0,
          `${REALTIME_HOST} script`,
          "no exit for a vCPU that spins: each has a CPU of its own",
        ),
      }),
    },
  };
}

/** Priorities of the kernel's own threads on a real-time kernel, above a measured thread's helpers and below the measured thread. */
export function kernelThreads(profile: string): RecordedSettings["kernelThreads"] {
  const thread = (priority: number, reason: string) =>
    setting({ policy: "fifo" as const, priority }, `${profile} [scheduler]`, reason);
  return {
    ksoftirqd: thread(2, "soft interrupts run before what is not real-time"),
    ktimers: thread(2, "so do timers, which have a thread of their own there"),
    rcub: thread(4, "readers that RCU waits for are boosted over both"),
    rcuc: thread(4, "callbacks of RCU run over both, so grace periods end"),
  };
}

export const noThrottling = (profile: string) =>
  setting(-1, `${profile} [sysctl]`, "a real-time thread is not stopped for 50 ms of each second");

/** What the sources do on any machine, and no profile here. */
export const leftOutEverywhere: readonly LeftOut[] = [
  {
    what: "net.core.busy_read=50, net.core.busy_poll=50",
    source: `${NETWORK} [sysctl]`,
    reason: "sockets of the kernel poll with them: a data path of DPDK has none, and housekeeping CPUs pay",
  },
  {
    what: "net.ipv4.tcp_fastopen=3",
    source: `${NETWORK} [sysctl]`,
    reason: "how TCP shakes hands has no part in what is measured",
  },
  {
    what: "avc_cache_threshold=8192",
    source: `${NETWORK} [selinux]`,
    reason: "SELinux's cache has no part in what is measured",
  },
  {
    what: "a socket with time stamps, held open",
    source: `${NETWORK} [rtentsk]`,
    reason: "it counts only while a daemon holds it",
  },
  {
    what: "mce=off",
    source: "KVM4NFV ci/envs",
    reason:
      "uncorrectable memory errors would go unseen; kernel.ignoreCorrectedErrors stops the polling alone",
  },
  {
    what: "kernel.sched_rt_period_us=-1",
    source: "KVM4NFV ci/envs/host-setup1.sh",
    reason: "kernels refuse it or take it for a huge number; kernel.sched_rt_runtime_us=-1 was meant",
  },
];

/** What the sources do on hosts beside that. */
export const leftOutOnHosts: readonly LeftOut[] = [
  {
    what: "kvm.nx_huge_pages=0",
    source: `${PARTITIONING} and ${REALTIME_HOST} script`,
    reason: "it gives up the mitigation of iTLB multihit: for the lab's owner to decide, by override",
  },
  {
    what: "boost=1",
    source: `${LATENCY} [cpu]`,
    reason: "clocks follow load and heat; for peak figures override processor.turbo",
  },
  {
    what: "min_perf_pct=100",
    source: `${LATENCY} [cpu]`,
    reason: "intel_pstate=disable takes its file away; the governor does the same",
  },
  {
    what: "intel_pstate=disable on AMD",
    source: `${PARTITIONING} [bootloader]`,
    reason: "without effect there: amd_pstate is the driver",
  },
  {
    what: "tuned.non_isolcpus",
    source: `${PARTITIONING} [bootloader]`,
    reason: "only tuned's initrd reads it; kernel.workqueueCpus sets the mask",
  },
  {
    what: "idle=poll",
    source: "KVM4NFV ci/envs",
    reason: "it takes half of each core from its sibling; processor.idleBound stops at the first state",
  },
  {
    what: "pcie_asmp=off",
    source: "KVM4NFV low-latency guide",
    reason: "a typo that kernels ignore; bootArguments.pcieAspm was meant",
  },
];
