import { kernelThreads, leftOutEverywhere, lowLatency, noThrottling } from "./low-latency.ts";
import type { Isolation, TunableMachine, TuningProfile } from "./profile.ts";

/**
 * A guest with deadlines, on a real-time kernel: what tuned's realtime-virtual-guest is for. CPUs are the guest's own: vCPU 0 is for housekeeping,
 * and takes the interrupts of its NICs.
 *
 * @param machine real-time unless it says otherwise; the vendor plays no part, as a guest has no frequencies
 * @throws InputError `tuning-profile`: no CPU is isolated, none is left to the system, or one is both
 * @example realtimeGuest({ housekeeping: CpuSet.parse("0"), isolated: CpuSet.parse("1") }, { vendor: "intel" });
 */
export function realtimeGuest(isolation: Isolation, machine: TunableMachine): TuningProfile {
  const common = lowLatency(isolation, { realTimeKernel: true, ...machine }, "tuned realtime-virtual-guest");
  return {
    name: "realtime-guest",
    summary: "vCPUs with deadlines, in a guest with a real-time kernel",
    settings: {
      ...common,
      sysctls: { ...common.sysctls, "kernel.sched_rt_runtime_us": noThrottling("tuned realtime") },
      kernelThreads: kernelThreads("tuned realtime-virtual-guest"),
    },
    leftOut: [
      ...leftOutEverywhere,
      {
        what: "intel_pstate=disable, amd_pstate=disable, governor, boost, force_latency",
        source: "tuned realtime and latency-performance",
        reason: "frequencies and idle states are the host's",
      },
      {
        what: "idle=poll",
        source: "KVM4NFV low-latency guide",
        reason: "a vCPU that polls takes its host's CPU whole; cpuidle-haltpoll stops short of that",
      },
    ],
    overridden: [],
  };
}
