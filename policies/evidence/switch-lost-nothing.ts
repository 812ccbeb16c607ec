import type { PolicyResource } from "@pulumi/policy";
import { labPolicy } from "../lab-policy.ts";
import { number } from "../property.ts";
import { listed } from "../sentence.ts";
import { noSwitchWatched, type SwitchPath, switchPaths, told } from "../switch-activity.ts";
import { judgeRecords } from "../tuned-machines.ts";

/**
 * While latency was measured, or a load that was carried, the switch dropped no packet: no upcall was lost, no guest's queue was full, no card's receive queue ran over.
 *
 * A frame that the switch drops and that nobody misses, since it was not the generator's, is still one that a queue had no room for: latency beside it is that of an overload.
 * Loads that a search found too high drop packets by their nature, and are not judged.
 *
 * Give the switch more poll-mode threads, the guest more queues or vCPUs, or ask for less; `ovs-appctl dpif-netdev/pmd-perf-show` tells which.
 *
 * @severity high
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/bridge/ (extended and custom statistics) and https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/
 */
export const switchLostNothing = labPolicy({
  name: "switch-lost-nothing",
  description: "While a load that it carried was measured, the switch dropped no packet and lost no upcall.",
  severity: "high",
  checks: ["M14"],
  remediationSteps: "Give the switch more threads, or the guest more queues, and measure again.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/bridge/",
  notApplicable: noSwitchWatched,
  judge: (lab, findings) =>
    judgeRecords(lab, findings, (benchmark) =>
      switchPaths(benchmark, findings).flatMap(({ path, during }) => {
        const lost = lossOf(benchmark, path);
        return lost.length === 0
          ? []
          : [`its switch dropped packets${during}: ${listed(lost)}, expected none`];
      }),
    ),
});

function lossOf(benchmark: PolicyResource, path: SwitchPath): string[] {
  const upcalls = number(benchmark, ...path, "lostUpcalls");
  return [
    ...(typeof upcalls === "number" && upcalls > 0 ? [`${upcalls} lost upcalls`] : []),
    ...told(benchmark, path, "drops").map(([counter, count]) => `${count} ${counter}`),
  ];
}
