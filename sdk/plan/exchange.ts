import type { Inputs } from "../schema/definition.ts";
import type { ExchangeEnd, exchange } from "../schema/exchange.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { bytes } from "../units/size.ts";
import { requireSamples } from "./samples.ts";
import { framesOf } from "./traffic-run.ts";

type ExchangeInputs = Inputs<typeof exchange>;
type Argv = readonly [string, ...string[]];

/** Name of the program in a guest, whose boot image holds it. */
export const EXCHANGE_PROGRAM = "nfvlab-exchange";

/** How long the other end may take to be there: both are started one after the other, through their agents. */
const PROBE_MS = 30_000;
const START_MS = 15_000;

export interface ExchangePlan {
  readonly answer: Argv;
  readonly send: Argv;
  /** Of one repetition, at most. */
  readonly seconds: number;
  readonly repetitions: number;
}

/** @throws InputError `exchange-length`, `exchange-ends`, `exchange-idle`, `few-samples` */
export function checkExchange(inputs: ExchangeInputs): void {
  const { from, to, count, duration, idle = "0us", percentile, repetitions = 1 } = inputs;
  if (count !== undefined && duration !== undefined)
    throw new InputError({
      code: "exchange-length",
      property: "count",
      problem: "frames and duration are both given, and each follows from the other",
      observed: `${count} frames and ${duration}`,
      expected: "one of them",
      hint: "leave `duration` out",
    });
  if (from.domain === to.domain)
    throw new InputError({
      code: "exchange-ends",
      property: "to.domain",
      problem: "a guest does not exchange frames with itself",
      observed: `${to.domain}, as in from`,
      expected: "two guests",
    });
  if (from.port.kind !== to.port.kind || sizeOf(from) !== sizeOf(to))
    throw new InputError({
      code: "exchange-ends",
      property: "to.port",
      problem: "the ends would never meet",
      observed: `${placeOf(from)}, and ${placeOf(to)}`,
      expected: "an interface each, or memory of one size",
    });
  if (exactDuration(idle, "us") > 10_000)
    throw new InputError({
      code: "exchange-idle",
      property: "idle",
      problem: "an end that sleeps so long misses its time",
      observed: idle,
      expected: "at most 10ms",
    });
  requireSamples({ property: "count", percentile, each: framesOf(inputs), repetitions });
}

function sizeOf({ port }: ExchangeEnd): number | undefined {
  return port.kind === "memory" ? bytes(port.size) : undefined;
}

function placeOf({ port }: ExchangeEnd): string {
  return port.kind === "memory" ? `memory of ${port.size}` : `the interface ${port.mac}`;
}

/** Both ends of one run: each ends by itself, the answering one when the other tells it to. */
export function planExchange(inputs: ExchangeInputs, run: number): ExchangePlan {
  const { from, to, rate, frameSize = 64, idle = "0us", settle = "2s", repetitions = 1 } = inputs;
  const frames = framesOf(inputs);
  const settleMs = exactDuration(settle, "ms");
  const sendingMs = Math.ceil((frames / rate) * 1100) + 1000;
  const limitMs = sendingMs + settleMs + PROBE_MS + START_MS;
  const end = (role: string, { port }: ExchangeEnd): Argv => [
    EXCHANGE_PROGRAM,
    `--role=${role}`,
    port.kind === "memory" ? `--device=${bytes(port.size)}` : `--interface=${port.mac}`,
    ...[`--run=${run}`, `--count=${frames}`, `--frame-size=${frameSize}`, `--limit-ms=${limitMs}`],
    ...[`--idle-us=${exactDuration(idle, "us")}`],
  ];
  return {
    answer: end("answer", to),
    send: [
      ...end("send", from),
      ...(to.port.kind === "interface" ? [`--peer=${to.port.mac}`] : []),
      ...[`--rate=${rate}`, `--settle-ms=${settleMs}`, `--probe-ms=${PROBE_MS}`],
    ],
    seconds: Math.ceil(limitMs / 1000),
    repetitions,
  };
}
