import type { Metric, Percentile } from "../schema/record.ts";
import { metricOf } from "./metric.ts";

/** Echoes of one repetition, as far as they are judged. */
export interface Echoes {
  readonly sent: number;
  readonly roundTripsNs: readonly number[];
  readonly departures: readonly (readonly [sequence: number, ms: number])[];
}

/** Round trips of echoes on a schedule. What a sender that stood still never sent counts as missing, as what was never answered does. */
export function roundTripMetric(runs: readonly Echoes[], intervalMs: number, percentile: Percentile): Metric {
  return metricOf(
    { name: "guest.round-trip", unit: "ns", direction: "lower", percentile },
    runs.map(({ sent, roundTripsNs, departures }) => ({
      buckets: roundTripsNs.map((ns) => [ns, 1] as const),
      overflow: 0,
      max: roundTripsNs.reduce((most, ns) => Math.max(most, ns), 0),
      expected: sent + slotsPassedOver(departures, intervalMs),
    })),
  );
}

/** Turns of the schedule that a sender let pass without an echo: ping goes on from where it woke up, and numbers on. */
export function slotsPassedOver(departures: Echoes["departures"], intervalMs: number): number {
  return departures.reduce((passed, [sequence, ms], index) => {
    const [before, from] = departures[index - 1] ?? [sequence, ms];
    // What it is late by less than an interval, each time, is its timer's grain.
    return passed + Math.max(0, Math.floor((ms - from) / intervalMs) - (sequence - before));
  }, 0);
}
