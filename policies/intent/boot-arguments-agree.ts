import { asking } from "../ask.ts";
import { bootLists } from "../boot-lists.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { property } from "../sentence.ts";

const ISOLATING = ["isolcpus", "nohz_full", "rcu_nocbs"];

/**
 * The boot arguments isolate exactly the CPUs that the host calls isolated: `isolcpus`, `nohz_full` and `rcu_nocbs` name the same list, or aren't there.
 *
 * Every placement of this stack is held against the declared list, so a CPU that is on it and not on the boot line is measured with the system's work
 * on it, and one that is only on the boot line idles. With lists that differ a CPU is isolated by halves: without load balancing but with a tick.
 *
 * Change `isolcpus`, `nohzFull` or `rcuNocbs` of the boot arguments, or `cpus.isolated` of the TunedHost.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html (isolcpus, nohz_full, rcu_nocbs)
 */
export const bootArgumentsAgree = labPolicy({
  name: "boot-arguments-agree",
  description: "The boot arguments isolate exactly the CPUs that the host calls isolated.",
  severity: "high",
  checks: ["P41"],
  concerns: ["components:TunedHost", "host:BootArguments"],
  remediationSteps: "Give isolcpus, nohzFull and rcuNocbs the isolated list of the host.",
  url: "https://docs.kernel.org/admin-guide/kernel-parameters.html",
  notApplicable: ({ machines }) =>
    machines.every(
      ({ members, server }) => ofType(members, "host:BootArguments").length === 0 && server === undefined,
    )
      ? "this stack sets no boot arguments"
      : undefined,
  judge: ({ machines }, findings) => {
    const ask = asking(findings, "whether the boot line isolates the same CPUs");
    for (const { name, claims, gaps, members, server } of machines) {
      const isolated = claims.find(({ role }) => role === "isolated");
      const lists = bootLists(members, server, ask).filter(({ argument }) => ISOLATING.includes(argument));
      for (const gap of gaps.filter(({ property }) => /^cpus\b(?!.*housekeeping)/.test(property)))
        if (lists.length > 0)
          findings.pending(
            `${gap.property} of ${gap.resource}`,
            "whether the boot line isolates the same CPUs",
            gap.urn,
          );
      if (isolated === undefined) continue;
      for (const list of lists) {
        if (list.cpus.equals(isolated.cpus)) continue;
        findings.violation(
          `${list.argument} of ${name} is ${list.cpus.format() || "empty"} (${list.property} of ${list.resource}), expected ${isolated.cpus.format() || "none"}, ` +
            `${isolated.holder} (${property(isolated, isolated.written)}): change one of the two.`,
          list.urn,
        );
      }
    }
  },
});
