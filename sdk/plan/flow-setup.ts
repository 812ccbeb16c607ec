import type { ObservedDatabase } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import type { flowSetup } from "../schema/throughput.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import type { FrameSize } from "../units/frames.ts";
import { DEFAULT_PERCENTILE, requireSamples } from "./samples.ts";
import { type AskedTrial, checkTrials, frameSizesOf, type TrialInputs, trialMs } from "./traffic-trials.ts";

type FlowSetupInputs = Inputs<typeof flowSetup>;

/** How long an entry of the datapath stays without packets, where the switch is told nothing else (ovs-vswitchd.conf.db(5), max-idle). */
const MAX_IDLE_MS = 10_000;
/** How much longer it may stay until the switch looks for such entries: it does so twice a second. */
const LOOK_MS = 1000;
const MOST_IDLE_MS = 3_600_000;

/** Defaults filled in: durations in ms. */
export function flowSetupSettings(inputs: FlowSetupInputs) {
  const { flows = 500, rate = 100, idle = "15s", later = 1, repetitions = 3 } = inputs;
  const { percentile = DEFAULT_PERCENTILE } = inputs;
  return { flows, ratePps: rate, idleMs: exactDuration(idle, "ms"), later, repetitions, percentile };
}

/** What its trials have as all others have it: no load is above its rate. */
export function flowSetupPath(inputs: FlowSetupInputs): TrialInputs {
  const { flows, ratePps } = flowSetupSettings(inputs);
  return { ...inputs, flows, maxLoad: ratePps };
}

/** A frame by which everything on the way learns of both ends, once. */
export function flowWarmUp(inputs: FlowSetupInputs, frame: FrameSize): AskedTrial {
  return framesAt(inputs, frame, 1);
}

/** Of one repetition: a frame of each flow, with none before it, and those that follow. */
export function flowSetupTrials(
  inputs: FlowSetupInputs,
  frame: FrameSize,
): { readonly first: AskedTrial; readonly later: AskedTrial } {
  const { flows, later } = flowSetupSettings(inputs);
  return {
    first: { ...framesAt(inputs, frame, flows), unprobed: true },
    later: framesAt(inputs, frame, flows * later),
  };
}

function framesAt(inputs: FlowSetupInputs, frame: FrameSize, frames: number): AskedTrial {
  const { ratePps: loadPps } = flowSetupSettings(inputs);
  return { frame, loadPps, durationMs: (frames * 1000) / loadPps };
}

export function flowSetupMs(inputs: FlowSetupInputs): number {
  const { idleMs, repetitions } = flowSetupSettings(inputs);
  const { settle } = inputs;
  return frameSizesOf(inputs).reduce<number>(
    (sum, frame) => {
      const { first, later } = flowSetupTrials(inputs, frame);
      const each = idleMs + trialMs(first.durationMs, settle) + trialMs(later.durationMs, settle);
      return sum + repetitions * Math.ceil(each + LOOK_MS);
    },
    trialMs(0, settle),
  );
}

/** @throws InputError as `checkTrials`, and `few-samples`, `flow-setup-idle` */
export function checkFlowSetup(inputs: FlowSetupInputs): void {
  const { flows, later, ratePps, idleMs, repetitions, percentile } = flowSetupSettings(inputs);
  checkTrials(flowSetupPath(inputs), (flows * later * 1000) / ratePps, 0);
  requireSamples({ property: "flows", percentile, each: flows, repetitions });
  if (idleMs > MOST_IDLE_MS)
    throw new InputError({
      code: "flow-setup-idle",
      property: "idle",
      problem: "nothing is sent for longer than any switch remembers a flow",
      observed: `${idleMs} ms`,
      expected: `${MOST_IDLE_MS} ms at most`,
    });
}

/**
 * Refuses first frames that a switch would know, and later ones that it would not, before anything is sent.
 *
 * @param database of the machine that forwards
 * @throws InputError `flow-setup-idle`, `flow-setup-span`
 */
export function requireForgotten(
  inputs: FlowSetupInputs,
  { otherConfig }: Pick<ObservedDatabase, "otherConfig">,
  host: string,
): void {
  const { idleMs, flows, ratePps } = flowSetupSettings(inputs);
  const told = otherConfig["max-idle"] ?? "";
  const maxIdleMs = /^\d+$/.test(told) ? Number(told) : MAX_IDLE_MS;
  if (idleMs <= maxIdleMs + LOOK_MS)
    throw new InputError({
      code: "flow-setup-idle",
      property: "idle",
      problem: `the switch of ${host} remembers flows for longer than nothing is sent, so that no frame would be a first one`,
      observed: `${idleMs} ms`,
      expected: `more than ${maxIdleMs + LOOK_MS} ms: its max-idle of ${maxIdleMs} ms, and a second until it looks`,
      hint: "give a longer `idle`, or the daemon a shorter `flowMaxIdle`",
    });
  const spanMs = Math.ceil(trialMs((flows * 1000) / ratePps, inputs.settle));
  if (spanMs >= maxIdleMs)
    throw new InputError({
      code: "flow-setup-span",
      property: "flows",
      problem: `the switch of ${host} forgets flows before their later frames come, which would be first ones again`,
      observed: `about ${spanMs} ms from a flow's first frame to its next, for ${flows} flows at ${ratePps} frames/s`,
      expected: `less than its max-idle of ${maxIdleMs} ms`,
      hint: "take fewer `flows` and more `repetitions`, a higher `rate`, or a shorter `settle`",
    });
}
