import { asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { listed } from "../sentence.ts";

/**
 * Nobody else runs on the CPUs that this stack has leased: the lease stands, and no process is there but guests, containers, the switch and what this SDK
 * started.
 *
 * A lease keeps stacks apart, not people: whoever is logged in may pin a process anywhere, and on an isolated CPU nothing moves it away again. It takes half of
 * what a poll-mode thread or a vCPU has, for as long as it lives.
 *
 * Look at the processes that the message names and end them, or move them with `taskset`; then `pulumi refresh`. A lease that does not stand is renewed by `pulumi up`.
 *
 * @severity high
 * @see https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
 */
export const leasedCpusAlone = labPolicy({
  name: "leased-cpus-alone",
  description: "Nobody else runs on the CPUs that this stack has leased.",
  severity: "high",
  checks: ["P21"],
  remediationSteps: "End the processes that are named or move them, then pulumi refresh.",
  url: "https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html",
  notApplicable: ({ resources }) =>
    ofType(resources, "host:Lease").length === 0 ? "this stack has no lease" : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether its CPUs are this stack's alone");
    for (const lease of ofType(resources, "host:Lease")) {
      const strangers = ask
        .positions(lease, "strangers")
        .flatMap((index) => ask.text(lease, "strangers", index) ?? []);
      if (strangers.length > 0)
        findings.violation(
          `${listed(strangers)} ${strangers.length === 1 ? "runs" : "run"} where ${lease.name} has leased the CPUs (strangers of ` +
            `${lease.name}), expected nobody: end ${strangers.length === 1 ? "it or move it" : "them or move them"}, then pulumi refresh.`,
          lease.urn,
        );
      if (ask.flag(lease, "held") === false)
        findings.violation(
          `${lease.name} does not stand (held false), expected true: others may lease its CPUs; pulumi up renews it.`,
          lease.urn,
        );
    }
  },
});
