import type { Evidence } from "../../measure/evidence.ts";
import { lossCurve } from "../../measure/search/loss-curve.ts";
import { lossEvidence } from "../../measure/trial-evidence.ts";
import {
  checkPaced,
  checkTrials,
  frameLossMs,
  frameLossSettings,
  frameSizesOf,
  highestLoad,
} from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { frameLoss } from "../../schema/throughput.ts";
import type { Handler, Operation } from "../handler.ts";
import { givenUp, orInterrupted, searching } from "../searching.ts";

export const frameLossHandler: Handler<typeof frameLoss> = {
  definition: frameLoss,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    checkPaced(inputs);
    checkTrials(inputs, frameLossSettings(inputs).durationMs);
  },

  create: measure,
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended }) =>
    ended === "complete" ? { record, ended } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: Inputs<typeof frameLoss>): Promise<Outputs<typeof frameLoss>> {
  return orInterrupted(operation, {}, async () => {
    const { step, durationMs: trialMs } = frameLossSettings(inputs);
    const job = { kind: "frame-loss", sendingMs: frameLossMs(inputs) };
    const record = await searching(operation, inputs, job, async (trials) => {
      const evidence: Evidence[] = [];
      for (const frame of frameSizesOf(inputs)) {
        const curve = lossCurve({ maxLoadPps: highestLoad(inputs, frame), step, trialMs });
        const ended = await trials.search(frame, curve);
        evidence.push(
          ended.kind === "verdict" ? lossEvidence(String(frame), ended.verdict) : givenUp(frame, ended),
        );
      }
      return evidence;
    });
    return { record, ended: "complete" as const };
  });
}
