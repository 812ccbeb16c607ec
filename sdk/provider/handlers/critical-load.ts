import type { Evidence } from "../../measure/evidence.ts";
import { plrSearch } from "../../measure/search/plrsearch.ts";
import { criticalEvidence } from "../../measure/trial-evidence.ts";
import {
  checkCriticalLoad,
  criticalLoadMs,
  criticalLoadSettings,
  frameSizesOf,
  highestLoad,
} from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { criticalLoad } from "../../schema/throughput.ts";
import type { FrameSize } from "../../units/frames.ts";
import type { Handler, Operation } from "../handler.ts";
import { givenUp, orInterrupted, searching } from "../searching.ts";

type CriticalLoadInputs = Inputs<typeof criticalLoad>;

export const criticalLoadHandler: Handler<typeof criticalLoad> = {
  definition: criticalLoad,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    checkCriticalLoad(inputs);
    for (const frame of frameSizesOf(inputs)) searchOf(inputs, frame);
  },

  create: measure,
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended, byFrame }) =>
    ended === "complete" ? { record, ended, byFrame } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: CriticalLoadInputs): Promise<Outputs<typeof criticalLoad>> {
  return orInterrupted(operation, { byFrame: {} }, async () => {
    const byFrame: Outputs<typeof criticalLoad>["byFrame"] = {};
    const job = { kind: "critical-load", sendingMs: criticalLoadMs(inputs) };
    const record = await searching(operation, inputs, job, async (trials) => {
      const evidence: Evidence[] = [];
      for (const frame of frameSizesOf(inputs)) {
        const ended = await trials.search(frame, searchOf(inputs, frame));
        if (ended.kind === "verdict") {
          const { kind, averagePps, stdevPps } = ended.verdict;
          byFrame[frame] = { kind, averagePps, stdevPps };
          evidence.push(criticalEvidence(String(frame), ended.verdict));
        } else evidence.push(givenUp(frame, ended));
      }
      return evidence;
    });
    return { record, ended: "complete" as const, byFrame };
  });
}

function searchOf(inputs: CriticalLoadInputs, frame: FrameSize) {
  const { minLoad: minLoadPps, ...wanted } = criticalLoadSettings(inputs);
  return plrSearch({ ...wanted, minLoadPps, maxLoadPps: highestLoad(inputs, frame) });
}
