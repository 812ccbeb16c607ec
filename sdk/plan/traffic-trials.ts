import type { Inputs } from "../schema/definition.ts";
import type {
  backToBack,
  criticalLoad,
  frameLoss,
  soak,
  systemRecovery,
  ThroughputGoal,
  throughput,
} from "../schema/throughput.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { type FrameSize, frameText, meanBytes, sizesOf } from "../units/frames.ts";
import { lineFrames } from "../units/rate.ts";
import type { TrafficPlan } from "./traffic-plan.ts";
import { checkWay, LINK_MS, PROBE_MS, planWay, START_MS, type TrafficWay } from "./traffic-run.ts";

type ThroughputInputs = Inputs<typeof throughput>;
type BackToBackInputs = Inputs<typeof backToBack>;
type SoakInputs = Inputs<typeof soak>;
type RecoveryInputs = Inputs<typeof systemRecovery>;

/** What all measurements by trials have. */
export type TrialInputs = TrafficWay &
  Pick<
    ThroughputInputs,
    "host" | "name" | "frames" | "lineRate" | "maxLoad" | "systemUnderTest" | "coLoad" | "firmware"
  >;

/** RFC 2544, section 9.1. */
const STANDARD_FRAMES: readonly FrameSize[] = [64, 128, 256, 512, 1024, 1280, 1518];
/** What a program that sends and receives is made to carry at most. */
const MOST_PPS = 200_000_000;
/** Of a trial, beside its sending and the time that frames may still arrive: looking whether the path is there, and the report. */
const AROUND_MS = 1500;
/** Frames of one trial and direction that the program can tell from each other. */
export const MOST_FRAMES = 4_000_000_000;
/** A soak is a row of trials of this length. */
const SOAK_TRIAL_S = 60;
/** A value a second, and as many as steadiness needs. */
const LEAST_SOAK_S = 20;
/** Of an overload, and of what follows it. */
const LEAST_STEP_MS = 1000;
/** An estimate goes over all trials a hundred thousand times. */
const MOST_CRITICAL_TRIALS = 2000;
const SELF_TEST_MS = 1000;
/** A ring keeps nothing back. */
const SELF_TEST_SETTLE = "100ms";
/** Trials of a bisection: loads halve down to a share of 0.0001, each may fail again, and the throughput has to pass three times. */
const BISECTION_TRIALS = 64;
/** How late the last frame may be, as a share of the trial: more would be another load. */
const LATE_SHARE = 0.01;

interface Load {
  readonly loadPps: number;
  readonly durationMs: number;
}

/** One trial, as the program is told it. */
export interface AskedTrial extends Load {
  readonly frame: FrameSize;
  /** Load that follows at once. */
  readonly afterwards?: Load | undefined;
  /** Whether no frame goes before those that it counts: none that looks whether the path is there, and none by which a silent port tells where it is. Of the traffic program alone. */
  readonly unprobed?: boolean;
}

export type TrialPlan = Pick<TrafficPlan, "argv" | "prepare" | "properties" | "seconds"> &
  Pick<TrafficWay, "settle">;

export function frameSizesOf({ frames }: Pick<TrialInputs, "frames">): readonly FrameSize[] {
  return frames ?? STANDARD_FRAMES;
}

/** The highest load of a frame size, frames per second and direction. */
export function highestLoad(
  { lineRate = "10Gbit/s", maxLoad = MOST_PPS, directions }: TrialInputs,
  frame: FrameSize,
): number {
  const most = directions === "both" ? MOST_PPS / 2 : MOST_PPS;
  return Math.min(Math.floor(lineFrames(lineRate, meanBytes(frame))), maxLoad, most);
}

/** The program on its way, told one trial after another, for so long at most. */
export function planTrials(way: TrafficWay, sendingMs: number): TrialPlan {
  const milliseconds = START_MS + LINK_MS + PROBE_MS + sendingMs;
  return { ...planWay(way), settle: way.settle, seconds: Math.ceil(milliseconds / 1000) };
}

/** The program against itself: what it sends comes back over a ring, so that nothing but the generator limits it. Other generators have no ring. */
export function planSelfTest(inputs: TrialInputs): TrialPlan | undefined {
  if (inputs.generator.kind !== "nfvlab") return undefined;
  const way = {
    generator: inputs.generator,
    from: { kind: "ring" as const },
    settle: SELF_TEST_SETTLE,
  } as const;
  return planTrials(way, frameSizesOf(inputs).length * trialMs(SELF_TEST_MS, SELF_TEST_SETTLE));
}

/** All that the generator may have to carry: the highest load of all directions at once. */
export function selfTestTrial(inputs: TrialInputs, frame: FrameSize): AskedTrial {
  const directions = inputs.directions === "both" ? 2 : 1;
  return { frame, loadPps: highestLoad(inputs, frame) * directions, durationMs: SELF_TEST_MS };
}

/** A trial in the words of the program. */
export function trialLine(trial: AskedTrial): string {
  const { frame, afterwards, unprobed = false } = trial;
  const late = Math.max(1, Math.ceil(sendingMsOf(trial) * LATE_SHARE));
  const then = afterwards === undefined ? "" : ` ${rateAndCount(afterwards)}`;
  return `${rateAndCount(trial)} ${late} ${sizesOf(frame).join(",")}${then}${unprobed ? " unprobed" : ""}`;
}

/** How long a trial sends, at whatever rates. */
export function sendingMsOf({
  durationMs,
  afterwards,
}: Pick<AskedTrial, "durationMs" | "afterwards">): number {
  return durationMs + (afterwards?.durationMs ?? 0);
}

/** Of one direction. */
function rateAndCount({ loadPps, durationMs }: Load): string {
  const frames = Math.max(1, Math.round((loadPps * durationMs) / 1000));
  return `${Math.max(1, Math.round(loadPps))} ${frames}`;
}

/** What a trial takes, all in all. */
export function trialMs(durationMs: number, settle = "2s"): number {
  return durationMs + exactDuration(settle, "ms") + AROUND_MS;
}

/** How long a trial may keep silent, until something is wrong. */
export function trialLimitMs(durationMs: number, settle = "2s"): number {
  return START_MS + LINK_MS + PROBE_MS + 2 * trialMs(durationMs, settle);
}

/**
 * Refuses a generator that no load can be asked of.
 *
 * @throws InputError `generator-unpaced`
 */
export function checkPaced({ generator }: Pick<TrialInputs, "generator">): void {
  if (generator.kind !== "testpmd") return;
  throw new InputError({
    code: "generator-unpaced",
    property: "generator.kind",
    problem: "testpmd can't pace, so that no load can be tried with it, and nothing is searched for",
    observed: "testpmd",
    expected: "nfvlab, or trex where it is installed",
    hint: "testpmd is a source as fast as a port takes frames: for Traffic with rate unpaced, and for a Soak at 100 percent",
  });
}

/**
 * Refuses what no trial could measure, of all sizes of frames at once.
 *
 * @param longestMs the longest trial of all
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`
 */
export function checkTrials(inputs: TrialInputs, longestMs: number, minLoad = 1): void {
  checkWay(inputs);
  const frames = frameSizesOf(inputs);
  const twice = frames.filter((frame, index) => frames.indexOf(frame) !== index);
  if (twice.length > 0)
    throw new InputError({
      code: "frames-twice",
      property: "frames",
      problem: "a size of frames is named twice, and would be measured twice under one name",
      observed: twice.map(frameText).join(", "),
      expected: "each once",
      hint: "`repetitions` is for measuring again",
    });
  const without = frames.filter((frame) => highestLoad(inputs, frame) <= minLoad);
  if (without.length > 0)
    throw new InputError({
      code: "loads",
      property: "maxLoad",
      problem: `no load to try with ${without.map(frameText).join(", ")}`,
      observed: `${without.map((frame) => highestLoad(inputs, frame)).join(", ")} frames/s at most, ${minLoad} at least`,
      expected: "a highest load above the lowest",
      hint: "lower `minLoad`, or raise `maxLoad` or `lineRate`",
    });
  const most = Math.max(...frames.map((frame) => highestLoad(inputs, frame)));
  if ((most * longestMs) / 1000 > MOST_FRAMES)
    throw new InputError({
      code: "trial-frames",
      property: "maxLoad",
      problem: "a trial has more frames than can be told from each other",
      observed: `${most} frames/s for ${longestMs} ms`,
      expected: `${MOST_FRAMES} frames at most`,
      hint: "make the trials shorter",
    });
}

/** Defaults of a throughput filled in: durations in ms. */
export function throughputSettings(inputs: ThroughputInputs) {
  const { method = "mlrsearch", goals = { ndr: { loss: 0 } }, minLoad = 9001, repetitions = 1 } = inputs;
  const {
    warmUp = "1s",
    atMost = "1h",
    latency: { at = [10, 50, 90], duration: span = "120s" } = {},
  } = inputs;
  return {
    ...{ method, goals, minLoad, repetitions },
    warmUpMs: exactDuration(warmUp, "ms"),
    atMostMs: exactDuration(atMost, "ms"),
    latency: { percents: at, durationMs: exactDuration(span, "ms") },
  };
}

/** What the searches and the latency of all frame sizes take at most. */
export function throughputMs(inputs: ThroughputInputs): number {
  const { method, goals, repetitions, atMostMs, latency } = throughputSettings(inputs);
  const { settle } = inputs;
  const lengths = Object.values(goals).map((goal) => goalTrialMs(method, goal));
  const shortest = Math.min(1000, ...lengths);
  const search =
    method === "mlrsearch"
      ? atMostMs + Math.ceil(atMostMs / shortest) * trialMs(0, settle)
      : lengths.reduce((sum, length) => sum + BISECTION_TRIALS * trialMs(length, settle), 0);
  const each = repetitions * search + latency.percents.length * trialMs(latency.durationMs, settle);
  return frameSizesOf(inputs).length * each;
}

/** Length of a goal's full trial. */
function goalTrialMs(method: "mlrsearch" | "rfc2544", { trial }: ThroughputGoal): number {
  return exactDuration(trial ?? (method === "rfc2544" ? "60s" : "1s"), "ms");
}

/** @throws InputError `generator-unpaced`, `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `goal-method` */
export function checkThroughput(inputs: ThroughputInputs): void {
  checkPaced(inputs);
  const { method, goals, minLoad, warmUpMs, latency } = throughputSettings(inputs);
  const lengths = Object.values(goals).map((goal) => goalTrialMs(method, goal));
  checkTrials(inputs, Math.max(warmUpMs, latency.durationMs, ...lengths), minLoad);
  const idle = Object.entries(goals).flatMap(([goal, { sum, exceed }]) => [
    ...(sum === undefined ? [] : [`${goal}.sum`]),
    ...(exceed === undefined ? [] : [`${goal}.exceed`]),
  ]);
  if (method === "rfc2544" && idle.length > 0)
    throw new InputError({
      code: "goal-method",
      property: "goals",
      problem: "a bisection sums no trials up",
      observed: idle.join(", "),
      expected: "goals of loss, trial and width, or method mlrsearch",
      hint: "leave them out",
    });
}

/** Defaults of a loss curve filled in: durations in ms. */
export function frameLossSettings({ step = 0.1, trial = "60s" }: Inputs<typeof frameLoss>) {
  return { step, durationMs: exactDuration(trial, "ms") };
}

export function frameLossMs(inputs: Inputs<typeof frameLoss>): number {
  const { step, durationMs } = frameLossSettings(inputs);
  return frameSizesOf(inputs).length * Math.ceil(1 / step + 1) * trialMs(durationMs, inputs.settle);
}

/** Defaults of a critical load filled in: durations in ms. */
export function criticalLoadSettings(inputs: Inputs<typeof criticalLoad>) {
  const { loss = 1e-7, minLoad = 9001, firstTrial = "5s", longer = "100ms", duration = "30min" } = inputs;
  return {
    ...{ lossRatio: loss, minLoad },
    firstTrialMs: exactDuration(firstTrial, "ms"),
    longerMs: exactDuration(longer, "ms"),
    atMostMs: exactDuration(duration, "s") * 1000,
  };
}

/** How many trials there are, of which each is longer than the one before, until they come to their time. */
function criticalTrials(inputs: Inputs<typeof criticalLoad>): number {
  const { firstTrialMs: first, longerMs: longer, atMostMs: time } = criticalLoadSettings(inputs);
  if (longer === 0) return Math.ceil(time / Math.max(1, first));
  // n trials take n·first + longer·n·(n - 1) / 2.
  const linear = first - longer / 2;
  return Math.ceil((Math.sqrt(linear * linear + 2 * longer * time) - linear) / longer);
}

/** What the trials take at most, where half of them are worth nothing and made again. */
export function criticalLoadMs(inputs: Inputs<typeof criticalLoad>): number {
  const { firstTrialMs, longerMs, atMostMs } = criticalLoadSettings(inputs);
  const trials = criticalTrials(inputs);
  const each = atMostMs + firstTrialMs + trials * (longerMs + trialMs(0, inputs.settle));
  return 2 * frameSizesOf(inputs).length * each;
}

/** @throws InputError `generator-unpaced`, `trial-ms`, and as `checkTrials` */
export function checkCriticalLoad(inputs: Inputs<typeof criticalLoad>): void {
  checkPaced(inputs);
  const { firstTrialMs, longerMs, minLoad } = criticalLoadSettings(inputs);
  const trials = criticalTrials(inputs);
  if (trials > MOST_CRITICAL_TRIALS)
    throw new InputError({
      code: "trial-ms",
      property: "longer",
      problem: "more trials than an estimate is made of",
      observed: `${trials}, the first of ${firstTrialMs} ms, each ${longerMs} ms longer`,
      expected: `${MOST_CRITICAL_TRIALS} at most`,
      hint: "make them longer: long trials tell more of rare losses",
    });
  checkTrials(inputs, firstTrialMs + longerMs * trials, minLoad);
}

/** Defaults of back-to-back frames filled in: durations in ms. */
export function backToBackSettings({ longest = "2s", within = 1, bursts = 50 }: BackToBackInputs) {
  return { longestMs: exactDuration(longest, "ms"), withinFrames: within, repetitions: bursts };
}

export function backToBackMs(inputs: BackToBackInputs): number {
  const { longestMs, repetitions } = backToBackSettings(inputs);
  return frameSizesOf(inputs).reduce<number>((sum, frame) => {
    const halvings = Math.ceil(Math.log2(Math.max(2, (highestLoad(inputs, frame) * longestMs) / 1000))) + 2;
    return sum + repetitions * halvings * trialMs(longestMs, inputs.settle);
  }, 0);
}

/**
 * The same of what needs a throughput that was measured before.
 *
 * @param longestMs the longest trial of all
 * @throws InputError `traffic-both`, `traffic-broadcast`, `frames-twice`, `loads`, `trial-frames`, `throughput-unknown`
 */
export function checkKnown(inputs: BackToBackInputs | SoakInputs | RecoveryInputs, longestMs: number): void {
  checkTrials(inputs, longestMs);
  const wrong = frameSizesOf(inputs).filter((frame) => {
    const known = inputs.throughput[frame];
    return known === undefined || known > highestLoad(inputs, frame);
  });
  if (wrong.length > 0)
    throw new InputError({
      code: "throughput-unknown",
      property: "throughput",
      problem: `no throughput that the highest load allows, of ${wrong.map(frameText).join(", ")}`,
      observed: wrong
        .map((frame) => `${inputs.throughput[frame] ?? "none"} of ${highestLoad(inputs, frame)}`)
        .join(", "),
      expected: "one for each size of frames",
      hint: "take it from `byFrame` of a Throughput over the same path",
    });
}

/** The trials of a soak, one after another: as long as asked for, all together. */
export function soakTrials(inputs: SoakInputs, frame: FrameSize): AskedTrial[] {
  const { percent = 90, duration = "30min", throughput: known } = inputs;
  const loadPps = Math.max(1, Math.floor(((known[frame] ?? 1) * percent) / 100));
  const seconds = exactDuration(duration, "s");
  const trials = Math.ceil(seconds / SOAK_TRIAL_S);
  const durationMs = Math.floor((seconds * 1000) / trials);
  return Array.from({ length: trials }, () => ({ frame, loadPps, durationMs }));
}

export function soakMs(inputs: SoakInputs): number {
  return frameSizesOf(inputs)
    .flatMap((frame) => soakTrials(inputs, frame))
    .reduce((sum, { durationMs }) => sum + trialMs(durationMs, inputs.settle), 0);
}

/** @throws InputError as `checkKnown`, and `soak-short`, `soak-unpaced` */
export function checkSoak(inputs: SoakInputs): void {
  const { duration = "30min", percent = 90, generator } = inputs;
  const mixed = frameSizesOf(inputs).includes("imix");
  if (generator.kind === "testpmd" && (percent !== 100 || mixed))
    throw new InputError({
      code: "soak-unpaced",
      property: mixed ? "frames" : "percent",
      problem: "testpmd sends frames of one size as fast as the port takes them",
      observed: mixed ? "imix" : `${percent} percent`,
      expected: mixed ? "sizes in bytes" : "100 percent",
      hint: "use nfvlab, or trex where it is installed",
    });
  checkKnown(inputs, SOAK_TRIAL_S * 1000);
  if (exactDuration(duration, "s") < LEAST_SOAK_S)
    throw new InputError({
      code: "soak-short",
      property: "duration",
      problem: "too short to tell whether it stays as it is",
      observed: duration,
      expected: `${LEAST_SOAK_S}s or more`,
    });
}

/** Defaults of a system recovery filled in: durations in ms. */
export function recoverySettings(inputs: RecoveryInputs) {
  const { percent = 110, overload = "60s", relief = "60s", repetitions = 1 } = inputs;
  return {
    ...{ percent, repetitions },
    ...{ overloadMs: exactDuration(overload, "ms"), reliefMs: exactDuration(relief, "ms") },
  };
}

/** What is asked of a path that is to recover: an overload that the line carries. */
export function askedRecovery(inputs: RecoveryInputs, frame: FrameSize) {
  const { percent, overloadMs, reliefMs } = recoverySettings(inputs);
  const throughputPps = inputs.throughput[frame] ?? 1;
  const overloadPps = Math.min(Math.floor((throughputPps * percent) / 100), highestLoad(inputs, frame));
  return { throughputPps, percent, overloadPps, overloadMs, reliefMs };
}

/** An overload, and half of it at once behind (RFC 2544, section 26.5). */
export function recoveryTrial(inputs: RecoveryInputs, frame: FrameSize): AskedTrial {
  const { overloadPps: loadPps, overloadMs: durationMs, reliefMs } = askedRecovery(inputs, frame);
  const afterwards = { loadPps: Math.max(1, Math.floor(loadPps / 2)), durationMs: reliefMs };
  return { frame, loadPps, durationMs, afterwards };
}

export function recoveryMs(inputs: RecoveryInputs): number {
  const { overloadMs, reliefMs, repetitions } = recoverySettings(inputs);
  return frameSizesOf(inputs).length * repetitions * trialMs(overloadMs + reliefMs, inputs.settle);
}

/** @throws InputError as `checkPaced` and `checkKnown`, and `generator-rate-change`, `recovery-short` */
export function checkRecovery(inputs: RecoveryInputs): void {
  checkPaced(inputs);
  const { generator } = inputs;
  if (generator.kind !== "nfvlab")
    throw new InputError({
      code: "generator-rate-change",
      property: "generator.kind",
      problem:
        "the recovery counts from a change of the rate within a trial to the last frame that is lost, and this generator neither changes its rate nor knows which frames were lost",
      observed: generator.kind,
      expected: "nfvlab",
    });
  const { overloadMs, reliefMs } = recoverySettings(inputs);
  if (overloadMs < LEAST_STEP_MS || reliefMs < LEAST_STEP_MS)
    throw new InputError({
      code: "recovery-short",
      property: overloadMs < LEAST_STEP_MS ? "overload" : "relief",
      problem: "too short to fill what buffers there are, or to see that nothing is lost any more",
      observed: `${overloadMs} ms of overload, ${reliefMs} ms behind`,
      expected: `${LEAST_STEP_MS} ms or more of each`,
      hint: "RFC 2544 asks for 60s of overload; what is shorter is marked in the record",
    });
  checkKnown(inputs, overloadMs + reliefMs);
}
