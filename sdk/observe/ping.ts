import { HostError } from "../units/errors.ts";

export interface PingRun {
  readonly sent: number;
  readonly received: number;
  /** Round trip times in the order of their echoes. */
  readonly roundTripsNs: readonly number[];
  /** Sequence numbers that were never answered. */
  readonly lost: readonly number[];
  readonly duplicates: number;
  /** When each answered echo was sent, in their order; empty of a ping that was not asked for times (-D). */
  readonly departures: readonly (readonly [sequence: number, ms: number])[];
}

/** More than anybody waits for: a day of an echo each millisecond. */
const MOST = 1e8;

/**
 * Reads what ping prints, that of iputils or of busybox.
 *
 * @throws HostError `parse`
 */
export function parsePing(text: string): PingRun {
  const summary = /^(\d+) packets transmitted, (\d+) (?:packets )?received/m.exec(text);
  if (summary === null || Number(summary[1]) > MOST) {
    throw new HostError({
      code: "parse",
      problem: "could not read what ping reported",
      observed: JSON.stringify(text.trim().slice(-200)) || "nothing",
    });
  }
  const sent = Number(summary[1]);
  const times = new Map<number, number>();
  const departures: (readonly [number, number])[] = [];
  let duplicates = 0;
  let first = Number.POSITIVE_INFINITY;
  for (const [, answeredAt, sequence = "", milliseconds = "", duplicate] of text.matchAll(
    /(?:^\[(\d{1,10}\.\d{6})\] )?[^\n]*?seq=(\d+) [^\n]*time=(\d+(?:\.\d+)?) ms( \(DUP!\))?/gm,
  )) {
    if (duplicate !== undefined || times.has(Number(sequence))) duplicates += 1;
    else {
      times.set(Number(sequence), Math.round(Number(milliseconds) * 1e6));
      // The time is that of the answer.
      if (answeredAt !== undefined)
        departures.push([Number(sequence), Number(answeredAt) * 1000 - Number(milliseconds)]);
    }
    first = Math.min(first, Number(sequence));
  }
  // iputils counts from 1, busybox from 0; where nothing came back it does not matter.
  const start = first === 0 ? 0 : 1;
  const all = Array.from({ length: sent }, (_, index) => start + index);
  return {
    sent,
    received: times.size,
    roundTripsNs: [...times.entries()].sort(([a], [b]) => a - b).map(([, ns]) => ns),
    lost: all.filter((sequence) => !times.has(sequence)),
    duplicates,
    departures: departures.sort(([a], [b]) => a - b),
  };
}
