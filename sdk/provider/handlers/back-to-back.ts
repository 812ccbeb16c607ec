import type { Evidence } from "../../measure/evidence.ts";
import { backToBack as burstSearch } from "../../measure/search/back-to-back.ts";
import { burstEvidence } from "../../measure/trial-evidence.ts";
import {
  backToBackMs,
  backToBackSettings,
  checkKnown,
  checkPaced,
  frameSizesOf,
  highestLoad,
} from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { backToBack } from "../../schema/throughput.ts";
import type { FrameSize } from "../../units/frames.ts";
import type { Handler, Operation } from "../handler.ts";
import { givenUp, orInterrupted, searching } from "../searching.ts";

type BackToBackInputs = Inputs<typeof backToBack>;

export const backToBackHandler: Handler<typeof backToBack> = {
  definition: backToBack,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    checkPaced(inputs);
    checkKnown(inputs, backToBackSettings(inputs).longestMs);
    for (const frame of frameSizesOf(inputs)) searchOf(inputs, frame);
  },

  create: measure,
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended }) =>
    ended === "complete" ? { record, ended } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: BackToBackInputs): Promise<Outputs<typeof backToBack>> {
  return orInterrupted(operation, {}, async () => {
    const job = { kind: "back-to-back", sendingMs: backToBackMs(inputs) };
    const record = await searching(operation, inputs, job, async (trials) => {
      const evidence: Evidence[] = [];
      for (const frame of frameSizesOf(inputs)) {
        const ended = await trials.search(frame, searchOf(inputs, frame));
        evidence.push(
          ended.kind === "verdict" ? burstEvidence(String(frame), ended.verdict) : givenUp(frame, ended),
        );
      }
      return evidence;
    });
    return { record, ended: "complete" as const };
  });
}

function searchOf(inputs: BackToBackInputs, frame: FrameSize) {
  const throughputPps = inputs.throughput[frame] ?? 0;
  return burstSearch({
    lineRatePps: highestLoad(inputs, frame),
    throughputPps,
    ...backToBackSettings(inputs),
  });
}
