import type { Evidence } from "../../measure/evidence.ts";
import { type RecoveryPart, recoveryEvidence } from "../../measure/recovery.ts";
import {
  askedRecovery,
  checkRecovery,
  frameSizesOf,
  recoveryMs,
  recoverySettings,
  recoveryTrial,
} from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { systemRecovery } from "../../schema/throughput.ts";
import { frameText } from "../../units/frames.ts";
import type { Handler, Operation } from "../handler.ts";
import { orInterrupted, searching } from "../searching.ts";

type RecoveryInputs = Inputs<typeof systemRecovery>;

export const systemRecoveryHandler: Handler<typeof systemRecovery> = {
  definition: systemRecovery,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkRecovery,

  create: measure,
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended }) =>
    ended === "complete" ? { record, ended } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: RecoveryInputs): Promise<Outputs<typeof systemRecovery>> {
  return orInterrupted(operation, {}, async () => {
    const { repetitions } = recoverySettings(inputs);
    const job = { kind: "system-recovery", sendingMs: recoveryMs(inputs) };
    const record = await searching(operation, inputs, job, async (trials) => {
      const evidence: Evidence[] = [];
      for (const frame of frameSizesOf(inputs)) {
        const parts: RecoveryPart[] = [];
        while (parts.length < repetitions) {
          const title = `${frameText(frame)}, overload ${parts.length + 1}/${repetitions}`;
          const { report: run, result } = await trials.run(recoveryTrial(inputs, frame), "recovery", title);
          parts.push({ run, result });
        }
        evidence.push(recoveryEvidence(String(frame), askedRecovery(inputs, frame), parts));
      }
      return evidence;
    });
    return { record, ended: "complete" as const };
  });
}
