import type { PolicyResource } from "@pulumi/policy";
import { labPolicy } from "../lab-policy.ts";
import { text } from "../property.ts";
import type { InForceAt } from "../records.ts";
import { judgeRecords, noTimedRecord } from "../tuned-machines.ts";

/** Options of Open vSwitch as its database has them, and what each does to what passes. */
const OPTIONS: readonly (readonly [key: string, isSteady: (value: string) => boolean, effect: string])[] = [
  ["pmd-auto-lb", (value) => value !== "true", "moved queues between threads"],
  ["pmd-sleep-max", isZero, "let poll-mode threads sleep"],
  ["pmd-maxsleep", isZero, "let poll-mode threads sleep"],
  ["tx-flush-interval", isZero, "had packets wait"],
];

/**
 * When something was measured, the switch of the machine that forwards neither balanced its load, nor slept, nor had packets wait, whoever had set it to.
 *
 * The program says what this stack sets, and `switch-steady` judges that. What somebody else set in the switch's database counts as much, and is in the
 * numbers; the record shows what was there. A host that this stack does not tune is advised only.
 *
 * Take the option out of `Open_vSwitch.other_config`, or set `autoLoadBalance`, `pmdSleepMax` and `txFlushInterval` of the daemon; then measure again.
 *
 * @severity medium
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/
 */
export const switchSteadyWhileMeasured = labPolicy({
  name: "switch-steady-while-measured",
  description: "When something was measured, the switch neither balanced, slept nor had packets wait.",
  severity: "medium",
  checks: ["P33"],
  remediationSteps: "Take the option out of Open_vSwitch.other_config, and measure again.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/",
  notApplicable: noTimedRecord,
  judge: (lab, findings) =>
    judgeRecords(lab, findings, (benchmark, _, inForce) =>
      OPTIONS.flatMap(([key, isSteady, effect]) => {
        const value = optionOf(benchmark, inForce, key);
        return value === undefined || isSteady(value)
          ? []
          : [`${key} ${JSON.stringify(value)} of its switch ${effect}, expected it off`];
      }),
    ),
});

/** `0`, and of each CPU as well: `0,2:0`. */
function isZero(value: string): boolean {
  return value.split(",").every((part) => Number(part.split(":").at(-1)) === 0);
}

function optionOf(benchmark: PolicyResource, inForce: InForceAt, key: string): string | undefined {
  const value = text(benchmark, ...inForce, "switchOptions", key);
  return typeof value === "string" ? value : undefined;
}
