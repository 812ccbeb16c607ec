import type { Metric, Percentile } from "../schema/record.ts";
import type { TrafficFrames } from "../schema/traffic.ts";
import { metricOf } from "./metric.ts";
import { PACE_KEPT, rateOf } from "./traffic.ts";

/** What one end counted, as far as it is judged. */
export interface ExchangeCounts {
  readonly ended: string;
  readonly planned: number;
  readonly sent: number;
  readonly refused: number;
  readonly sendingNs: number;
  readonly received: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly dropped: number;
  readonly roundTrip: {
    readonly minNs: number;
    readonly maxNs: number;
    readonly buckets: readonly (readonly [ns: number, count: number])[];
  };
}

/** One repetition, as the sending end and the answering one counted it. */
export interface ExchangeRun {
  readonly send: ExchangeCounts;
  readonly answer: ExchangeCounts;
}

/** Round trips, and frames that did not come back, over all repetitions. */
export function exchangeMetrics(runs: readonly ExchangeRun[], percentile?: Percentile): Metric[] {
  return [
    metricOf(
      { name: "exchange.round-trip", unit: "ns", direction: "lower", percentile },
      runs.map(({ send: { roundTrip } }) => ({
        buckets: roundTrip.buckets.map(
          ([ns, count], at) => [at === 0 ? roundTrip.minNs : ns, count] as const,
        ),
        overflow: 0,
        max: roundTrip.maxNs,
        expected: 0,
      })),
    ),
    metricOf(
      { name: "exchange.lost", unit: "count", direction: "lower" },
      runs.map(({ send }) => {
        const lost = send.sent - send.received;
        return { buckets: [[lost, 1]] as const, overflow: 0, max: lost, expected: 1 };
      }),
    ),
  ];
}

/** Frames there and back, each way by the counts of both its ends, summed over all repetitions. */
export function exchangeFrames(runs: readonly ExchangeRun[]): {
  forward: TrafficFrames;
  reverse: TrafficFrames;
} {
  const total = (count: (run: ExchangeRun) => number) => runs.reduce((sum, run) => sum + count(run), 0);
  const way = (
    planned: (run: ExchangeRun) => number,
    from: (run: ExchangeRun) => ExchangeCounts,
    to: (run: ExchangeRun) => ExchangeCounts,
  ): TrafficFrames => ({
    planned: total(planned),
    sent: total((run) => from(run).sent),
    received: total((run) => to(run).received),
    lost: total((run) => from(run).sent - to(run).received),
    duplicated: total((run) => to(run).duplicated),
    reordered: total((run) => to(run).reordered),
  });
  const send = (run: ExchangeRun) => run.send;
  const answer = (run: ExchangeRun) => run.answer;
  return {
    forward: way((run) => run.send.planned, send, answer),
    reverse: way((run) => run.answer.received, answer, send),
  };
}

/** A sentence for each thing that makes a run worth nothing, whatever its numbers are. */
export function exchangeFaults({ send, answer }: ExchangeRun, rate: number): string[] {
  const pace = rateOf(send.sent, send.sendingNs);
  return [
    ...(send.ended === "complete" ? [] : [`the sending end was ended early, by its ${send.ended}`]),
    ...(answer.ended === "complete" ? [] : [`the answering end was ended early, by its ${answer.ended}`]),
    ...(send.sent < send.planned
      ? [`saturated generator: it could send ${send.sent} of ${send.planned} frames in their time`]
      : send.sent > 1 && pace < rate * PACE_KEPT
        ? [`saturated generator: it sent ${Math.round(pace)} frames/s of ${rate}`]
        : []),
    ...(answer.received > send.sent
      ? [`${answer.received} frames came to the answering end, but ${send.sent} were sent`]
      : []),
    ...(send.received > answer.sent ? [`${send.received} answers came, but ${answer.sent} were sent`] : []),
    ...(send.dropped + answer.dropped > 0
      ? [`saturated sink: the ends had no room for ${send.dropped + answer.dropped} frames that reached them`]
      : []),
    ...(answer.refused > 0
      ? [`saturated sink: the answering end had no room for ${answer.refused} answers`]
      : []),
  ];
}
