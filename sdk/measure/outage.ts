import type { Metric } from "../schema/record.ts";
import type { TrafficReport, TrafficStream } from "../schema/traffic-report.ts";
import { formatNanoseconds } from "../units/duration.ts";
import type { Evidence } from "./evidence.ts";
import { metricOfValues } from "./metric.ts";
import { DIRECTIONS, trafficFaults } from "./traffic.ts";

/** Share of the time behind the event that frames have to have come again for. */
const BACK_SHARE = 0.1;
/** What begins later than this behind an event is hardly its doing. */
const ROUND_NS = 1e9;

export interface AskedOutage {
  /** Its kind, `switch-restart`, by which its metrics are named. */
  readonly event: string;
  /** Frames per second and direction. */
  readonly rate: number;
  readonly watchMs: number;
}

/** One event, with the frames that went through before it and until after. */
export interface OutageRun {
  readonly report: TrafficReport;
  /** How long the event itself took, from when the traffic program was told. */
  readonly eventMs: number;
}

/**
 * How long frames failed to come when something was done, in the direction that it took longer: by the longest time between two that came since then, above the usual one (RFC 6201, timestamp-based),
 * and by the frames that were lost (frame-loss-based). Not valid where none came again.
 */
export function outageEvidence(asked: AskedOutage, runs: readonly OutageRun[]): Evidence {
  const { event, rate } = asked;
  const name = `outage.${event}`;
  const usualNs = 1e9 / rate;
  const titleOf = (index: number) => (runs.length === 1 ? name : `${name}, repetition ${index + 1}`);
  const worst = (of: (stream: TrafficStream) => number) =>
    runs.map(({ report }) => Math.round(Math.max(0, ...report.streams.map(of))));
  const ns = (role: string, values: readonly number[]): Metric =>
    metricOfValues({ name: `${name}${role}`, unit: "ns", direction: "lower" }, values);
  return {
    metrics: [
      ns(
        "",
        worst((stream) => outageNs(stream, usualNs)),
      ),
      ns(
        ".by-loss",
        worst(({ lost }) => lost * usualNs),
      ),
      metricOfValues(
        { name: `${name}.lost`, unit: "count", direction: "lower" },
        runs.map(({ report }) => report.streams.reduce((sum, { lost }) => sum + lost, 0)),
      ),
      ns(
        ".before",
        worst(({ mark }) => (mark === undefined ? 0 : mark.silenceBeforeNs - usualNs)),
      ),
    ],
    faults: runs.flatMap(({ report }, index) =>
      [...trafficFaults(report, rate), ...faultsOf(report, asked)].map(
        (fault) => `${titleOf(index)}: ${fault}`,
      ),
    ),
    remarks: runs.flatMap((run, index) =>
      remarksOf(run, asked).map((remark) => `${titleOf(index)}: ${remark}`),
    ),
  };
}

/** Above the time that a receiver waits for a frame anyway. */
function outageNs({ mark }: TrafficStream, usualNs: number): number {
  return mark === undefined ? 0 : Math.max(0, mark.silenceNs - usualNs);
}

function* faultsOf({ streams }: TrafficReport, { rate, watchMs }: AskedOutage): Generator<string> {
  const usualNs = 1e9 / rate;
  for (const [index, stream] of streams.entries()) {
    const direction = DIRECTIONS[index] ?? "forward";
    const { mark, lostAtEnd = 0, lagMaxNs } = stream;
    if (mark === undefined) {
      yield `${direction}: the traffic program was not told of the event`;
      continue;
    }
    const took = outageNs(stream, usualNs);
    if (lostAtEnd * usualNs > watchMs * 1e6 * BACK_SHARE)
      yield `${direction}: no frame came for the last ${formatNanoseconds(lostAtEnd * usualNs)}: the outage did not end`;
    if (took > 0 && lagMaxNs >= took)
      yield `${direction}: the generator itself was ${formatNanoseconds(lagMaxNs)} late, no less than the outage`;
  }
}

function remarksOf({ report, eventMs }: OutageRun, { event, rate, watchMs }: AskedOutage): string[] {
  const usualNs = 1e9 / rate;
  /** What was added is taken away while frames still come. */
  const undoneNs = event.startsWith("add-") ? (eventMs + watchMs) * 1e6 - ROUND_NS : Number.POSITIVE_INFINITY;
  return report.streams.flatMap((stream, index) => {
    const { mark, refused, lost } = stream;
    const direction = DIRECTIONS[index] ?? "forward";
    const took = outageNs(stream, usualNs);
    return [
      ...(mark !== undefined && took <= mark.silenceBeforeNs - usualNs
        ? [
            `${direction}: no longer without a frame than before the event, ${formatNanoseconds(mark.silenceBeforeNs)}: it can't be told from what the way does anyway`,
          ]
        : []),
      ...(mark !== undefined && mark.silentFromNs > eventMs * 1e6 + ROUND_NS
        ? [
            `${direction}: the longest time without a frame began ${formatNanoseconds(mark.silentFromNs)} after the event did, which took ${formatNanoseconds(eventMs * 1e6)}: ${mark.silentFromNs + mark.silenceNs > undoneNs ? "it was as what was added was taken away" : "it may have nothing to do with it"}`,
          ]
        : []),
      ...(refused > 0
        ? [`${direction}: ${refused} of the ${lost} lost frames were refused by the port that sends`]
        : []),
    ];
  });
}
