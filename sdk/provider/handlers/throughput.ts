import { allOf, type Evidence } from "../../measure/evidence.ts";
import {
  leastOf,
  type SearchOutcome,
  throughputEvidence,
  throughputSearches,
} from "../../measure/throughput.ts";
import { latencyEvidence } from "../../measure/trial-evidence.ts";
import {
  checkThroughput,
  frameSizesOf,
  highestLoad,
  throughputMs,
  throughputSettings,
} from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { throughput } from "../../schema/throughput.ts";
import { type FrameSize, frameText } from "../../units/frames.ts";
import type { Handler, Operation } from "../handler.ts";
import { orInterrupted, searching, type Trials } from "../searching.ts";

type ThroughputInputs = Inputs<typeof throughput>;

export const throughputHandler: Handler<typeof throughput> = {
  definition: throughput,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    checkThroughput(inputs);
    for (const frame of frameSizesOf(inputs)) searchesOf(inputs, frame);
  },

  create: measure,
  // A measurement is history: nothing on the machine can change it. One that was interrupted is none yet.
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended, byFrame }) =>
    ended === "complete" ? { record, ended, byFrame } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: ThroughputInputs): Promise<Outputs<typeof throughput>> {
  return orInterrupted(operation, { byFrame: {} }, async () => {
    const byFrame: Outputs<typeof throughput>["byFrame"] = {};
    const job = { kind: "throughput", sendingMs: throughputMs(inputs) };
    const record = await searching(operation, inputs, job, async (trials) => {
      const evidence: Evidence[] = [];
      for (const frame of frameSizesOf(inputs)) {
        const repetitions = await searchAll(trials, inputs, frame);
        byFrame[frame] = leastOf(repetitions);
        evidence.push(
          throughputEvidence(String(frame), repetitions),
          await latencies(trials, inputs, frame, repetitions),
        );
      }
      return evidence;
    });
    return { record, ended: "complete" as const, byFrame };
  });
}

function searchesOf(inputs: ThroughputInputs, frame: FrameSize) {
  const { minLoad: minLoadPps, ...wanted } = throughputSettings(inputs);
  return throughputSearches({ ...wanted, minLoadPps, maxLoadPps: highestLoad(inputs, frame) });
}

async function searchAll(
  trials: Trials,
  inputs: ThroughputInputs,
  frame: FrameSize,
): Promise<SearchOutcome[]> {
  const { repetitions } = throughputSettings(inputs);
  const outcomes: SearchOutcome[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const which = repetitions === 1 ? "" : `, repetition ${repetition}/${repetitions}`;
    let outcome: SearchOutcome = {};
    for (const { goals, search } of searchesOf(inputs, frame)) {
      const ended = await trials.search(frame, search, `${frameText(frame)}${which}`);
      const results =
        ended.kind === "verdict"
          ? ended.verdict
          : Object.fromEntries(goals.map((goal) => [goal, ended.reason]));
      outcome = { ...outcome, ...results };
    }
    outcomes.push(outcome);
  }
  return outcomes;
}

/** At shares of what the first goal's throughput is at least. */
async function latencies(
  trials: Trials,
  inputs: ThroughputInputs,
  frame: FrameSize,
  repetitions: readonly SearchOutcome[],
): Promise<Evidence> {
  const { goals, latency } = throughputSettings(inputs);
  const [first = ""] = Object.keys(goals);
  const most = leastOf(repetitions)[first]?.throughputPps ?? 0;
  const evidence: Evidence[] = [];
  for (const percent of most === 0 ? [] : latency.percents) {
    const trial = { frame, loadPps: (most * percent) / 100, durationMs: latency.durationMs };
    const title = `${frameText(frame)}, latency at ${percent} %`;
    const { report, result } = await trials.run(trial, "latency", title);
    evidence.push(latencyEvidence(String(frame), percent, report, result));
  }
  return allOf(evidence);
}
