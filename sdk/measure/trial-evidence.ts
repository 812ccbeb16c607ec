import type { RecordedTrial } from "../schema/record.ts";
import type { Evidence } from "./evidence.ts";
import { metricOf, single } from "./metric.ts";
import type { Bursts } from "./search/back-to-back.ts";
import type { LossPoint } from "./search/loss-curve.ts";
import type { CriticalLoad } from "./search/plrsearch.ts";
import type { TrialResult } from "./search/search.ts";
import { steadinessOf } from "./steady-state.ts";
import {
  type CountedStream,
  DIRECTIONS,
  latencyMetrics,
  sentPps,
  type TrafficRun,
  trafficFaults,
  unpacedRemarks,
  variationRemarks,
} from "./traffic.ts";

/** The generator against itself. */
export interface SelfTest {
  /** `64`, `imix` */
  readonly frame: string;
  readonly loadPps: number;
  readonly run: TrafficRun;
}

/** Why a generator does not carry by itself what may be asked of it; empty where it does. */
export function selfTestFaults({ loadPps, run }: SelfTest): string[] {
  const lost = run.streams.reduce((sum, stream) => sum + stream.lost, 0);
  return [
    ...trafficFaults(run, Math.round(loadPps)),
    ...(lost > 0 ? [`it lost ${lost} frames that came back over a ring`] : []),
  ];
}

/** What the generator sent by itself; a fault for each frame size that it does not carry at the highest load. */
export function selfTestEvidence(tests: readonly SelfTest[]): Evidence {
  return {
    metrics: tests.map(({ frame, run }) =>
      metricOf(
        { name: `generator.${frame}`, unit: "pps", direction: "higher" },
        run.streams.map((stream) => single(Math.round(sentPps(stream)))),
      ),
    ),
    faults: tests.flatMap((test) => {
      const faults = selfTestFaults(test);
      return faults.length === 0
        ? []
        : [
            `the generator does not carry ${Math.round(test.loadPps)} frames/s of ${test.frame} by itself, and nothing was measured with it: ${faults.join("; ")}`,
          ];
    }),
    remarks: [],
  };
}

/** Trials of a search that were made again: what was worth nothing is no secret. */
export function repeatedRemarks(trials: readonly RecordedTrial[]): string[] {
  const searched = trials.filter(({ purpose }) => purpose === "search");
  const repeated = searched.filter(({ faults }) => faults.length > 0).length;
  return repeated === 0
    ? []
    : [`${repeated} of ${searched.length} trials were worth nothing and made again; each says why`];
}

/** One-way latency and its variation by direction at a share of the throughput. */
export function latencyEvidence(
  frame: string,
  percent: number,
  run: TrafficRun,
  { faults }: TrialResult,
): Evidence {
  const title = `latency.${frame}.${percent}`;
  const lost = run.streams.reduce((sum, stream) => sum + stream.lost, 0);
  return {
    metrics: byDirection(title, [run], latencyMetrics),
    faults: faults.map((fault) => `${title}: ${fault}`),
    remarks: [
      ...(lost > 0 ? [`${title}: ${lost} frames were lost, and have no latency`] : []),
      ...byDirection(title, [run], variationRemarks),
    ],
  };
}

/** Loss by load, in percent of the highest one; and what came of them a second, at the highest load and at most (RFC 2285, FRMOL and MFR). */
export function lossEvidence(frame: string, points: readonly LossPoint[]): Evidence {
  const highest = Math.max(...points.map(({ loadPps }) => loadPps));
  const percentOf = (loadPps: number) => Number(((loadPps / highest) * 100).toFixed(1));
  const rates = points.map(({ loadPps, lossRatio }) => ({ loadPps, pps: loadPps * (1 - lossRatio) }));
  const most = Math.max(...rates.map(({ pps }) => pps));
  const best = rates.find(({ pps }) => pps === most)?.loadPps ?? highest;
  const rate = (role: string, pps: number) =>
    metricOf({ name: `forwarding.${frame}.${role}`, unit: "pps", direction: "higher" }, [
      single(Math.round(pps)),
    ]);
  return {
    metrics: [
      ...points.map(({ loadPps, lossRatio }) => {
        const name = `loss.${frame}.${percentOf(loadPps)}`;
        return metricOf({ name, unit: "ratio", direction: "lower" }, [single(lossRatio)]);
      }),
      rate("mfr", most),
      ...rates.filter(({ loadPps }) => loadPps === highest).map(({ pps }) => rate("frmol", pps)),
    ],
    faults: [],
    remarks:
      best === highest
        ? []
        : [
            `forwarding.${frame}.mfr: at ${percentOf(best)} % of the highest load, ${Math.round(best)} frames/s`,
          ],
  };
}

/** Longest bursts without loss, and the buffer that they tell of. */
export function burstEvidence(
  frame: string,
  { kind, bursts, impliedBufferMs, correctedBufferMs }: Bursts,
): Evidence {
  const buffer = (role: string, ms: number) =>
    metricOf({ name: `buffer.${frame}.${role}`, unit: "ns", direction: "higher" }, [
      single(Math.round(ms * 1e6)),
    ]);
  return {
    metrics: [
      metricOf({ name: `burst.${frame}`, unit: "count", direction: "higher" }, bursts.map(single)),
      ...(kind === "no-loss"
        ? []
        : [buffer("implied", impliedBufferMs), buffer("corrected", correctedBufferMs)]),
    ],
    faults: [],
    remarks:
      kind === "no-loss"
        ? [
            `burst.${frame}: the longest burst that may be sent loses nothing, so that nothing is known of the buffer`,
          ]
        : [],
  };
}

/** The load that loses a wanted share over a long time, and how well that is known. */
export function criticalEvidence(
  frame: string,
  { kind, averagePps, stdevPps, trend, byFit }: CriticalLoad,
): Evidence {
  const title = `critical.${frame}`;
  const figure = (name: string, direction: "higher" | "lower", pps: number) =>
    metricOf({ name, unit: "pps", direction }, [single(Math.round(pps))]);
  // Of the first half of the time there is one too: every trial has an estimate.
  const halfway = trend[Math.floor((trend.length - 1) / 2)];
  const rounded = (pps: number) => Math.round(pps);
  return {
    metrics: [figure(title, "higher", averagePps), figure(`${title}.stdev`, "lower", stdevPps)],
    faults:
      kind === "below-minimum"
        ? [
            `${title}: even the lowest load loses more than the wanted share, so that nothing is known below it`,
          ]
        : [],
    remarks: [
      ...(kind === "at-maximum"
        ? [`${title}: no trial lost as much as the wanted share, so that the critical load may be higher`]
        : []),
      ...(halfway === undefined
        ? []
        : [
            `${title}: by ${trend.length} trials; its standard deviation was ${rounded(halfway.stdevPps)} frames/s halfway and ${rounded(stdevPps)} at the end; by a curve with an exponential tail it is ${rounded(byFit.stretch)}, by a normal one ${rounded(byFit.erf)}`,
          ]),
    ],
  };
}

/** Seconds that a soak may take until it is as it stays. */
const START_UP_S = 5;

/** A trial of a soak. */
export interface SoakPart {
  readonly run: TrafficRun;
  readonly result: TrialResult;
  /** Frames that came in each second. */
  readonly received: readonly number[];
}

/** What was lost, how late frames came, and whether what arrived stayed as it was. */
export function soakEvidence(frame: string, parts: readonly SoakPart[]): Evidence {
  const facts = (name: string) => `soak.${frame}.${name}`;
  const runs = parts.map(({ run }) => run);
  const { from = 0, reason } = steadinessOf(parts.flatMap(({ received }) => received));
  // A start-up that is longer than this is what a soak is to find.
  const unsteady =
    reason === "" && from > START_UP_S ? `it was another in its first ${from} seconds` : reason;
  return {
    metrics: [
      metricOf(
        { name: facts("throughput"), unit: "pps", direction: "higher" },
        parts.map(({ result }) => single(Math.round((result.received * 1000) / result.durationMs))),
      ),
      metricOf(
        { name: facts("lost"), unit: "count", direction: "lower" },
        parts.map(({ result }) => single(Math.max(0, result.intended - result.received))),
      ),
      ...byDirection(facts("latency"), runs, latencyMetrics),
    ],
    faults: [
      ...parts.flatMap(({ result }) => result.faults.map((fault) => `${facts("throughput")}: ${fault}`)),
      ...(unsteady === ""
        ? []
        : [`${facts("throughput")}: not steady, ${unsteady} (frames that came in each second)`]),
    ],
    remarks: [
      ...unpacedRemarks(runs).map((remark) => `${facts("throughput")}: ${remark}`),
      ...byDirection(facts("latency"), runs, variationRemarks),
    ],
  };
}

function byDirection<T>(
  title: string,
  runs: readonly TrafficRun[],
  tell: (name: string, streams: readonly CountedStream[]) => readonly T[],
): T[] {
  return DIRECTIONS.flatMap((direction, index) => {
    const streams = runs.flatMap(({ streams: all }) => all[index] ?? []);
    return streams.length === 0 ? [] : tell(`${title}.${direction}`, streams);
  });
}
