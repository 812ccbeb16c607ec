import { type TrafficRun, trialFaults } from "../traffic.ts";
import type { Trial, TrialResult } from "./search.ts";

/**
 * What the traffic program counted in one trial, for the search that asked for it. Frames of both directions are added: a load that one direction can't
 * carry is not carried. A generator that fell behind makes the trial worth nothing, it does not make the device slow; a port that refuses frames does, and
 * what it took when the time was over came too late.
 */
export function trialResultOf(trial: Trial, run: TrafficRun): TrialResult {
  const total = (count: (stream: TrafficRun["streams"][number]) => number) =>
    run.streams.reduce((sum, stream) => sum + count(stream), 0);
  return {
    ...trial,
    intended: total(({ planned }) => planned),
    received: total(({ sent, sentInTime = sent, refused, received }) =>
      Math.max(0, received - (refused > 0 ? sent - sentInTime : 0)),
    ),
    faults: trialFaults(run, trial.loadPps),
  };
}
