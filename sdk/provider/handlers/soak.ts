import type { Evidence } from "../../measure/evidence.ts";
import { type SoakPart, soakEvidence } from "../../measure/trial-evidence.ts";
import { checkSoak, frameSizesOf, soakMs, soakTrials } from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { soak } from "../../schema/throughput.ts";
import { frameText } from "../../units/frames.ts";
import type { Handler, Operation } from "../handler.ts";
import { orInterrupted, searching } from "../searching.ts";

export const soakHandler: Handler<typeof soak> = {
  definition: soak,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkSoak,

  create: measure,
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended }) =>
    ended === "complete" ? { record, ended } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: Inputs<typeof soak>): Promise<Outputs<typeof soak>> {
  return orInterrupted(operation, {}, async () => {
    const record = await searching(
      operation,
      inputs,
      { kind: "soak", sendingMs: soakMs(inputs) },
      async (trials) => {
        const evidence: Evidence[] = [];
        for (const frame of frameSizesOf(inputs)) {
          const parts: SoakPart[] = [];
          const planned = soakTrials(inputs, frame);
          for (const trial of planned) {
            const title = `${frameText(frame)}, part ${parts.length + 1}/${planned.length}`;
            const { report: run, result, received } = await trials.run(trial, "soak", title);
            parts.push({ run, result, received });
          }
          evidence.push(soakEvidence(String(frame), parts));
        }
        return evidence;
      },
    );
    return { record, ended: "complete" as const };
  });
}
