import type { cyclictest, roundTrip } from "../schema/benchmarks.ts";
import type { Inputs } from "../schema/definition.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";
import { reportingTo } from "./report-file.ts";
import { requireSamples } from "./samples.ts";
import type { Step } from "./step.ts";

type CyclictestInputs = Inputs<typeof cyclictest>;
type RoundTripInputs = Inputs<typeof roundTrip>;
type Argv = readonly [string, ...string[]];

const EDGE_SAMPLES = 2;

export interface CyclictestPlan {
  readonly argv: Argv;
  readonly command: readonly string[];
  readonly seconds: number;
  readonly repetitions: number;
  /** Wake-ups that one thread has for certain in one repetition: its first and its last may fall outside of the time measured. */
  readonly expected: number;
}

/**
 * cyclictest with absolute timers (its default), locked memory, one thread a CPU, its own thread elsewhere. The report goes to a file, since its text
 * goes to standard output, and comes back from there.
 */
export function planCyclictest(inputs: CyclictestInputs, housekeeping: CpuSet): CyclictestPlan {
  const { interval = "1ms", duration = "10s", priority = 95, histogramMax = "1s", repetitions = 3 } = inputs;
  const cpus = CpuSet.parse(inputs.subject.cpus);
  const main = housekeeping.size === 0 ? cpus : housekeeping;
  const seconds = exactDuration(duration, "s");
  const intervalUs = exactDuration(interval, "us");
  const command = [
    ...["cyclictest", "--quiet", "--mlockall", "--policy=fifo", `--priority=${priority}`],
    ...[`--interval=${intervalUs}`, "--distance=0", `--duration=${seconds}`],
    ...[`--histogram=${exactDuration(histogramMax, "us")}`, `--affinity=${cpus.format()}`],
    ...[`--threads=${cpus.size}`, `--mainaffinity=${main.format()}`],
  ];
  return {
    argv: reportingTo("--json", command),
    command,
    seconds,
    repetitions,
    expected: Math.max(1, Math.floor((seconds * 1e6) / intervalUs) - EDGE_SAMPLES),
  };
}

/**
 * What can be said against inputs before a machine is asked.
 *
 * @throws InputError `duration`, `few-samples`
 */
export function checkCyclictest(inputs: CyclictestInputs): void {
  const { expected, repetitions } = planCyclictest(inputs, CpuSet.empty);
  const each = expected * CpuSet.parse(inputs.subject.cpus).size;
  requireSamples({ property: "duration", percentile: inputs.percentile, each, repetitions });
}

export interface RoundTripPlan {
  readonly argv: Argv;
  readonly seconds: number;
  readonly repetitions: number;
  readonly count: number;
  readonly intervalMs: number;
}

/** ping with numeric output and the time of each answer, on its schedule whether or not answers come. */
export function planRoundTrip({
  target,
  count = 400,
  interval = "20ms",
  payload = 18,
  repetitions = 3,
}: RoundTripInputs): RoundTripPlan {
  const milliseconds = exactDuration(interval, "ms");
  return {
    argv: [
      "ping",
      "-n",
      "-D",
      "-O",
      "-c",
      `${count}`,
      "-i",
      `${milliseconds / 1000}`,
      "-s",
      `${payload}`,
      "-W",
      "5",
      target,
    ],
    seconds: Math.ceil((count * milliseconds) / 1000),
    repetitions,
    count,
    intervalMs: milliseconds,
  };
}

/**
 * What can be said against inputs before a machine is asked.
 *
 * @throws InputError `duration`, `few-samples`
 */
export function checkRoundTrip(inputs: RoundTripInputs): void {
  const { count, repetitions } = planRoundTrip(inputs);
  requireSamples({ property: "count", percentile: inputs.percentile, each: count, repetitions });
}

/** Name of the transient unit that a run on a host lives in. */
export const unitOf = (tag: string, name: string) => `nfvlab-${tag}-${name}`;

/**
 * Runs a program as a unit of its own with a time limit: a connection that is lost leaves nothing behind.
 *
 * @param more properties of the unit, `ExecStopPost=...`
 */
export function inUnit(unit: string, seconds: number, argv: Argv, more: readonly string[] = []): Argv {
  const properties = [`RuntimeMaxSec=${seconds}`, "LimitMEMLOCK=infinity", ...more];
  return [
    "systemd-run",
    `--unit=${unit}`,
    "--wait",
    "--pipe",
    "--collect",
    "--quiet",
    ...properties.map((property) => `--property=${property}`),
    // Else systemd puts its own variables in the place of a script's: "${up%.*}" would be empty.
    ...argv.map((word) => word.replaceAll("$", "$$$$")),
  ];
}

export function stopUnit(unit: string): Step {
  return {
    purpose: `stop ${unit}`,
    argv: [
      "sh",
      "-c",
      'systemctl stop "$1" 2>/dev/null; systemctl reset-failed "$1" 2>/dev/null; true',
      "sh",
      `${unit}.service`,
    ],
  };
}
