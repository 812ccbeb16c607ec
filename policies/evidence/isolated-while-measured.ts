import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { asking } from "../ask.ts";
import { bootLists } from "../boot-lists.ts";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { type Path, text } from "../property.ts";
import { subjectsOf } from "../records.ts";
import { property } from "../sentence.ts";
import { judgeRecords, noTimedRecord, recordsByMachine } from "../tuned-machines.ts";

/**
 * When something was measured, the kernel had the CPUs isolated that the host calls isolated, and no tick on those of `nohzFull`.
 *
 * The kernel drops a list that it can't make out with a line in its log, and `isolcpus` with another flag than `domain` alone isolates nothing. What the
 * record shows of the machine that forwards, or runs the guest, is what its kernel said of itself. A host that this stack does not tune is advised only.
 *
 * Change the boot arguments, let the reboot happen, and measure again.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html (isolcpus, nohz_full)
 */
export const isolatedWhileMeasured = labPolicy({
  name: "isolated-while-measured",
  description: "When something was measured, the CPUs were isolated that the host calls isolated.",
  severity: "high",
  checks: ["P20"],
  concerns: ["components:TunedHost", "host:BootArguments"],
  remediationSteps: "Boot with the arguments that isolate them, and measure again.",
  url: "https://docs.kernel.org/admin-guide/kernel-parameters.html",
  notApplicable: noTimedRecord,
  judge: (lab, findings) => {
    const undecided = "whether they were isolated";
    const ask = asking(findings, undecided);
    for (const { machine } of recordsByMachine(lab, subjectsOf, findings))
      for (const gap of machine.gaps.filter(({ property }) => /^cpus\b(?!.*housekeeping)/.test(property)))
        findings.pending(`${gap.property} of ${gap.resource}`, undecided, gap.urn);
    judgeRecords(lab, findings, (benchmark, machine, inForce) => [
      ...compared(benchmark, [...inForce, "isolatedCpus"], "isolated", wanted(machine)),
      ...bootLists(machine.members, machine.server, ask)
        .filter(({ argument }) => argument === "nohz_full")
        .flatMap(({ cpus, property, resource }) =>
          compared(benchmark, [...inForce, "nohzFullCpus"], "without a tick", {
            cpus,
            said: `${property} of ${resource}`,
          }),
        ),
    ]);
  },
});

interface Wanted {
  readonly cpus: CpuSet;
  readonly said: string;
}

function wanted({ claims }: Machine): Wanted | undefined {
  const isolated = claims.find(({ role }) => role === "isolated");
  return isolated && { cpus: isolated.cpus, said: property(isolated, isolated.written) };
}

function compared(benchmark: PolicyResource, path: Path, what: string, list: Wanted | undefined): string[] {
  const shown = text(benchmark, ...path);
  if (list === undefined || typeof shown !== "string") return [];
  const cpus = CpuSet.parse(shown);
  if (cpus.equals(list.cpus)) return [];
  return [
    `CPUs ${what} were ${cpus.format() || "none"}, expected ${list.cpus.format() || "none"} (${list.said})`,
  ];
}
