import { labPolicy } from "../lab-policy.ts";
import { noSwitchWatched, switchPaths, told } from "../switch-activity.ts";
import { judgeRecords } from "../tuned-machines.ts";

const MOST = 0.95;

/**
 * At the highest load that lost nothing, no poll-mode thread is busy for more than 95 % of its time.
 *
 * A thread without room to spare loses packets at the next interrupt, cache miss or flow that is new: a throughput that is found so is not found again. It is the
 * busiest thread that bounds the path; how busy each was comes from the cycles that the switch counts.
 *
 * Give the switch another CPU in `pmdCpus`, spread queues by `rxqAffinity`, or publish a throughput with that much room.
 *
 * @severity low
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/
 */
export const pollModeHeadroom = labPolicy({
  name: "poll-mode-headroom",
  description: "At the highest load that lost nothing, poll-mode threads were at most 95 % busy.",
  severity: "low",
  level: "advisory",
  checks: ["M15"],
  remediationSteps: "Give the switch another poll-mode CPU, or spread its queues, and measure again.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/",
  notApplicable: noSwitchWatched,
  judge: (lab, findings) =>
    judgeRecords(lab, findings, (benchmark) =>
      switchPaths(benchmark, findings)
        .filter(({ isHighest }) => isHighest)
        .flatMap(({ path, during }) =>
          told(benchmark, path, "busy")
            .filter(([, share]) => share > MOST)
            .map(
              ([cpu, share]) =>
                `the poll-mode thread of CPU ${cpu} was ${percent(share)} busy${during}, expected at most ${percent(MOST)}`,
            ),
        ),
    ),
});

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}
