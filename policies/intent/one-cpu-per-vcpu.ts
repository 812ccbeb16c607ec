import { CpuSet } from "../../sdk/units/cpuset.ts";
import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { titleOf } from "../property.ts";
import { property } from "../sentence.ts";

/**
 * Each vCPU is pinned to exactly one CPU.
 *
 * The kernel balances no load among isolated CPUs: a vCPU with several to choose from stays on the first, with every other one that has the same
 * list. The pin that looks generous is a CPU shared.
 *
 * Change `vcpuPins` of the domain.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html (isolcpus)
 */
export const oneCpuPerVcpu = labPolicy({
  name: "one-cpu-per-vcpu",
  description: "Each vCPU is pinned to exactly one CPU.",
  severity: "high",
  checks: ["P07"],
  remediationSteps: "Name one CPU in each element of vcpuPins.",
  url: "https://docs.kernel.org/admin-guide/kernel-parameters.html",
  notApplicable: ({ resources }) =>
    ofType(resources, "libvirt:Domain").length === 0 ? "this stack has no guest" : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether each vCPU has one CPU");
    for (const domain of ofType(resources, "libvirt:Domain")) {
      for (const index of ask.positions(domain, "vcpuPins")) {
        const path = ["vcpuPins", index];
        const list = ask.text(domain, ...path);
        const count = list === undefined ? 1 : CpuSet.parse(list).size;
        if (list === undefined || count === 1) continue;
        findings.violation(
          `vCPU ${index} of ${titleOf(domain)} (${property(where(domain, path), list)}) may run on ${count} CPUs, expected one: ` +
            "isolated CPUs are not load-balanced, so pin it to one of them.",
          domain.urn,
        );
      }
    }
  },
});
