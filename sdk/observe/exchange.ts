import { HostError } from "../units/errors.ts";
import { jsonOf } from "./understood.ts";

/** What one end of an exchange counted. */
export interface ExchangeReport {
  /** `complete`, or what ended it: `signal` or `limit`. */
  readonly ended: string;
  readonly planned: number;
  /** Frames that its port took. */
  readonly sent: number;
  /** How often its port had no room; a sender tries again, an answer is lost. */
  readonly refused: number;
  /** From the first frame sent to the last. */
  readonly sendingNs: number;
  /** How late a frame was sent at most. */
  readonly lagMaxNs: number;
  /** Frames that came, each counted once. */
  readonly received: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Frames that reached the guest and that the program was too slow for. */
  readonly dropped: number;
  readonly roundTrip: {
    readonly samples: number;
    readonly minNs: number;
    readonly maxNs: number;
    /** Counts by the largest value of each bucket. */
    readonly buckets: readonly (readonly [ns: number, count: number])[];
  };
}

/**
 * Reads the document that the exchange program prints at its end.
 *
 * @throws HostError `parse`
 */
export function parseExchangeReport(text: string): ExchangeReport {
  const line = text.split("\n").findLast((candidate) => candidate.startsWith('{"nfvlabExchange":1,'));
  try {
    const { nfvlabExchange: _, role: __, ...report } = jsonOf(line ?? "") as ExchangeReport & Head;
    return report;
  } catch (cause) {
    throw new HostError({
      code: "parse",
      problem: "could not read what the exchange program reported",
      observed: JSON.stringify(text.slice(-200)),
      expected: "a JSON document at its end",
      cause,
    });
  }
}

interface Head {
  readonly nfvlabExchange: 1;
  readonly role: string;
}
