import { InputError } from "../../units/errors.ts";
import { lossRatio, type Search, searchBy, type Trial } from "./search.ts";

export interface BackToBack {
  /** Highest rate that the wire allows for this size of frame, in frames per second: bursts are of no other. */
  readonly lineRatePps: number;
  /** Throughput of this size of frame, in frames per second, measured before. */
  readonly throughputPps: number;
  /** Longest burst. RFC 9004 asks for 30 s at most. Default: 2000. */
  readonly longestMs?: number;
  /** Frames to which the longest burst without loss is found. Default: 1. */
  readonly withinFrames?: number;
  /** Bursts that are found, one after another. RFC 2544 asks for at least 50. Default: 50. */
  readonly repetitions?: number;
}

export interface Bursts {
  /** `no-loss`: the longest burst that may be sent loses nothing, so that nothing is known of the buffer. */
  readonly kind: "regular" | "no-loss";
  /** Frames of the longest burst without loss, of each repetition. */
  readonly bursts: readonly number[];
  readonly averageFrames: number;
  readonly minFrames: number;
  readonly maxFrames: number;
  /** Of the repetitions, of a sample; 0 of a single one. */
  readonly deviationFrames: number;
  /** How long the average burst is on the wire; RFC 9004's implied buffer time. */
  readonly impliedBufferMs: number;
  /** That without the frames which are forwarded meanwhile (RFC 9004, section 5.4). */
  readonly correctedBufferMs: number;
}

interface State {
  readonly bursts: readonly number[];
  /** Frames of the burst that passed, and of the one that failed, of the repetition under way. */
  readonly passed: number;
  readonly failed: number | undefined;
  readonly isWhole: boolean;
}

const FRESH = { passed: 0, failed: undefined, isWhole: false } as const;

/**
 * Back-to-back frames of RFC 2544 (section 26.4) with RFC 9004's corrections: the longest burst at line rate that loses nothing, by bisection, many times, and
 * what buffer that tells of. The length of a burst is the trial's duration: frames are `loadPps * durationMs / 1000`, rounded.
 *
 * @throws InputError `bursts`
 */
export function backToBack(config: BackToBack): Search<Bursts> {
  const { lineRatePps, throughputPps, longestMs = 2000, withinFrames = 1, repetitions = 50 } = config;
  const longest = Math.floor((lineRatePps * longestMs) / 1000);
  if (
    !(
      throughputPps >= 0 &&
      throughputPps <= lineRatePps &&
      longest > withinFrames &&
      withinFrames >= 1 &&
      repetitions >= 1
    )
  ) {
    throw new InputError({
      code: "bursts",
      problem: "no bursts to search",
      observed: `${longest} frames at most, to ${withinFrames}, ${repetitions} times, at a throughput of ${throughputPps} of ${lineRatePps} frames/s`,
      expected:
        "a throughput up to line rate, bursts longer than the frames they are found to, one repetition at least",
    });
  }
  return searchBy<State, Bursts>(
    {
      next({ bursts, passed, failed, isWhole }): Trial | { verdict: Bursts } {
        if (isWhole) return { verdict: verdictOf("no-loss", [...bursts, longest], config) };
        if (bursts.length === repetitions) return { verdict: verdictOf("regular", bursts, config) };
        const frames = failed === undefined ? longest : Math.floor((passed + failed) / 2);
        return { loadPps: lineRatePps, durationMs: (frames * 1000) / lineRatePps };
      },
      take(state, result): State {
        const frames = Math.round((result.loadPps * result.durationMs) / 1000);
        const isGood = lossRatio(result) === 0;
        if (isGood && frames === longest) return { ...state, isWhole: true };
        const next = isGood ? { ...state, passed: frames } : { ...state, failed: frames };
        return next.failed !== undefined && next.failed - next.passed <= withinFrames
          ? { ...FRESH, bursts: [...state.bursts, next.passed] }
          : next;
      },
    },
    { ...FRESH, bursts: [] },
  );
}

function verdictOf(kind: Bursts["kind"], bursts: readonly number[], config: BackToBack): Bursts {
  const average = bursts.reduce((sum, frames) => sum + frames, 0) / bursts.length;
  const squares = bursts.reduce((sum, frames) => sum + (frames - average) ** 2, 0);
  const implied = (average * 1000) / config.lineRatePps;
  return {
    kind,
    bursts,
    averageFrames: average,
    minFrames: Math.min(...bursts),
    maxFrames: Math.max(...bursts),
    deviationFrames: bursts.length < 2 ? 0 : Math.sqrt(squares / (bursts.length - 1)),
    impliedBufferMs: implied,
    correctedBufferMs: implied * (1 - config.throughputPps / config.lineRatePps),
  };
}
