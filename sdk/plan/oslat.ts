import type { Inputs } from "../schema/definition.ts";
import type { oslat } from "../schema/latency.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactDuration, formatNanoseconds } from "../units/duration.ts";
import { HostError } from "../units/errors.ts";
import { bytes } from "../units/size.ts";
import { reportingTo } from "./report-file.ts";

type OslatInputs = Inputs<typeof oslat>;

/** As many as oslat takes. */
const BUCKETS = 1024;
/** Beside the gaps, a thread finds out how fast its counter runs, which takes it a part of the time. */
const LEAST_SHARE = 0.8;

export interface OslatPlan {
  readonly argv: readonly [string, ...string[]];
  readonly command: readonly string[];
  readonly seconds: number;
  readonly repetitions: number;
}

/** oslat with a thread on each CPU, its main thread elsewhere, and as many buckets as it takes. */
export function planOslat(inputs: OslatInputs, housekeeping: CpuSet): OslatPlan {
  const { duration = "10s", bucketWidth = "1us", priority, workload, repetitions = 3 } = inputs;
  const cpus = CpuSet.parse(inputs.subject.cpus);
  const seconds = exactDuration(duration, "s");
  const width = exactDuration(bucketWidth, "ns");
  const main = housekeeping.first ?? cpus.first ?? 0;
  const command = [
    ...["oslat", "--quiet", "--cpu-list", cpus.format(), "--cpu-main-thread", `${main}`],
    ...["--duration", `${seconds}`, "--bucket-size", `${BUCKETS}`],
    // Debian 12's does not know the option, and takes what is the default of the others.
    ...(width === 1000 ? [] : ["--bucket-width", `${width}`]),
    ...(priority === undefined ? [] : ["--rtprio", `${priority}`]),
    ...(workload === undefined
      ? []
      : [
          ...["--workload", workload.kind],
          ...["--workload-mem", `${bytes(workload.memory ?? "16KiB") / 1024}K`],
        ]),
  ];
  return { argv: reportingTo("--json", command), command, seconds, repetitions };
}

/**
 * Refuses real-time threads that never sleep where the kernel takes their CPU away for a part of each period: it would be measured instead.
 *
 * @param runtimeUs kernel.sched_rt_runtime_us; -1 is no throttling
 * @throws HostError `realtime-throttled`
 */
export function requireUnthrottled(
  { priority }: Pick<OslatInputs, "priority">,
  runtimeUs: number | undefined,
  where: string,
): void {
  if (priority === undefined || runtimeUs === undefined || runtimeUs < 0) return;
  throw new HostError({
    code: "realtime-throttled",
    property: "priority",
    problem: `real-time throttling of ${where} would take the CPU from a thread that polls under SCHED_FIFO, and would be measured`,
    observed: `kernel.sched_rt_runtime_us ${runtimeUs}`,
    expected: "-1",
    hint: "leave priority out, or set the sysctl where real-time threads have isolated CPUs of their own",
  });
}

/** What speaks against a repetition. */
export function oslatFaults(
  threads: readonly { readonly cpu: number; readonly seconds: number }[],
  { seconds }: Pick<OslatPlan, "seconds">,
): string[] {
  return threads
    .filter((thread) => thread.seconds < LEAST_SHARE * seconds)
    .map(
      (thread) =>
        `CPU ${thread.cpu} was polled on for ${formatNanoseconds(thread.seconds * 1e9)} of ${seconds} s: the rest went by before its thread knew how fast its counter runs`,
    );
}
