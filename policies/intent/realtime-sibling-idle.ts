import { asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { isRealtime, pinsOf, realtimeVcpus } from "../realtime.ts";
import { cited } from "../sentence.ts";

/**
 * The sibling of a CPU whose vCPU runs in real time is idle, or there is none.
 *
 * Two threads of a core take turns at its units: what runs on the sibling, though it be the same guest's, is in the worst case of the other.
 *
 * Change `vcpuPins` so that one thread of each core is used, or switch simultaneous multithreading off (`nosmt`).
 *
 * @severity low
 * @see https://docs.kernel.org/admin-guide/hw-vuln/core-scheduling.html
 */
export const realtimeSiblingIdle = labPolicy({
  name: "realtime-sibling-idle",
  description: "The sibling of a CPU whose vCPU runs in real time is idle.",
  severity: "low",
  checks: ["P06"],
  level: "advisory",
  concerns: ["components:TunedHost", "ovs:Daemon", "libvirt:Domain", "traffic:Forwarder", "lxc:Container"],
  remediationSteps: "Use one thread of each core for vCPUs in real time.",
  url: "https://docs.kernel.org/admin-guide/hw-vuln/core-scheduling.html",
  notApplicable: ({ machines }) =>
    machines.every(({ guests }) => !guests.some(isRealtime))
      ? "no guest of this stack runs in real time"
      : undefined,
  judge: ({ machines }, findings) => {
    const undecided = "whether its sibling is idle";
    const ask = asking(findings, undecided);
    for (const { guests, topology, claims, name } of machines) {
      for (const guest of guests.filter(isRealtime)) {
        const numbers = realtimeVcpus(guest, ask);
        for (const pin of numbers === undefined ? [] : pinsOf(guest, numbers)) {
          if (topology === undefined) {
            findings.pending(`which CPUs of ${name} are threads of one core`, undecided, pin.urn);
            continue;
          }
          const siblings = [...pin.cpus].flatMap((cpu) => [...(topology.siblingsOf(cpu) ?? [])]);
          const busy = claims.find(
            (claim) =>
              claim.role !== "isolated" &&
              claim.property !== pin.property &&
              siblings.some((cpu) => !pin.cpus.has(cpu) && claim.cpus.has(cpu)),
          );
          if (busy === undefined) continue;
          findings.violation(
            `${cited(pin)} runs in real time, and the other thread of its core (${topology.source}) belongs to ${cited(busy)}, expected it idle: ` +
              "pin one of the two elsewhere.",
            pin.urn,
          );
        }
      }
    }
  },
});
