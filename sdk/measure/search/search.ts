import { InputError } from "../../units/errors.ts";

/** One trial that a search asks for: constant load for a time. */
export interface Trial {
  /** Frames per second of one direction. */
  readonly loadPps: number;
  readonly durationMs: number;
  /** Load that follows at once, where it does not stay what it is; no search asks for that. */
  readonly afterwards?: { readonly loadPps: number; readonly durationMs: number } | undefined;
}

/** What came of a trial. Frames are those of all directions together. */
export interface TrialResult extends Trial {
  /** Frames that the load asks for in this time: those that were never sent count as lost. */
  readonly intended: number;
  readonly received: number;
  /** What makes the trial worth nothing: a saturated generator, a port that counted otherwise. Empty of a valid one. */
  readonly faults: readonly string[];
}

export type Step<Verdict> =
  | { readonly kind: "trial"; readonly trial: Trial }
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  /** No verdict rests on trials that are worth nothing. */
  | { readonly kind: "given-up"; readonly reason: string };

/**
 * A search that knows no generator: it says the next trial, is told its result, and is another search then. What it was told is all its
 * state, so that one that was interrupted goes on from a list: `resumed(search, results)`.
 */
export interface Search<Verdict> {
  readonly step: Step<Verdict>;
  /** Every result so far, those that are worth nothing too. */
  readonly trace: readonly TrialResult[];
  /** @throws InputError `trial-unasked` where the result is of another trial than the one asked for, `trial-counts` where frames are no counts */
  tell(result: TrialResult): Search<Verdict>;
}

/** What one kind of search is: its state, what it wants next, and what a valid result makes of it. */
export interface Method<State, Verdict> {
  next(state: State): Trial | { readonly verdict: Verdict };
  take(state: State, result: TrialResult): State;
}

/** Trials in a row that may be worth nothing. */
const INVALID_IN_A_ROW = 3;

export function searchBy<State, Verdict>(
  method: Method<State, Verdict>,
  state: State,
  trace: readonly TrialResult[] = [],
): Search<Verdict> {
  const step = stepOf(method, state, trace);
  return {
    step,
    trace,
    tell(result) {
      check(step, result);
      const next = result.faults.length > 0 ? state : method.take(state, result);
      return searchBy(method, next, [...trace, result]);
    },
  };
}

/**
 * A search told all of these, in their order.
 *
 * @throws InputError as `tell`: the list is of another search
 */
export function resumed<Verdict>(search: Search<Verdict>, results: readonly TrialResult[]): Search<Verdict> {
  return results.reduce((so, result) => so.tell(result), search);
}

/** The same search, its verdict as somebody else wants it. */
export function mapped<Verdict, Other>(
  search: Search<Verdict>,
  change: (verdict: Verdict) => Other,
): Search<Other> {
  const { step, trace } = search;
  return {
    step: step.kind === "verdict" ? { kind: "verdict", verdict: change(step.verdict) } : step,
    trace,
    tell: (result) => mapped(search.tell(result), change),
  };
}

/** Share of the intended frames that did not come. */
export function lossRatio({ intended, received }: TrialResult): number {
  return intended === 0 ? 0 : Math.max(0, intended - received) / intended;
}

function stepOf<State, Verdict>(
  method: Method<State, Verdict>,
  state: State,
  trace: readonly TrialResult[],
): Step<Verdict> {
  const last = trace.slice(-INVALID_IN_A_ROW);
  if (last.length === INVALID_IN_A_ROW && last.every(({ faults }) => faults.length > 0)) {
    return {
      kind: "given-up",
      reason: `${INVALID_IN_A_ROW} trials in a row were worth nothing: ${last.at(-1)?.faults.join("; ")}`,
    };
  }
  const next = method.next(state);
  return "verdict" in next
    ? { kind: "verdict", verdict: next.verdict }
    : { kind: "trial", trial: { loadPps: next.loadPps, durationMs: next.durationMs } };
}

function check(step: Step<unknown>, { loadPps, durationMs, intended, received }: TrialResult): void {
  const asked = step.kind === "trial" ? step.trial : undefined;
  if (asked?.loadPps !== loadPps || asked.durationMs !== durationMs) {
    throw new InputError({
      code: "trial-unasked",
      problem: "a result of a trial that was not asked for",
      observed: `${loadPps} frames/s for ${durationMs} ms`,
      expected:
        asked === undefined
          ? "none, the search has ended"
          : `${asked.loadPps} frames/s for ${asked.durationMs} ms`,
      hint: "tell a search the results of its own trials, in their order",
    });
  }
  if (!Number.isInteger(intended) || !Number.isInteger(received) || received < 0 || intended < 0) {
    throw new InputError({
      code: "trial-counts",
      problem: "frames of a trial are no counts",
      observed: `${received} received of ${intended}`,
      expected: "whole numbers >= 0",
    });
  }
}
