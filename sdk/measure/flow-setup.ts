import type { Percentile, SwitchActivity } from "../schema/record.ts";
import { formatNanoseconds } from "../units/duration.ts";
import type { Evidence } from "./evidence.ts";
import { metricOfValues } from "./metric.ts";
import type { TrialResult } from "./search/search.ts";
import {
  type CountedStream,
  DIRECTIONS,
  latencyMetrics,
  type TrafficRun,
  variationRemarks,
} from "./traffic.ts";

/** Share of the later frames that a switch may have had no entry for and still know their flows: others use it too. */
const UNKNOWN_SHARE = 0.01;

/** What was asked of the path. */
export interface AskedFlowSetup {
  readonly ratePps: number;
  /** To be told of first frames. */
  readonly percentile: Percentile;
}

/** A trial of it. */
export interface FlowSetupTrial {
  readonly run: TrafficRun;
  readonly result: TrialResult;
  /** What the switch did meanwhile; undefined where none answers. */
  readonly activity: SwitchActivity | undefined;
}

/** A repetition. */
export interface FlowSetupPart {
  readonly first: FlowSetupTrial;
  readonly later: FlowSetupTrial;
}

type Which = keyof FlowSetupPart;

/**
 * Flow setup (RFC 8204, PacketLatency.InitialPacketProcessingLatency): latency of each flow's first frame, beside that of those that follow, and how many first ones were lost. What the switch counted
 * says how many of them it had no entry for.
 */
export function flowSetupEvidence(
  frame: string,
  { ratePps, percentile }: AskedFlowSetup,
  parts: readonly FlowSetupPart[],
): Evidence {
  const title = `flow-setup.${frame}`;
  const trials = (which: Which) => parts.map((part) => part[which]);
  const counts = (role: string, direction: "lower" | "higher", values: readonly number[]) =>
    metricOfValues({ name: `${title}.${role}`, unit: "count", direction }, values);
  const missed = trials("first").flatMap(({ activity }) => missesOf(activity) ?? []);
  return {
    metrics: [
      ...byDirection(`${title}.first`, trials("first"), (name, streams) =>
        latencyMetrics(name, streams, percentile),
      ),
      ...byDirection(`${title}.later`, trials("later"), latencyMetrics),
      counts("first.lost", "lower", trials("first").map(lostIn)),
      counts("later.lost", "lower", trials("later").map(lostIn)),
      ...(missed.length === parts.length ? [counts("first.misses", "higher", missed)] : []),
    ],
    faults: (["first", "later"] as const).flatMap((which) =>
      trials(which).flatMap(({ result }, index) =>
        result.faults.map(
          (fault) => `${title}.${which}${parts.length === 1 ? "" : `, repetition ${index + 1}`}: ${fault}`,
        ),
      ),
    ),
    remarks: [
      ...lossRemarks(`${title}.first`, trials("first")),
      ...lossRemarks(`${title}.later`, trials("later")),
      ...queueRemarks(`${title}.first`, ratePps, trials("first")),
      ...firstRemarks(`${title}.first`, trials("first")),
      ...laterRemarks(`${title}.later`, trials("later")),
      ...byDirection(`${title}.first`, trials("first"), variationRemarks),
      ...byDirection(`${title}.later`, trials("later"), variationRemarks),
    ],
  };
}

function byDirection<T>(
  title: string,
  trials: readonly FlowSetupTrial[],
  tell: (name: string, streams: readonly CountedStream[]) => readonly T[],
): T[] {
  return DIRECTIONS.flatMap((direction, index) => {
    const streams = trials.flatMap(({ run }) => run.streams[index] ?? []);
    return streams.length === 0 ? [] : tell(`${title}.${direction}`, streams);
  });
}

function lostIn({ run }: FlowSetupTrial): number {
  return run.streams.reduce((sum, { planned, sent, lost }) => sum + planned - sent + lost, 0);
}

function sentIn({ run }: FlowSetupTrial): number {
  return run.streams.reduce((sum, { sent }) => sum + sent, 0);
}

/** Packets that the switch had no entry for; those that it could not ask about are none of its misses. */
function missesOf(activity: SwitchActivity | undefined): number | undefined {
  return activity?.misses === undefined ? undefined : activity.misses + activity.lostUpcalls;
}

function lossRemarks(title: string, trials: readonly FlowSetupTrial[]): string[] {
  const lost = trials.reduce((sum, trial) => sum + lostIn(trial), 0);
  return lost === 0 ? [] : [`${title}: ${lost} frames were lost, and have no latency`];
}

/** A generator that is behind its schedule sends what is due at once. */
function queueRemarks(title: string, ratePps: number, trials: readonly FlowSetupTrial[]): string[] {
  const lag = Math.max(0, ...trials.flatMap(({ run }) => run.streams.map(({ lagMaxNs }) => lagMaxNs)));
  return lag < 1e9 / ratePps
    ? []
    : [
        `${title}: the generator was ${formatNanoseconds(lag)} late, and sent frames right behind each other then: some waited for another's upcall`,
      ];
}

function firstRemarks(title: string, trials: readonly FlowSetupTrial[]): string[] {
  const told = trials.flatMap((trial) => {
    const misses = missesOf(trial.activity);
    return misses === undefined ? [] : [{ misses, sent: sentIn(trial) }];
  });
  if (told.length < trials.length)
    return [
      `${title}: no Open vSwitch answers on the machine that forwards, so that nobody counted how many of these frames it had no entry for`,
    ];
  const fewest = told.toSorted((a, b) => a.misses - a.sent - (b.misses - b.sent))[0];
  if (fewest === undefined || fewest.misses >= fewest.sent) return [];
  const { misses, sent } = fewest;
  return [
    misses === 0
      ? `${title}: the switch counted no packet without an entry: these frames do not go through it, or it knew them all, and none is known to be a first one`
      : `${title}: the switch counted ${misses} packets without an entry for ${sent} first frames: its datapath has one entry for many of these flows, since a megaflow leaves out what no OpenFlow flow matches, and only so many were first ones`,
  ];
}

/** A silent port tells where it is, and the switch may have no entry for that. */
const ANNOUNCEMENTS = 1;

function laterRemarks(title: string, trials: readonly FlowSetupTrial[]): string[] {
  const worst = trials
    .map((trial) => ({ sent: sentIn(trial), misses: (missesOf(trial.activity) ?? 0) - ANNOUNCEMENTS }))
    .toSorted((a, b) => b.misses - a.misses)[0];
  if (worst === undefined || worst.misses <= worst.sent * UNKNOWN_SHARE) return [];
  return [
    `${title}: the switch counted ${worst.misses} packets without an entry among ${worst.sent} later frames: it had forgotten up to as many flows`,
  ];
}
