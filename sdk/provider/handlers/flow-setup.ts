import type { Evidence } from "../../measure/evidence.ts";
import { type FlowSetupPart, flowSetupEvidence } from "../../measure/flow-setup.ts";
import { ovsDatabase } from "../../observe/ovs.ts";
import {
  checkFlowSetup,
  flowSetupMs,
  flowSetupPath,
  flowSetupSettings,
  flowSetupTrials,
  flowWarmUp,
  requireForgotten,
} from "../../plan/flow-setup.ts";
import { type AskedTrial, frameSizesOf } from "../../plan/traffic-trials.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { flowSetup } from "../../schema/throughput.ts";
import { type FrameSize, frameText } from "../../units/frames.ts";
import type { Handler, Operation } from "../handler.ts";
import { orInterrupted, searching, type Trials } from "../searching.ts";

type FlowSetupInputs = Inputs<typeof flowSetup>;

export const flowSetupHandler: Handler<typeof flowSetup> = {
  definition: flowSetup,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkFlowSetup,

  create: measure,
  read: async (_, state) => state,
  update: async (operation, inputs, { record, ended }) =>
    ended === "complete" ? { record, ended } : measure(operation, inputs),
  delete: async () => undefined,
};

function measure(operation: Operation, inputs: FlowSetupInputs): Promise<Outputs<typeof flowSetup>> {
  return orInterrupted(operation, {}, async () => {
    const forwarding = operation.host(inputs.systemUnderTest ?? inputs.host);
    const { database } = await forwarding.observeNow({ database: ovsDatabase });
    if (database.state === "answering") requireForgotten(inputs, database, forwarding.name);
    const job = { kind: "flow-setup", sendingMs: flowSetupMs(inputs), asked: inputs };
    const record = await searching(operation, flowSetupPath(inputs), job, async (trials) => {
      const evidence: Evidence[] = [];
      const frames = frameSizesOf(inputs);
      for (const frame of frames.slice(0, 1))
        await trials.run(flowWarmUp(inputs, frame), "warm-up", `${frameText(frame)}, warm-up`);
      for (const frame of frames) {
        const parts = await measureFrame(operation, trials, inputs, frame);
        evidence.push(flowSetupEvidence(String(frame), flowSetupSettings(inputs), parts));
      }
      return evidence;
    });
    return { record, ended: "complete" as const };
  });
}

async function measureFrame(
  { signal }: Operation,
  trials: Trials,
  inputs: FlowSetupInputs,
  frame: FrameSize,
): Promise<FlowSetupPart[]> {
  const { repetitions, idleMs } = flowSetupSettings(inputs);
  const { first, later } = flowSetupTrials(inputs, frame);
  const parts: FlowSetupPart[] = [];
  while (parts.length < repetitions) {
    const title = `${frameText(frame)}, repetition ${parts.length + 1}/${repetitions}`;
    const tried = async (trial: AskedTrial, purpose: "first-frames" | "later-frames") => {
      const { report: run, result, activity } = await trials.run(trial, purpose, `${title}, ${purpose}`);
      return { run, result, activity };
    };
    await trials.keepSilent(idleMs, signal, title);
    parts.push({ first: await tried(first, "first-frames"), later: await tried(later, "later-frames") });
  }
  return parts;
}
