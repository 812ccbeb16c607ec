import type { CpuClaim, CpuRole } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { cited } from "../sentence.ts";

const EXCLUSIVE: readonly CpuRole[] = ["pmd", "vcpu", "forwarder", "housekeeping"];

/**
 * Hardware threads of one core belong to one owner: the switch, one guest, one forwarder that polls, or housekeeping. A sibling that nobody uses is fine.
 *
 * Two threads share a core's execution units and caches: the neighbour's load shows in one's latency, and speculation lets one read what the
 * other works on (L1TF, MDS).
 *
 * Change `pmdCpus`, `vcpuPins`, `cpus.housekeeping`, or switch simultaneous multithreading off.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/hw-vuln/core-scheduling.html
 */
export const oneOwnerPerCore = labPolicy({
  name: "one-owner-per-core",
  description: "Hardware threads of one core have one owner.",
  severity: "high",
  checks: ["P05"],
  excepting: false,
  concerns: ["components:TunedHost", "ovs:Daemon", "libvirt:Domain", "traffic:Forwarder"],
  remediationSteps: "Give both threads of a core to one owner, or leave the sibling idle.",
  url: "https://docs.kernel.org/admin-guide/hw-vuln/core-scheduling.html",
  notApplicable: ({ machines }) =>
    machines.every((machine) => exclusiveClaims(machine).length === 0)
      ? "no CPU of this stack has an exclusive role"
      : undefined,
  judge: ({ machines }, { violation, pending }) => {
    for (const machine of machines) {
      const claims = exclusiveClaims(machine);
      const [first] = claims;
      if (first === undefined) continue;
      if (machine.topology === undefined) {
        pending(
          `which CPUs of ${machine.name} are threads of one core`,
          "whether each has one owner",
          first.urn,
        );
        continue;
      }
      for (const [index, one] of claims.entries()) {
        for (const other of claims.slice(index + 1)) {
          const pair = splitCore(one, other, machine);
          if (pair === undefined) continue;
          violation(
            `CPUs ${pair.join(" and ")} of ${machine.name} are threads of one core (${machine.topology.source}), but belong to ` +
              `${cited(one)} and to ${cited(other)}: give both to one, or leave one of them idle.`,
            other.urn,
          );
        }
      }
    }
  },
});

function exclusiveClaims({ claims }: Machine): CpuClaim[] {
  return claims.filter(({ role }) => EXCLUSIVE.includes(role));
}

/** The first core whose threads two tenants share out between them. */
function splitCore(one: CpuClaim, other: CpuClaim, { topology }: Machine): [number, number] | undefined {
  if (one.tenant === other.tenant) return undefined;
  for (const cpu of one.cpus) {
    const sibling = topology?.siblingsOf(cpu)?.intersect(other.cpus).minus(one.cpus).first;
    if (sibling !== undefined) return [cpu, sibling];
  }
  return undefined;
}
