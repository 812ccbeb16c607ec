import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { cited } from "../sentence.ts";

/**
 * CPU 0 and at least one CPU of every NUMA node keep house.
 *
 * The kernel keeps work on CPU 0 that it moves to no other, and per-node threads (kswapd, kcompactd) want a CPU of their own node: with none left
 * they wake up among the isolated. A machine without any housekeeping CPU does not come back from its next boot. An emulated server may isolate a
 * whole node, since nothing is timed on it.
 *
 * Change `cpus.housekeeping` of the TunedHost.
 *
 * @severity critical
 * @see https://docs.kernel.org/admin-guide/kernel-per-CPU-kthreads.html
 */
export const housekeepingOnEveryNode = labPolicy({
  name: "housekeeping-on-every-node",
  description: "CPU 0 and at least one CPU of every NUMA node keep house.",
  severity: "critical",
  checks: ["P02"],
  excepting: false,
  remediationSteps: "Leave the lowest core of each NUMA node, CPU 0 among them, in cpus.housekeeping.",
  url: "https://docs.kernel.org/admin-guide/kernel-per-CPU-kthreads.html",
  notApplicable: ({ machines }) =>
    machines.every((machine) => keptHouse(machine).length === 0 && gapsOf(machine).length === 0)
      ? "no host of this stack says which CPUs keep house"
      : undefined,
  judge: ({ machines }, { violation, pending }) => {
    for (const machine of machines) {
      for (const { property, resource, urn } of gapsOf(machine))
        pending(`${property} of ${resource}`, "whether CPUs are left to keep house", urn);
      for (const claim of keptHouse(machine)) {
        if (!claim.cpus.has(0)) {
          violation(
            `CPU 0 of ${machine.name} is not among ${cited(claim)}, and the kernel keeps work there that it moves to no other: add it.`,
            claim.urn,
          );
        }
        if (machine.emulated) continue;
        if (machine.topology === undefined) {
          pending(
            `the NUMA topology of ${machine.name}`,
            "whether each node keeps a CPU for itself",
            claim.urn,
          );
          continue;
        }
        const { topology } = machine;
        for (const node of topology.nodes) {
          const here = topology.cpusOf(node);
          if (here.intersect(claim.cpus).size > 0) continue;
          violation(
            `node ${node} of ${machine.name} (CPUs ${here.format()}, ${topology.source}) has none of ${cited(claim)}: leave it a core, ` +
              `for instance that of CPU ${here.first}.`,
            claim.urn,
          );
        }
      }
    }
  },
});

function keptHouse({ claims }: Machine) {
  return claims.filter(({ role }) => role === "housekeeping");
}

function gapsOf({ gaps }: Machine) {
  return gaps.filter(({ property }) => /^cpus\b.*housekeeping$|^cpus$/.test(property));
}
