import type { Metric, Percentile } from "../schema/record.ts";
import type { TrafficFrames } from "../schema/traffic.ts";
import type { TrafficPortCounts, TrafficReport, TrafficStream } from "../schema/traffic-report.ts";
import { metricOf, type Repetition, single } from "./metric.ts";
import { instabilityOf } from "./repetitions.ts";
import { steadinessOf } from "./steady-state.ts";

/** One direction of one repetition, as far as it is judged. */
export type CountedStream = Omit<TrafficStream, "latency" | "longestGap" | "silenceMaxNs"> & {
  readonly latency: Omit<TrafficStream["latency"], "samples">;
};

type CountedPort = Pick<TrafficPortCounts, "name" | "sent" | "received" | "foreign" | "counters">;

/** One repetition: a report of the traffic program, as far as it is judged. */
export interface TrafficRun extends Pick<TrafficReport, "ended" | "unpaced"> {
  readonly streams: readonly CountedStream[];
  readonly ports: readonly CountedPort[];
}

export const DIRECTIONS = ["forward", "reverse"] as const;

/** Share of the rate that a generator has to keep. */
export const PACE_KEPT = 0.99;

/** Latency and its variation, throughput and loss of each direction over all repetitions. */
export function trafficMetrics(runs: readonly TrafficRun[], percentile?: Percentile): Metric[] {
  return DIRECTIONS.flatMap((direction, index) => {
    const streams = streamsOf(runs, index);
    if (streams.length === 0) return [];
    return [
      ...latencyMetrics(`traffic.${direction}.latency`, streams, percentile),
      metricOf(
        { name: `traffic.${direction}.throughput`, unit: "pps", direction: "higher" },
        streams.map(({ received, receivingNs }) => single(Math.round(rateOf(received, receivingNs)))),
      ),
      metricOf(
        { name: `traffic.${direction}.lost`, unit: "count", direction: "lower" },
        streams.map(({ lost }) => single(lost)),
      ),
    ];
  });
}

/**
 * One-way latency of a direction over all repetitions, and its variation as RFC 5481 has it: `.pdv`, latency above the least of its repetition, and `.ipdv`, how much it differs from that of the frame sent
 * right before. A generator that stamps nothing has none of it to tell.
 */
export function latencyMetrics(
  name: string,
  streams: readonly CountedStream[],
  percentile?: Percentile,
): Metric[] {
  const facts = (role: string) => ({ name: `${name}${role}`, unit: "ns", direction: "lower" }) as const;
  if (!streams.some(({ received, latency }) => received === 0 || latency.buckets.length > 0)) return [];
  const came = streams.filter(({ latency }) => latency.buckets.length > 0);
  const paired = came.flatMap(({ variation }) =>
    variation === undefined || variation.samples === 0 ? [] : [variation],
  );
  return [
    metricOf(
      { ...facts(""), percentile },
      streams.map(({ latency }) => repetitionOf(latency)),
    ),
    ...(came.length === 0 ? [] : [metricOf(facts(".pdv"), came.map(aboveLeast))]),
    ...(paired.length === 0 ? [] : [metricOf(facts(".ipdv"), paired.map(repetitionOf))]),
  ];
}

/** That some frames have no variation from the one before, in a sentence; nothing where all have, or none could. */
export function variationRemarks(name: string, streams: readonly CountedStream[]): string[] {
  const [samples, unpaired] = streams.reduce<readonly [number, number]>(
    ([all, apart], { variation }) => [all + (variation?.samples ?? 0), apart + (variation?.unpaired ?? 0)],
    [0, 0],
  );
  return unpaired === 0
    ? []
    : [
        `${name}.ipdv: ${unpaired} of ${samples + unpaired} frames came behind another than the one sent right before, which was lost or changed places, and are left out`,
      ];
}

/** What a generator that does not pace came to, in a sentence; nothing of any other. */
export function unpacedRemarks(runs: readonly TrafficRun[]): string[] {
  const rates = runs.flatMap(({ unpaced, streams }) => (unpaced === true ? streams.map(sentPps) : []));
  if (rates.length === 0) return [];
  const [least, most] = [Math.min(...rates), Math.max(...rates)].map(Math.round);
  const sent = least === most ? `${least}` : `${least} to ${most}`;
  const others = runs.flatMap(({ unpaced, ports }) => (unpaced === true ? ports : []));
  const foreign = others.reduce((sum, port) => sum + port.foreign, 0);
  return [
    `the generator does not pace: it sent as fast as the port took frames, ${sent} frames/s, and no load was asked for or kept`,
    ...(foreign === 0
      ? []
      : [
          `frames came that were not sent by this run, at least ${foreign}: its ports count whatever comes, so that as many more of its own may be lost`,
        ]),
  ];
}

/** Seconds that tell whether what comes stays as it is. */
const ENOUGH_S = 20;

/** What a reader has to know of runs at a fixed rate: of a long one whether it was steady, of several whether their throughput is one, of latency which frames tell no variation. */
export function trafficRemarks(
  runs: readonly { readonly report: TrafficRun; readonly received: readonly number[] }[],
): string[] {
  const unsteady = runs.flatMap(({ received }, index) => {
    if (received.length < ENOUGH_S) return [];
    const { reason } = steadinessOf(received);
    return reason === ""
      ? []
      : [`repetition ${index + 1}: what came in each second was not steady, ${reason}`];
  });
  const byDirection = DIRECTIONS.flatMap((direction, index) => {
    const streams = streamsOf(
      runs.map(({ report }) => report),
      index,
    );
    const said = instabilityOf(streams.map(({ received, receivingNs }) => rateOf(received, receivingNs)));
    return [
      ...variationRemarks(`traffic.${direction}.latency`, streams),
      ...(said === undefined ? [] : [`traffic.${direction}.throughput: ${said}`]),
    ];
  });
  return [...unpacedRemarks(runs.map(({ report }) => report)), ...unsteady, ...byDirection];
}

/** Times of frames, as a repetition. */
function repetitionOf({
  buckets,
  minNs,
  maxNs,
}: Pick<CountedStream["latency"], "buckets" | "minNs" | "maxNs">): Repetition {
  return {
    buckets: buckets.map(([ns, count], at) => [at === 0 ? minNs : ns, count] as const),
    overflow: 0,
    max: maxNs,
    expected: 0,
  };
}

/** Latency above the least of the same stream; its resolution is that of the latency itself. */
function aboveLeast({ latency: { buckets, minNs, maxNs } }: CountedStream): Repetition {
  return repetitionOf({
    buckets: buckets.map(([ns, count]) => [Math.max(0, ns - minNs), count] as const),
    ...{ minNs: 0, maxNs: maxNs - minNs },
  });
}

/** Frames a second of a direction, from the first one sent to the last. */
export function sentPps({ sent, sendingNs }: CountedStream): number {
  return rateOf(sent, sendingNs);
}

/** How long frames were sent in all repetitions together, ms: both directions of one are sent at once. */
export function sendingMs(runs: readonly TrafficRun[]): number {
  const longest = runs.map(({ streams }) => Math.max(0, ...streams.map((stream) => stream.sendingNs)));
  return Math.round(longest.reduce((sum, ns) => sum + ns, 0) / 1e6);
}

/** Frames of both directions, summed over all repetitions. */
export function trafficFrames(runs: readonly TrafficRun[]): {
  forward: TrafficFrames;
  reverse: TrafficFrames | null;
} {
  const sum = (index: number): TrafficFrames => {
    const streams = streamsOf(runs, index);
    const total = (field: keyof TrafficFrames) => streams.reduce((all, stream) => all + stream[field], 0);
    return {
      planned: total("planned"),
      sent: total("sent"),
      received: total("received"),
      lost: total("lost"),
      duplicated: total("duplicated"),
      reordered: total("reordered"),
    };
  };
  return { forward: sum(0), reverse: streamsOf(runs, 1).length === 0 ? null : sum(1) };
}

/** A sentence for each thing that makes a run worth nothing, whatever its numbers are. */
export function trafficFaults(run: TrafficRun, rate: number): string[] {
  return faultsOf(run, rate, () => true);
}

/**
 * The same of a trial whose generator is known to keep the rate: frames that a port refused until their time was over are not the generator's affair, but
 * that of what is behind the port, which does not keep up.
 */
export function trialFaults(run: TrafficRun, rate: number): string[] {
  return faultsOf(run, rate, ({ planned, sent, refused }) => sent === planned || refused < planned - sent);
}

function faultsOf(
  { ended, unpaced = false, streams, ports }: TrafficRun,
  rate: number,
  isPaced: (stream: Pick<CountedStream, "planned" | "sent" | "refused">) => boolean,
): string[] {
  return [
    ...(ended === "complete" ? [] : [`it was ended early, by its ${ended}`]),
    ...streams.flatMap((stream, index) => {
      const direction = DIRECTIONS[index] ?? "forward";
      return [
        // A rate that changes is kept by each step.
        ...(unpaced ? [] : (stream.steps ?? [{ ...stream, rate }]))
          .filter(isPaced)
          .flatMap((step) => paceFaults(step, direction, step.rate)),
        ...streamFaults(stream, direction),
      ];
    }),
    ...ports.flatMap(portFaults),
  ];
}

function paceFaults(
  { planned, sent, sendingNs }: Pick<CountedStream, "planned" | "sent" | "sendingNs">,
  direction: string,
  rate: number,
): string[] {
  const pace = rateOf(sent, sendingNs);
  if (sent < planned)
    return [`saturated generator: ${direction}, it could send ${sent} of ${planned} frames in their time`];
  return sent > 1 && pace < rate * PACE_KEPT
    ? [`saturated generator: ${direction}, it sent ${Math.round(pace)} frames/s of ${rate}`]
    : [];
}

function streamFaults(stream: CountedStream, direction: string): string[] {
  const { sent, received, misdelivered, latency } = stream;
  return [
    ...(received > sent ? [`${direction}: ${received} frames received, but ${sent} sent`] : []),
    ...(misdelivered > 0 ? [`${direction}: ${misdelivered} frames came to the wrong port`] : []),
    ...(latency.unstamped > 0
      ? [`${direction}: ${latency.unstamped} of ${received} frames bear no time before that of their receipt`]
      : []),
  ];
}

function portFaults({ name, sent, received, counters }: CountedPort): string[] {
  const { opackets, ipackets, imissed, rxNombuf } = counters;
  return [
    ...(opackets === sent ? [] : [`${name}: ${sent} frames counted as sent, but ${opackets} by the port`]),
    ...(ipackets === received
      ? []
      : [`${name}: ${received} frames counted as received, but ${ipackets} by the port`]),
    ...(imissed + rxNombuf > 0
      ? [`saturated sink: ${name} had no room for ${imissed + rxNombuf} frames that reached it`]
      : []),
  ];
}

function streamsOf(runs: readonly TrafficRun[], index: number): CountedStream[] {
  return runs.flatMap(({ streams }) => streams[index] ?? []);
}

/** Frames a second: the first frame opens the interval that the others fill. */
export function rateOf(frames: number, ns: number): number {
  return ns === 0 ? 0 : ((frames - 1) * 1e9) / ns;
}
