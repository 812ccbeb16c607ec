import type { PolicyResource } from "@pulumi/policy";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { flag, positions, text, UNKNOWN } from "../property.ts";
import { noTimedRecord, recordsByMachine, sayUnmeasured } from "../tuned-machines.ts";

const LISTS = [
  ["host:BootArguments", "boot arguments"],
  ["host:ModuleParameters", "parameters of a module"],
] as const;

const FLAGS = [
  ["host:RealtimeKernel", "running", true, "the real-time kernel does not run"],
  ["host:Reboot", "rolledBack", false, "the machine came back by the entry before"],
  ["host:Reboot", "verified", true, "not every boot argument is in force"],
] as const;

/**
 * Where something was measured, nothing waits for a reboot: on no machine that took part.
 *
 * A machine with boot arguments that are configured and not in force is two machines: what was declared, and what ran. The record is of the second.
 *
 * Reboot the machine (`reboot: { allow: true }` of the TunedHost), and measure again.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html
 */
export const nothingPending = labPolicy({
  name: "nothing-pending",
  description: "Where something was measured, nothing waits for a reboot.",
  severity: "high",
  checks: ["P42"],
  concerns: ["host:BootArguments", "host:ModuleParameters", "host:RealtimeKernel", "host:Reboot"],
  remediationSteps: "Allow the reboot, and measure again after it.",
  url: "https://docs.kernel.org/admin-guide/kernel-parameters.html",
  notApplicable: noTimedRecord,
  judge: (lab, findings) => {
    const { violation, pending } = findings;
    sayUnmeasured(lab.unplaced, findings);
    for (const { machine, records } of recordsByMachine(lab, ({ parts }) => parts, findings)) {
      const { members, name } = machine;
      const measured = records.map(({ benchmark }) => benchmark.name);
      const late = `${measured.join(", ")} measured ${name} meanwhile: reboot it, and measure again`;
      for (const [type, what] of LISTS) {
        for (const resource of ofType(members, type)) {
          const waiting = textsIn(resource, "pending");
          if (waiting === UNKNOWN)
            pending(`pending of ${resource.name}`, "whether a reboot is due", resource.urn);
          else if (waiting.length > 0) {
            violation(
              `${what} of ${resource.name} wait for a reboot (${waiting.join(" ")}), expected none; ${late}.`,
              resource.urn,
            );
          }
        }
      }
      for (const [type, property, expected, what] of FLAGS) {
        for (const resource of ofType(members, type)) {
          const value = flag(resource, property);
          if (value === UNKNOWN)
            pending(`${property} of ${resource.name}`, "whether a reboot is due", resource.urn);
          else if (value !== undefined && value !== expected)
            violation(
              `${what} (${property} ${value} of ${resource.name}), expected ${expected}; ${late}.`,
              resource.urn,
            );
        }
      }
    }
  },
});

function textsIn(resource: PolicyResource, list: string): readonly string[] | typeof UNKNOWN {
  const indexes = positions(resource, list);
  if (indexes === UNKNOWN) return UNKNOWN;
  return (indexes ?? []).map((index) => String(text(resource, list, index)));
}
