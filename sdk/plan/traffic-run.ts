import type { Inputs } from "../schema/definition.ts";
import type { TrafficProgram, traffic } from "../schema/traffic.ts";
import { ealArguments, portArguments, renderPort } from "../units/dpdk-arguments.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { checkPktgen, planPktgen } from "./pktgen.ts";
import { makeSocketFolders, removeDeadSockets } from "./traffic-forwarder.ts";
import type { TrafficPlan } from "./traffic-plan.ts";

type TrafficInputs = Inputs<typeof traffic>;

/** The traffic program, and the way that frames take. */
export interface TrafficWay
  extends Pick<TrafficInputs, "from" | "to" | "directions" | "flows" | "addresses" | "settle"> {
  readonly generator: TrafficProgram;
}

/** How long ports may take to have a link, and the path to pass a first frame. */
export const LINK_MS = 10_000;
export const PROBE_MS = 15_000;
/** Start of DPDK and its ports, and their end, at most: a virtio-user port waits for its switch, and an emulated machine takes its time. */
export const START_MS = 120_000;

/** @throws InputError `traffic-length`, `traffic-both`, and those of `checkPktgen` */
export function checkTraffic(inputs: TrafficInputs): void {
  const { count, duration, rate } = inputs;
  if (count !== undefined && duration !== undefined)
    throw new InputError({
      code: "traffic-length",
      property: "count",
      problem: "frames and duration are both given, and each follows from the other",
      observed: `${count} frames at ${rate} a second, and ${duration}`,
      expected: "one of them",
      hint: "leave `duration` out",
    });
  checkWay(inputs);
  checkPktgen(inputs);
}

/** @throws InputError `traffic-both` */
export function checkWay({ to, directions }: Pick<TrafficInputs, "to" | "directions">): void {
  if (directions === "both" && to === undefined)
    throw new InputError({
      code: "traffic-both",
      property: "to",
      problem: "there is one port, and so one direction",
      observed: 'directions "both" without `to`',
      expected: "two ports",
      hint: "give `to`",
    });
}

/** Frames of one direction and repetition. */
export function framesOf({ count, duration = "10s", rate }: TrafficInputs): number {
  return count ?? Math.max(1, Math.floor((rate * exactDuration(duration, "ms")) / 1000));
}

/** One run of the traffic program: it ends by itself, with a report, before its unit's time is over. */
export function planTraffic(inputs: TrafficInputs): TrafficPlan {
  const { generator, rate, frameSize, settle = "2s", repetitions = 1 } = inputs;
  const frames = framesOf(inputs);
  if (generator.kind === "pktgen") return planPktgen(inputs, frames);
  const milliseconds =
    Math.ceil((frames / rate) * 1100) + 1000 + exactDuration(settle, "ms") + LINK_MS + PROBE_MS + START_MS;
  return {
    ...planWay({ ...inputs, generator }, [
      ...[`--rate=${rate}`, `--count=${frames}`, `--limit-ms=${milliseconds - START_MS / 2}`],
      ...(frameSize === undefined ? [] : [`--frame-size=${frameSize}`]),
    ]),
    seconds: Math.ceil(milliseconds / 1000),
    repetitions,
    rate,
  };
}

/**
 * The program's command line on a way, and what its unit needs.
 *
 * @param own options beside those of the way
 */
export function planWay(
  { generator, from, to, directions, flows, settle = "2s", addresses }: TrafficWay,
  own: readonly string[],
): Pick<TrafficPlan, "argv" | "prepare" | "properties"> {
  const ends = [from, ...(to === undefined ? [] : [to])];
  const ports = ends.map(renderPort);
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${name}=${value}`];
  return {
    argv: [
      generator.program,
      ...ealArguments(generator, ports),
      "--",
      "--role=measure",
      ...portArguments(generator, ports),
      ...(directions === "both" ? ["--both"] : []),
      ...[`--settle-ms=${exactDuration(settle, "ms")}`, `--link-ms=${LINK_MS}`, `--probe-ms=${PROBE_MS}`],
      ...own,
      ...option("flows", flows),
      ...option("from-mac", addresses?.fromMac),
      ...option("to-mac", addresses?.toMac),
      ...option("from-ip", addresses?.fromIp),
      ...option("to-ip", addresses?.toIp),
    ],
    prepare: makeSocketFolders(ends),
    properties: removeDeadSockets(ends),
  };
}

/** Its lines of progress and what DPDK says come the one way that is read while it runs. */
export function withErrors(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return ["sh", "-c", 'exec "$@" 2>&1', "sh", ...argv];
}
