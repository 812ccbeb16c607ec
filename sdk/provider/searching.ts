import { setTimeout as sleep } from "node:timers/promises";
import type { Evidence } from "../measure/evidence.ts";
import { lossRatio, type Search, type Step, type TrialResult } from "../measure/search/search.ts";
import { trialResultOf } from "../measure/search/traffic-trial.ts";
import {
  repeatedRemarks,
  type SelfTest,
  selfTestEvidence,
  selfTestFaults,
} from "../measure/trial-evidence.ts";
import { unitOf } from "../plan/benchmarks.ts";
import { requireOnline } from "../plan/online-cpus.ts";
import {
  type AskedTrial,
  frameSizesOf,
  planSelfTest,
  planTrials,
  selfTestTrial,
  sendingMsOf,
  type TrialInputs,
} from "../plan/traffic-trials.ts";
import type { RecordedTrial, ResultRecord, SwitchActivity } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError } from "../units/errors.ts";
import { type FrameSize, frameText } from "../units/frames.ts";
import { formatPacketRate } from "../units/rate.ts";
import { Incomplete, type Operation } from "./handler.ts";
import { besideFrames, besideText } from "./loading.ts";
import { type Measured, measuring } from "./measuring.ts";
import type { RawOutputs } from "./raw-outputs.ts";
import { type SwitchWatch, watchSwitch } from "./switch-watch.ts";
import { type RunTrial, type TrialAnswer, withTrialProgram } from "./trial-program.ts";

/** Attempts at a self-test. */
const SELF_TESTS = 3;

export interface SearchJob {
  /** The benchmark, as its record calls it. */
  readonly kind: string;
  /** What all trials take at most. */
  readonly sendingMs: number;
  /** What was asked for, where the trials' inputs are made of it. Default: those. */
  readonly asked?: object;
}

/** Trials of one measurement, kept in their order as the record has them. */
export class Trials {
  readonly log: RecordedTrial[];
  /** DPDK that the program ran with. */
  version = "";
  readonly #run: RunTrial;
  readonly #watch: SwitchWatch | undefined;
  readonly #status: (text: string) => void;

  /** @param watch tells what the switch did during a trial; left out where no frame goes through one */
  constructor(run: RunTrial, status: (text: string) => void, log: RecordedTrial[], watch?: SwitchWatch) {
    this.#run = run;
    this.#watch = watch;
    this.#status = status;
    this.log = log;
  }

  /** One trial by itself. */
  async run(
    trial: AskedTrial,
    purpose: RecordedTrial["purpose"],
    title: string,
  ): Promise<TrialAnswer & { readonly result: TrialResult; readonly activity: SwitchActivity | undefined }> {
    const loads = [trial, ...(trial.afterwards === undefined ? [] : [trial.afterwards])];
    const said = loads.map(
      ({ loadPps, durationMs }) => `${formatPacketRate(loadPps)} for ${Math.round(durationMs)} ms`,
    );
    this.#status(`${title}: ${said.join(", then ")}`);
    const answer = await this.#run(trial);
    const { frame, unprobed: _, ...load } = trial;
    const result = trialResultOf(load, answer.report);
    this.version = answer.report.dpdk;
    const activity = await this.#watch?.(sendingMsOf(trial));
    this.log.push({
      ...{ frame: String(frame), purpose, ...result, faults: [...result.faults] },
      ...(activity !== undefined && { switch: activity }),
    });
    return { ...answer, result, activity };
  }

  /** Sends nothing for so long. What comes to the switch meanwhile is of no trial. */
  async keepSilent(ms: number, signal: AbortSignal, title: string): Promise<void> {
    this.#status(`${title}: silent for ${ms} ms`);
    await sleep(ms, undefined, { signal });
    await this.#watch?.();
  }

  /** All trials that a search asks for, until it has a verdict or gives up. */
  async search<V>(frame: FrameSize, search: Search<V>, title = frameText(frame)): Promise<Ended<V>> {
    let last = "";
    for (let now = search; ; ) {
      const { step } = now;
      if (step.kind !== "trial") return step;
      const { result } = await this.run(
        { frame, ...step.trial },
        "search",
        `${title}, trial ${now.trace.length + 1}${last}`,
      );
      last = ` (the last: ${formatPacketRate(result.loadPps)}, ${outcomeOf(result)})`;
      now = now.tell(result);
    }
  }
}

type Ended<V> = Exclude<Step<V>, { kind: "trial" }>;

function outcomeOf(result: TrialResult): string {
  const [fault] = result.faults;
  return fault === undefined ? `loss ${Number(lossRatio(result).toPrecision(2))}` : `invalid, ${fault}`;
}

/**
 * The record of a measurement by trials. First the traffic program measures itself; where it can't carry what may be asked of it, nothing else is measured,
 * and the record says so.
 *
 * @throws HostError as `measuring` and `withTrialProgram`
 */
export async function searching(
  operation: Operation,
  inputs: TrialInputs,
  { kind, sendingMs, asked = inputs }: SearchJob,
  work: (trials: Trials) => Promise<readonly Evidence[]>,
): Promise<ResultRecord> {
  const { generator, from, to = from, firmware, systemUnderTest, coLoad } = inputs;
  const host = operation.host(inputs.host);
  const forwarding = systemUnderTest === undefined ? host : operation.host(systemUnderTest);
  const frames = frameSizesOf(inputs);
  const [alone, plan] = [planSelfTest(inputs), planTrials(inputs, sendingMs)];
  const subject = `${host.name}, ${from.kind} to ${to.kind}, ${frames.map(frameText).join(", ")}${besideText(coLoad)}`;
  const seconds = (alone?.seconds ?? 0) + plan.seconds;
  const unit = unitOf(operation.tag, inputs.name);
  const beside = await besideFrames(operation, forwarding, inputs, { unit, seconds });
  const others = systemUnderTest === undefined ? {} : { systemUnderTest: forwarding };
  const what = { ...{ kind, name: inputs.name, subject, seconds, firmware }, ...{ asked, others } };
  return measuring(operation, host, what, (facts) => {
    requireOnline({ "generator.cpus": generator.cpus }, CpuSet.parse(facts.onlineCpus), host.name);
    const measure = async (raw: RawOutputs): Promise<Measured> => {
      const log: RecordedTrial[] = [];
      let version = "";
      const within = <T>(of: typeof plan, measure: (trials: Trials) => Promise<T>) =>
        withTrialProgram(operation, host, { unit, plan: of, raw }, async (run) => {
          const watch = of === plan ? await watchSwitch(forwarding) : undefined;
          const trials = new Trials(run, operation.status, log, watch);
          const result = await measure(trials);
          version = trials.version;
          return result;
        });
      const tested =
        alone === undefined ? untested(generator) : await within(alone, (trials) => selfTest(inputs, trials));
      const evidence = [tested, ...(tested.faults.length > 0 ? [] : await within(plan, work))];
      return {
        metrics: evidence.flatMap(({ metrics }) => metrics),
        faults: evidence.flatMap(({ faults }) => faults),
        remarks: [...evidence.flatMap(({ remarks }) => remarks), ...repeatedRemarks(log)],
        trials: log,
        tool: { command: plan.argv, version },
      };
    };
    return (raw) => beside(raw, () => measure(raw));
  });
}

/** Of a generator that can't be set against itself. */
function untested({ kind }: TrialInputs["generator"]): Evidence {
  return {
    ...{ metrics: [], faults: [] },
    remarks: [
      `generator ${kind} was not tried against itself, since it has no ring: what it carries is known from its trials alone, which are worth nothing where it fell behind`,
    ],
  };
}

/** What the generator carries by itself of each frame size; one that fails by an accident of the machine is tried again. */
async function selfTest(inputs: TrialInputs, trials: Trials): Promise<Evidence> {
  const tests: SelfTest[] = [];
  for (const frame of frameSizesOf(inputs)) {
    const trial = selfTestTrial(inputs, frame);
    let test: SelfTest;
    let attempts = 0;
    do {
      const { report: run } = await trials.run(trial, "self-test", `${frameText(frame)}, generator`);
      test = { frame: String(frame), loadPps: trial.loadPps, run };
      attempts += 1;
    } while (selfTestFaults(test).length > 0 && attempts < SELF_TESTS);
    tests.push(test);
  }
  return selfTestEvidence(tests);
}

/** A frame size of which nothing is known. */
export function givenUp(frame: FrameSize, { reason }: { readonly reason: string }): Evidence {
  return { metrics: [], faults: [`${frame}: ${reason}`], remarks: [] };
}

/** A measurement that may be ended half-way: state says so then, and the next `up` makes it anew. */
export async function orInterrupted<
  O extends { readonly record: ResultRecord | null; readonly ended: string },
>(
  { signal, resourceName }: Operation,
  nothing: Omit<O, "record" | "ended">,
  work: () => Promise<O>,
): Promise<O> {
  try {
    return await work();
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const interrupted = new HostError({
      code: "interrupted",
      problem: `${resourceName} was ended before its end, and has no record`,
      hint: "the next `up` runs it again",
      cause,
    });
    throw new Incomplete(interrupted, { ...nothing, record: null, ended: "interrupted" });
  }
}
