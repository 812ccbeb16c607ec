import { type TrafficRun, trialFaults } from "../traffic.ts";
import type { Trial, TrialResult } from "./search.ts";

/**
 * What the traffic program counted in one trial, for the search that asked for it. Frames of both directions are added: a load that one direction can't
 * carry is not carried. A generator that fell behind makes the trial worth nothing, it does not make the device slow; a port that refuses frames does.
 */
export function trialResultOf(trial: Trial, run: TrafficRun): TrialResult {
  const total = (count: "planned" | "received") =>
    run.streams.reduce((sum, stream) => sum + stream[count], 0);
  return {
    ...trial,
    intended: total("planned"),
    received: total("received"),
    faults: trialFaults(run, trial.loadPps),
  };
}
