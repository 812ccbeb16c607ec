import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { labPolicy } from "../lab-policy.ts";
import { number, text, UNKNOWN } from "../property.ts";
import { isTimed, measurementsOf, ownOf } from "../records.ts";
import { judgeRecords } from "../tuned-machines.ts";

const MOST_A_MINUTE = 1;

/**
 * While something was measured, the firmware took the processor away at most once a minute.
 *
 * A system management interrupt stops every CPU for tens to hundreds of microseconds, past the kernel and past every trace; a short run without one says nothing of the next. The
 * count is that of Intel's processors (MSR_SMI_COUNT), which each CPU keeps; where the module msr is not loaded, nothing is judged.
 *
 * Set the firmware up for low latency: no USB legacy support, no error thresholding by the firmware, no power capping; hwlatdetect tells how long they are.
 *
 * @severity medium
 * @see https://wiki.linuxfoundation.org/realtime/documentation/howto/debugging/smi-latency/smi
 */
export const fewManagementInterrupts = labPolicy({
  name: "few-management-interrupts",
  description: "While something was measured, system management interrupts came at most once a minute.",
  severity: "medium",
  checks: ["M24"],
  remediationSteps: "Set the firmware up for low latency, and measure again.",
  url: "https://wiki.linuxfoundation.org/realtime/documentation/howto/debugging/smi-latency/smi",
  notApplicable: (lab) =>
    measurementsOf(lab).some(({ benchmark }) => isTimed(benchmark) && countOf(benchmark) !== undefined)
      ? undefined
      : "this stack has no record that counts system management interrupts",
  judge: (lab, findings) =>
    judgeRecords(
      lab,
      findings,
      (benchmark) => {
        const count = countOf(benchmark);
        if (count === UNKNOWN)
          findings.pending(
            `record.disturbances of ${benchmark.name}`,
            "how often the firmware took the processor",
            benchmark.urn,
          );
        const rate = typeof count === "number" ? rateOf(benchmark, count) : undefined;
        return rate === undefined || rate <= MOST_A_MINUTE
          ? []
          : [
              `system management interrupts came ${Number(rate.toFixed(1))} times a minute on each CPU, expected at most ${MOST_A_MINUTE}`,
            ];
      },
      ownOf,
    ),
});

function countOf(benchmark: PolicyResource) {
  return number(benchmark, "record", "disturbances", "managementInterrupts");
}

/** Every CPU counts each of them; a run of less than a minute counts as one. */
function rateOf(benchmark: PolicyResource, count: number): number | undefined {
  const online = text(benchmark, "record", "fingerprint", "onlineCpus");
  const durationMs = number(benchmark, "record", "durationMs");
  if (typeof online !== "string" || typeof durationMs !== "number") return undefined;
  return count / CpuSet.parse(online).size / Math.max(1, durationMs / 60_000);
}
