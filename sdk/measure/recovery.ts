import type { TrafficStep } from "../schema/traffic-report.ts";
import { formatNanoseconds } from "../units/duration.ts";
import type { Evidence } from "./evidence.ts";
import { metricOfValues } from "./metric.ts";
import type { TrialResult } from "./search/search.ts";
import type { TrafficRun } from "./traffic.ts";

/** RFC 2544 asks for an overload of at least so long. */
const STANDARD_OVERLOAD_MS = 60_000;
/** Share of the time of half the load that has to pass without a loss, or nobody knows whether there would be another. */
const CLEAN_SHARE = 0.1;

/** What was asked of the path, of one frame size. */
export interface AskedRecovery {
  /** Frames per second and direction. */
  readonly throughputPps: number;
  /** Of the overload, in percent of the throughput, as it was wanted; the line may carry less. */
  readonly percent: number;
  readonly overloadPps: number;
  readonly overloadMs: number;
  /** How long half of the overload was sent then. */
  readonly reliefMs: number;
}

/** An overload, and half of it behind. */
export interface RecoveryPart {
  readonly run: TrafficRun;
  readonly result: TrialResult;
}

/** A direction: its overload, and what came behind. */
interface Change {
  readonly overload: TrafficStep;
  readonly relief: TrafficStep;
}

/**
 * System recovery (RFC 2544, section 26.5): from when the rate falls to half of an overload until the last frame that is lost. Frames that a port refuses after the change are frames that a wire
 * would lose, so the last of them counts too. Not valid where the overload lost nothing, or where loss did not end.
 */
export function recoveryEvidence(
  frame: string,
  asked: AskedRecovery,
  parts: readonly RecoveryPart[],
): Evidence {
  const title = `recovery.${frame}`;
  const each = parts.map(({ run }) => changesOf(run));
  const times = each.map((changes) => Math.max(0, ...changes.map(recoveryNs)));
  const lost = (which: keyof Change) =>
    each.map((changes) => changes.reduce((sum, change) => sum + lostIn(change[which]), 0));
  const shares = each.map((changes, index) => {
    const planned = changes.reduce((sum, { overload }) => sum + overload.planned, 0);
    return planned === 0 ? 0 : (lost("overload")[index] ?? 0) / planned;
  });
  const told = each.some((changes) => changes.length > 0);
  return {
    metrics: told
      ? [
          metricOfValues({ name: title, unit: "ns", direction: "lower" }, times),
          metricOfValues({ name: `${title}.lost`, unit: "count", direction: "lower" }, lost("relief")),
          metricOfValues({ name: `${title}.overload`, unit: "ratio", direction: "lower" }, shares),
        ]
      : [],
    faults: parts.flatMap(({ result }, index) =>
      [...result.faults, ...faultsOf(each[index] ?? [], asked)].map(
        (fault) => `${title}${parts.length === 1 ? "" : `, repetition ${index + 1}`}: ${fault}`,
      ),
    ),
    remarks: remarksOf(asked).map((remark) => `${title}: ${remark}`),
  };
}

function changesOf({ streams }: TrafficRun): Change[] {
  return streams.flatMap(({ steps = [] }) => {
    const [overload, relief] = steps;
    return overload === undefined || relief === undefined ? [] : [{ overload, relief }];
  });
}

/** Those that were never sent are lost: the port had no room for them. */
function lostIn({ planned, sent, lost }: TrafficStep): number {
  return planned - sent + lost;
}

function recoveryNs({ relief: { lastLostNs = 0, lastRefusedNs = 0 } }: Change): number {
  return Math.max(lastLostNs, lastRefusedNs);
}

function faultsOf(changes: readonly Change[], { overloadPps, reliefMs }: AskedRecovery): string[] {
  if (changes.length === 0) return ["the generator told nothing of a change of its rate"];
  const none = changes.every(({ overload }) => lostIn(overload) === 0);
  return [
    ...(none
      ? [`nothing was lost at ${overloadPps} frames/s, so that there was nothing to recover from`]
      : []),
    ...changes.flatMap((change) => {
      const ns = recoveryNs(change);
      const { relief } = change;
      return [
        ...(ns > reliefMs * 1e6 * (1 - CLEAN_SHARE)
          ? [
              `frames were still lost ${formatNanoseconds(ns)} after the change, of ${formatNanoseconds(reliefMs * 1e6)} that were measured: it did not recover`,
            ]
          : []),
        // A frame that waits for its port is late by the port's doing.
        ...(ns > 0 && relief.refused === 0 && relief.lagMaxNs >= ns
          ? [
              `the generator itself was ${formatNanoseconds(relief.lagMaxNs)} late, no less than the recovery took`,
            ]
          : []),
      ];
    }),
  ];
}

function remarksOf({ throughputPps, percent, overloadPps, overloadMs }: AskedRecovery): string[] {
  const wanted = Math.floor((throughputPps * percent) / 100);
  const had = Math.floor((overloadPps / throughputPps) * 100);
  return [
    ...(overloadMs < STANDARD_OVERLOAD_MS
      ? [
          `short: the overload was sent for ${formatNanoseconds(overloadMs * 1e6)}, RFC 2544 asks for ${formatNanoseconds(STANDARD_OVERLOAD_MS * 1e6)} or more`,
        ]
      : []),
    ...(overloadPps < wanted
      ? [
          `the overload was ${had} % of the throughput and not ${percent} %: no load is above ${overloadPps} frames/s`,
        ]
      : []),
  ];
}
