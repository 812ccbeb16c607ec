import {
  hypervisor,
  kernelThreads,
  leftOutEverywhere,
  leftOutOnHosts,
  lowLatency,
  noThrottling,
} from "./low-latency.ts";
import type { Isolation, TunableMachine, TuningProfile } from "./profile.ts";

/**
 * A host of guests with deadlines, on a real-time kernel: what tuned's realtime-virtual-host is for.
 *
 * @param machine real-time unless it says otherwise
 * @throws InputError `tuning-profile`: no CPU is isolated, none is left to the system, or one is both
 * @example settingsOf(realtime(isolation, { vendor: "intel" })).kernelThreads["rcuc"]; // { policy: "fifo", priority: 4 }
 */
export function realtime(isolation: Isolation, machine: TunableMachine): TuningProfile {
  const common = lowLatency(isolation, { realTimeKernel: true, ...machine }, "tuned realtime-virtual-host");
  const host = hypervisor(machine);
  return {
    name: "realtime",
    summary: "CPUs for vCPUs with deadlines, on a real-time kernel",
    settings: {
      ...common,
      bootArguments: { ...common.bootArguments, ...host.bootArguments },
      sysctls: { ...common.sysctls, "kernel.sched_rt_runtime_us": noThrottling("tuned realtime") },
      memory: { ...common.memory, ...host.memory },
      processor: host.processor,
      kvm: host.kvm,
      kernelThreads: kernelThreads("tuned realtime-virtual-host"),
    },
    leftOut: [
      ...leftOutEverywhere,
      ...leftOutOnHosts,
      {
        what: "a priority for ktimersoftd",
        source: "tuned realtime-virtual-host [scheduler]",
        reason: "real-time kernels no longer have that thread; ktimers took its place",
      },
      {
        what: "channels=combined, as many as housekeeping CPUs",
        source: "tuned realtime [net]",
        reason: "queues belong to a NIC, and are set where it is declared",
      },
    ],
    overridden: [],
  };
}
