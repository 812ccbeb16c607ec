import type { Inputs } from "../schema/definition.ts";
import { BROADCAST } from "../schema/fields.ts";
import type { traffic } from "../schema/traffic.ts";
import type { SearchGenerator } from "../schema/traffic-generator.ts";
import { ealArguments, portArguments, renderPort } from "../units/dpdk-arguments.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { checkPktgen, planPktgen } from "./pktgen.ts";
import { requireSamples } from "./samples.ts";
import { checkTestpmdTraffic, planTestpmdTraffic } from "./testpmd-traffic.ts";
import { makeSocketFolders, removeDeadSockets } from "./traffic-forwarder.ts";
import type { TrafficPlan } from "./traffic-plan.ts";
import { checkTrex, planTrex, stampedByTrex } from "./trex.ts";

type TrafficInputs = Inputs<typeof traffic>;

/** What sends, and the way that frames take. */
export interface TrafficWay
  extends Pick<TrafficInputs, "from" | "to" | "directions" | "flows" | "addresses" | "settle"> {
  readonly generator: SearchGenerator;
}

/** How long ports may take to have a link, and the path to pass a first frame. */
export const LINK_MS = 10_000;
export const PROBE_MS = 15_000;
/** Start of DPDK and its ports, and their end, at most: a virtio-user port waits for its switch, and an emulated machine takes its time. */
export const START_MS = 120_000;

/** @throws InputError `traffic-length`, `traffic-unpaced`, `traffic-unstamped`, `few-samples`, and those of `checkWay` and `checkPktgen` */
export function checkTraffic(inputs: TrafficInputs): void {
  const { generator, count, duration, rate } = inputs;
  if ((rate === "unpaced") !== (generator.kind === "testpmd"))
    throw new InputError({
      code: "traffic-unpaced",
      property: "rate",
      problem: "testpmd can't pace, and every other generator does",
      observed: `${generator.kind} at ${rate === "unpaced" ? rate : `${rate} frames/s`}`,
      expected: rate === "unpaced" ? "frames per second" : '"unpaced"',
    });
  if (count !== undefined && (duration !== undefined || rate === "unpaced"))
    throw new InputError({
      code: "traffic-length",
      property: "count",
      problem:
        rate === "unpaced"
          ? "what does not pace counts no frames"
          : "frames and duration are both given, and each follows from the other",
      observed:
        rate === "unpaced" ? `${count} frames` : `${count} frames at ${rate} a second, and ${duration}`,
      expected: rate === "unpaced" ? "a duration" : "one of them",
      hint: rate === "unpaced" ? "leave `count` out" : "leave `duration` out",
    });
  if (generator.kind === "pktgen") {
    checkBroadcast(inputs);
    checkPktgen(inputs);
  } else checkWay({ ...inputs, generator });
  checkPercentile(inputs);
}

/** What is sent to all comes from one, and is counted where it is known by its number. */
function checkBroadcast({
  generator,
  directions = "forward",
  addresses,
}: Pick<TrafficInputs, "generator" | "directions" | "addresses">): void {
  if (addresses?.toMac !== BROADCAST || (generator.kind === "nfvlab" && directions === "forward")) return;
  throw new InputError({
    code: "traffic-broadcast",
    property: "addresses.toMac",
    problem: "frames to every station are sent one way, by the traffic program",
    observed: generator.kind === "nfvlab" ? `directions "${directions}"` : generator.kind,
    expected: 'generator.kind nfvlab, and directions "forward"',
  });
}

/** Of what stamps nothing no latency is told, and none may be asked for. */
function checkPercentile(inputs: TrafficInputs): void {
  const { generator, percentile, repetitions = 1 } = inputs;
  const each = stampedOf(inputs);
  if (each > 0) requireSamples({ property: "count", percentile, each, repetitions });
  else if (percentile !== undefined)
    throw new InputError({
      code: "traffic-unstamped",
      property: "percentile",
      problem: `${generator.kind} stamps no frame, so no latency can be told`,
      observed: percentile,
      expected: "none",
      hint: "leave `percentile` out, or send by what stamps frames",
    });
}

/** Frames of one direction and repetition that bear their time. */
function stampedOf(inputs: TrafficInputs): number {
  const { generator, rate } = inputs;
  if (generator.kind === "nfvlab") return framesOf(inputs);
  return generator.kind === "trex" ? stampedByTrex(generator, paceOf(rate), framesOf(inputs)) : 0;
}

/** @throws InputError `traffic-both`, `traffic-broadcast`, and those of `checkTrex` and `checkTestpmdTraffic` */
export function checkWay(way: TrafficWay): void {
  const { generator, to, directions } = way;
  if (directions === "both" && to === undefined)
    throw new InputError({
      code: "traffic-both",
      property: "to",
      problem: "there is one port, and so one direction",
      observed: 'directions "both" without `to`',
      expected: "two ports",
      hint: "give `to`",
    });
  checkBroadcast(way);
  if (generator.kind === "trex") checkTrex({ ...way, generator });
  if (generator.kind === "testpmd") checkTestpmdTraffic({ ...way, generator });
}

/** Frames of one direction and repetition; of what does not pace as many as there are milliseconds. */
export function framesOf({
  count,
  duration = "10s",
  rate,
}: Pick<TrafficInputs, "count" | "duration" | "rate">): number {
  return count ?? Math.max(1, Math.floor((paceOf(rate) * exactDuration(duration, "ms")) / 1000));
}

/** Frames a second; where none are asked for a thousand, so that they tell the time. */
function paceOf(rate: TrafficInputs["rate"]): number {
  return rate === "unpaced" ? 1000 : rate;
}

/** One run of a generator: it ends by itself, with a report, before its unit's time is over. */
export function planTraffic(inputs: TrafficInputs): TrafficPlan {
  const { generator, frameSize = 64, settle = "2s", repetitions = 1 } = inputs;
  const [rate, count] = [paceOf(inputs.rate), framesOf(inputs)];
  if (generator.kind === "pktgen") return planPktgen({ ...inputs, rate }, count);
  const sendingMs = Math.ceil((count / rate) * 1000);
  const overrunMs = 1000 + Math.ceil(sendingMs / 10);
  const milliseconds = sendingMs + overrunMs + exactDuration(settle, "ms") + LINK_MS + PROBE_MS + START_MS;
  const once = { rate, count, overrunMs, frameSize, limitMs: milliseconds - START_MS / 2 };
  return {
    ...planWay({ ...inputs, generator }, once),
    seconds: Math.ceil(milliseconds / 1000),
    repetitions,
  };
}

/** A trial that the program is told from the start. */
export interface OneTrial {
  readonly rate: number;
  readonly count: number;
  /** How much longer than planned sending may take. */
  readonly overrunMs: number;
  readonly frameSize: number;
  /** Of the whole run. */
  readonly limitMs: number;
}

/**
 * The generator's command line on a way, and what its unit needs.
 *
 * @param once without it trials come on standard input
 */
export function planWay(
  way: TrafficWay,
  once?: OneTrial,
): Pick<TrafficPlan, "argv" | "prepare" | "properties"> {
  const { generator, from, to } = way;
  const ends = [from, ...(to === undefined ? [] : [to])];
  const sockets = { prepare: makeSocketFolders(ends), properties: removeDeadSockets(ends) };
  const trial = once && `${once.rate} ${once.count} ${once.overrunMs} ${once.frameSize}`;
  switch (generator.kind) {
    case "nfvlab":
      return { argv: programCommand({ ...way, generator }, once), ...sockets };
    case "trex": {
      const times = { linkMs: LINK_MS, probeMs: PROBE_MS, startMs: START_MS / 2 };
      const { argv, properties } = planTrex({ ...way, generator }, times, trial);
      return { argv, prepare: sockets.prepare, properties: [...sockets.properties, ...properties] };
    }
    case "testpmd":
      return { argv: planTestpmdTraffic({ ...way, generator }, START_MS / 2, trial).argv, ...sockets };
  }
}

/** The traffic program's own. */
function programCommand(
  {
    generator,
    from,
    to,
    directions,
    flows,
    settle = "2s",
    addresses,
  }: TrafficWay & { readonly generator: { readonly kind: "nfvlab" } },
  once: OneTrial | undefined,
): TrafficPlan["argv"] {
  const ports = [from, ...(to === undefined ? [] : [to])].map(renderPort);
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${name}=${value}`];
  return [
    generator.program,
    ...ealArguments(generator, ports),
    "--",
    "--role=measure",
    ...portArguments(generator, ports),
    ...(directions === "both" ? ["--both"] : []),
    ...[`--settle-ms=${exactDuration(settle, "ms")}`, `--link-ms=${LINK_MS}`, `--probe-ms=${PROBE_MS}`],
    ...(once === undefined
      ? ["--trials"]
      : [
          ...[`--rate=${once.rate}`, `--count=${once.count}`, `--limit-ms=${once.limitMs}`],
          ...[`--frame-size=${once.frameSize}`],
        ]),
    ...option("flows", flows),
    ...option("from-mac", addresses?.fromMac),
    ...option("to-mac", addresses?.toMac),
    ...option("from-ip", addresses?.fromIp),
    ...option("to-ip", addresses?.toIp),
  ];
}

/** Its lines of progress and what DPDK says come the one way that is read while it runs. */
export function withErrors(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return ["sh", "-c", 'exec "$@" 2>&1', "sh", ...argv];
}
