import { hypervisor, leftOutEverywhere, leftOutOnHosts, lowLatency, setting } from "./low-latency.ts";
import type { Isolation, TunableMachine, TuningProfile } from "./profile.ts";

/**
 * A host of poll-mode switches and guests, on an ordinary kernel: what tuned's cpu-partitioning is for. Isolated CPUs are out of the load balancer as
 * well, since everything that a lab puts there is pinned and no daemon moves the rest away.
 *
 * @throws InputError `tuning-profile`: no CPU is isolated, none is left to the system, or one is both
 * @example
 * const isolation = { housekeeping: CpuSet.parse(plan.housekeeping), isolated: CpuSet.parse(plan.isolated) };
 * bootArgumentsOf(nfv(isolation, { vendor: "intel" })).nohzFull; // "2-9"
 */
export function nfv(isolation: Isolation, machine: TunableMachine): TuningProfile {
  const common = lowLatency(isolation, machine, "tuned cpu-partitioning");
  const host = hypervisor(machine);
  return {
    name: "nfv",
    summary: "CPUs for poll-mode threads and vCPUs that the system keeps off",
    settings: {
      ...common,
      bootArguments: { ...common.bootArguments, ...host.bootArguments },
      memory: { ...common.memory, ...host.memory },
      processor: host.processor,
      systemd: {
        cpuAffinity: setting(
          isolation.housekeeping.format(),
          "tuned cpu-partitioning [systemd]",
          "daemons and sessions start on housekeeping CPUs, and stay",
        ),
      },
      kvm: host.kvm,
    },
    leftOut: [...leftOutEverywhere, ...leftOutOnHosts],
    overridden: [],
  };
}
