import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTrafficReport, receivedBySecond } from "../observe/traffic.ts";
import { inUnit, stopUnit } from "../plan/benchmarks.ts";
import { withErrors } from "../plan/traffic-run.ts";
import {
  type AskedTrial,
  sendingMsOf,
  type TrialPlan,
  trialLimitMs,
  trialLine,
} from "../plan/traffic-trials.ts";
import type { TrafficReport } from "../schema/traffic-report.ts";
import { HostError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";
import type { RawOutputs } from "./raw-outputs.ts";
import { trafficFailed } from "./traffic-failure.ts";

/** How much longer than the program itself its unit may live, and we wait for it, s. */
const SLACK_S = 15;
/** The longest that a timer of this process can wait, ms; the unit's own limit is not bound by it. */
const LONGEST_MS = 2 ** 31 - 1;

export interface TrialAnswer {
  readonly report: TrafficReport;
  /** Frames that came in each second of sending. */
  readonly received: readonly number[];
}

/** Tells the program a trial, and waits for what came of it. One at a time. */
export type RunTrial = (trial: AskedTrial) => Promise<TrialAnswer>;

/**
 * Runs the traffic program while the work tells it trials: its ports stay open from one to the next. It ends with the work, with our connection to it, or with its unit's time, whichever is
 * first.
 *
 * @throws HostError `traffic-failed`, `trial-silent`, `parse`
 */
export async function withTrialProgram<T>(
  { signal }: Operation,
  host: Host,
  { unit, plan, raw }: { readonly unit: string; readonly plan: TrialPlan; readonly raw: RawOutputs },
  work: (run: RunTrial) => Promise<T>,
): Promise<T> {
  const stop = stopUnit(unit);
  const seconds = plan.seconds + SLACK_S;
  await host.execute([stop, ...plan.prepare]);
  const stdin = new Readable({ read: () => undefined });
  const said = new TrialText();
  const argv = inUnit(unit, seconds, withErrors(plan.argv), plan.properties);
  const output = raw.begin(host.name, argv);
  const ended = host.transport
    .execute({
      argv,
      timeoutMs: Math.min((seconds + SLACK_S) * 1000, LONGEST_MS),
      signal,
      stdin,
      onStdout: (chunk) => {
        output.stdout(chunk);
        said.take(chunk);
      },
      onStderr: (chunk) => output.stderr(chunk),
    })
    .then(async (result) => {
      output.end(result.code);
      if (result.code !== 0) throw await trafficFailed(host, result);
    });
  const early = ended.then(() => {
    throw new HostError({
      code: "traffic-failed",
      problem: `the traffic program ended on ${host.name} before its trial did`,
      hint: `see its unit's journal: journalctl -u ${unit}`,
    });
  });
  // Whoever waits for a trial hears of it; nobody does between two.
  early.catch(() => undefined);
  try {
    const result = await work(async (trial) => {
      const waiting = new AbortController();
      const report = said.next();
      const line = `${trialLine(trial)}\n`;
      output.stdin(line);
      stdin.push(line);
      try {
        const silent = silence(host, unit, trialLimitMs(sendingMsOf(trial), plan.settle), waiting.signal);
        return await Promise.race([report, early, silent]);
      } finally {
        waiting.abort();
      }
    });
    stdin.push(null);
    await ended;
    return result;
  } finally {
    stdin.destroy();
    // Nothing is left of one that was given up.
    await host.transport.execute(stop).catch(() => undefined);
    // Its last words belong to the run.
    await ended.catch(() => undefined);
  }
}

async function silence(host: Host, unit: string, ms: number, signal: AbortSignal): Promise<never> {
  await sleep(ms, undefined, { signal });
  throw new HostError({
    code: "trial-silent",
    problem: `the traffic program on ${host.name} tells nothing of its trial`,
    observed: `no report after ${Math.round(ms / 1000)} s`,
    hint: `see its unit's journal: journalctl -u ${unit}`,
  });
}

/** What the program says, cut at its reports. */
class TrialText {
  #text = "";
  #deliver: ((answer: TrialAnswer) => void) | undefined;
  #refuse: ((error: unknown) => void) | undefined;

  next(): Promise<TrialAnswer> {
    return new Promise((resolve, reject) => {
      this.#deliver = resolve;
      this.#refuse = reject;
    });
  }

  take(chunk: Uint8Array): void {
    this.#text += Buffer.from(chunk).toString("utf8");
    const report = /^\{"nfvlabTraffic":1,.*\n/m.exec(this.#text);
    if (report === null) return;
    const end = report.index + report[0].length;
    const text = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    try {
      this.#deliver?.({ report: parseTrafficReport(text), received: receivedBySecond(text) });
    } catch (error) {
      this.#refuse?.(error);
    }
  }
}
