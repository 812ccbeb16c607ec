import type { Tracing } from "../observe/tracing.ts";
import type { Inputs } from "../schema/definition.ts";
import type { hwlatdetect, rtla } from "../schema/latency.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import { requireSamples } from "./samples.ts";

type HwlatdetectInputs = Inputs<typeof hwlatdetect>;
type RtlaInputs = Inputs<typeof rtla>;
type Argv = readonly [string, ...string[]];

/** Each tracer by the option that a kernel is built with for it. */
const OPTIONS = {
  hwlat: "CONFIG_HWLAT_TRACER",
  osnoise: "CONFIG_OSNOISE_TRACER",
  timerlat: "CONFIG_TIMERLAT_TRACER",
} as const;
export type Tracer = keyof typeof OPTIONS;

/**
 * Refuses what the kernel, or what is installed, can't do.
 *
 * @param where machine or guest, as sentences name it
 * @throws HostError `tracer-missing`, `tracer-busy`, `tracer-program`
 */
export function requireTracer(tracer: Tracer, tracing: Tracing, where: string): void {
  const { available, current, kernel } = tracing;
  if (available === undefined || !available.includes(tracer)) {
    throw new HostError({
      code: "tracer-missing",
      problem: `the kernel of ${where} has no tracer ${tracer}`,
      observed: `kernel ${kernel} with ${available === undefined ? "no tracefs that can be read" : available.join(", ")}`,
      expected: `a kernel built with ${OPTIONS[tracer]}`,
      hint: "Debian's real-time kernel is (RealtimeKernel); Cyclictest and Oslat need no tracer",
    });
  }
  // rtla traces in an instance of its own.
  if (tracer === "hwlat" && current !== "nop") {
    throw new HostError({
      code: "tracer-busy",
      problem: `somebody traces on ${where} already, and hwlatdetect would end that`,
      observed: `current_tracer ${current}`,
      expected: "nop",
      hint: "let it end, or write nop to /sys/kernel/tracing/current_tracer",
    });
  }
  // With threads of its own, rtla switches the tracer's off; where it is killed they stay so, and osnoise sees nothing at all.
  if (tracer === "osnoise" && tracing.switches.includes("NO_OSNOISE_WORKLOAD")) {
    throw new HostError({
      code: "tracer-busy",
      problem: `the tracer osnoise of ${where} runs no thread, so it would see no noise`,
      observed: "NO_OSNOISE_WORKLOAD among osnoise/options",
      expected: "OSNOISE_WORKLOAD",
      hint: "end the rtla that runs there; where none does, one was killed: write OSNOISE_WORKLOAD to /sys/kernel/tracing/osnoise/options",
    });
  }
  const program = tracer === "hwlat" ? "hwlatdetect" : "rtla";
  const isThere = tracer === "hwlat" ? tracing.hwlatdetect : tracing.rtla !== undefined;
  if (isThere) return;
  throw new HostError({
    code: "tracer-program",
    problem: `${where} lacks ${program}`,
    observed: `no ${program} in its path`,
    hint: `install the package ${tracer === "hwlat" ? "rt-tests" : "rtla"} there`,
  });
}

export interface TracerPlan {
  readonly argv: Argv;
  readonly command: readonly string[];
  /** Properties of its unit. */
  readonly properties: readonly string[];
  readonly seconds: number;
  readonly repetitions: number;
  /** Samples that one CPU has for certain in one repetition; 0 where no schedule says so. */
  readonly expected: number;
}

/** Above any gap: what it finds is judged by its numbers, not by its exit code. */
const NO_LIMIT = "1000000000us";

export interface HwlatdetectPlan extends TracerPlan {
  /** Gaps up to this are not told. */
  readonly thresholdNs: number;
}

/**
 * hwlatdetect on some CPUs.
 *
 * @throws InputError `hwlat-window` where more of a window would be measured than there is
 */
export function planHwlatdetect(inputs: HwlatdetectInputs): HwlatdetectPlan {
  const { duration = "10s", threshold = "10us", window = "1s", width = "500ms", repetitions = 3 } = inputs;
  const seconds = exactDuration(duration, "s");
  const thresholdUs = exactDuration(threshold, "us");
  const [windowUs, widthUs] = [exactDuration(window, "us"), exactDuration(width, "us")];
  if (widthUs >= windowUs || windowUs > seconds * 1e6) {
    throw new InputError({
      code: "hwlat-window",
      property: "window",
      problem: "a window is measured for a part of it, and a repetition has one at least",
      observed: `width ${width}, window ${window}, duration ${duration}`,
      expected: "width < window <= duration",
    });
  }
  const command = [
    ...["hwlatdetect", `--duration=${seconds}s`, `--threshold=${thresholdUs}us`, `--hardlimit=${NO_LIMIT}`],
    ...[`--window=${windowUs}us`, `--width=${widthUs}us`, `--cpu-list=${CpuSet.parse(inputs.cpus).format()}`],
  ];
  return {
    ...{ argv: keepingTracers(command), command, properties: TOLD_BY_SHELL, seconds, repetitions },
    // Its own start and end cost one.
    expected: Math.max(1, Math.floor((seconds * 1e6) / windowUs) - 1),
    thresholdNs: thresholdUs * 1000,
  };
}

/** Samples that fall outside of the time measured: the tool's own start and end lie in it. */
const EDGE_SHARE = 0.02;
const EDGE_SAMPLES = 2;

/**
 * rtla's histogram of a tracer, with options as far as this rtla has them.
 *
 * @throws InputError `osnoise-runtime`; HostError `rtla-option` where what is asked for needs a newer one
 */
export function planRtla(inputs: RtlaInputs, housekeeping: CpuSet, tracing: Tracing): TracerPlan {
  const { tracer, duration = "10s", histogramMax = "100ms", repetitions = 3 } = inputs;
  const cpus = CpuSet.parse(inputs.subject.cpus);
  const seconds = exactDuration(duration, "s");
  const known = tracing.options[tracer.kind];
  const where =
    known.has("house-keeping") && housekeeping.size > 0 ? ["--house-keeping", housekeeping.format()] : [];
  const { own, intervalUs } = tracer.kind === "timerlat" ? timerlat(tracer, tracing) : osnoise(tracer);
  const command = [
    ...["rtla", tracer.kind, "hist", "--cpus", cpus.format(), ...where, "--duration", `${seconds}s`],
    ...["--bucket-size", "1", "--entries", `${exactDuration(histogramMax, "us")}`, ...own],
  ];
  return {
    ...{ argv: keepingTracers(command), command, properties: TOLD_BY_SHELL, seconds, repetitions },
    expected: intervalUs === undefined ? 0 : scheduled(seconds, intervalUs),
  };
}

/**
 * What can be said against inputs before a machine is asked.
 *
 * @throws InputError `osnoise-runtime`, `duration`, `few-samples`
 */
export function checkRtla(inputs: RtlaInputs): void {
  const { tracer, duration = "10s", histogramMax = "100ms", repetitions = 3, percentile } = inputs;
  const seconds = exactDuration(duration, "s");
  exactDuration(histogramMax, "us");
  if (tracer.kind === "osnoise") {
    osnoise(tracer);
    return;
  }
  const each = scheduled(seconds, exactDuration(tracer.interval ?? "1ms", "us"));
  const cpus = CpuSet.parse(inputs.subject.cpus).size;
  requireSamples({ property: "duration", percentile, each: each * cpus, repetitions });
}

/** Samples that one CPU has for certain. */
function scheduled(seconds: number, intervalUs: number): number {
  return Math.max(0, Math.floor(((seconds * 1e6) / intervalUs) * (1 - EDGE_SHARE)) - EDGE_SAMPLES);
}

interface TracerOptions {
  readonly own: readonly string[];
  /** Time from a sample to the next, where they come by a schedule. */
  readonly intervalUs?: number;
}

function timerlat(
  {
    interval = "1ms",
    threads = "kernel",
    priority = 95,
  }: Extract<RtlaInputs["tracer"], { kind: "timerlat" }>,
  { options, rtla: version }: Tracing,
): TracerOptions {
  const known = options.timerlat;
  if (threads === "user" && !known.has("user-threads")) {
    throw new HostError({
      code: "rtla-option",
      property: "tracer.threads",
      problem: "this rtla wakes up no threads of its own",
      observed: `rtla ${version}`,
      expected: "6.6 or later",
      hint: 'install a newer rtla, or say threads: "kernel"',
    });
  }
  const intervalUs = exactDuration(interval, "us");
  const own = [
    ...["--period", `${intervalUs}`, "--priority", `f:${priority}`, "--dma-latency", "0"],
    // Its analysis of what was late takes time on the CPUs, and there is no threshold to analyse.
    ...(known.has("no-aa") ? ["--no-aa"] : []),
    ...(threads === "user" ? ["--user-threads"] : known.has("kernel-threads") ? ["--kernel-threads"] : []),
  ];
  return { own, intervalUs };
}

function osnoise({
  period = "1s",
  runtime = "900ms",
  threshold = "1us",
  priority,
}: Extract<RtlaInputs["tracer"], { kind: "osnoise" }>): TracerOptions {
  const [periodUs, runtimeUs] = [exactDuration(period, "us"), exactDuration(runtime, "us")];
  if (runtimeUs > periodUs) {
    throw new InputError({
      code: "osnoise-runtime",
      property: "tracer.runtime",
      problem: "a thread can't run longer than its period",
      observed: `runtime ${runtime}, period ${period}`,
      expected: "runtime <= period",
    });
  }
  return {
    own: [
      ...["--period", `${periodUs}`, "--runtime", `${runtimeUs}`],
      ...["--threshold", `${exactDuration(threshold, "us")}`],
      ...(priority === undefined ? [] : ["--priority", `f:${priority}`]),
    ],
  };
}

/** Settings of tracefs that the programs change, and that hwlatdetect, or one that is killed, leaves behind. */
const SETTINGS = [
  ...["tracing_thresh", "tracing_cpumask", "hwlat_detector/window", "hwlat_detector/width"],
  ...[
    "osnoise/cpus",
    "osnoise/options",
    "osnoise/period_us",
    "osnoise/runtime_us",
    "osnoise/stop_tracing_us",
  ],
  ...["osnoise/stop_tracing_total_us", "osnoise/timerlat_period_us", "osnoise/print_stack", "tracing_on"],
];

// Window and width bound each other, so what is refused in the first round is taken in the second. Options go one by one.
const KEEPING = `PATH=$PATH:/usr/sbin:/sbin
folder=/sys/kernel/tracing
[ -e "$folder/current_tracer" ] || folder=/sys/kernel/debug/tracing
values() { for file in ${SETTINGS.join(" ")}; do [ ! -r "$folder/$file" ] || echo "$file $(cat "$folder/$file" 2>/dev/null)"; done; }
instances() { ls "$folder/instances" 2>/dev/null; }
restore() {
  [ "$(cat "$folder/current_tracer")" != hwlat ] || echo nop > "$folder/current_tracer"
  for instance in $(instances); do
    case " $(echo $others) " in *" $instance "*) continue ;; esac
    case $instance in timerlat_*|osnoise_*) echo nop > "$folder/instances/$instance/current_tracer"; rmdir "$folder/instances/$instance" ;; esac
  done
  for round in 1 2; do
    echo "$found" | while read -r file value; do
      [ "$(cat "$folder/$file")" != "$value" ] || continue
      case $file in
        osnoise/options) for option in $value; do echo "$option" > "$folder/$file"; done ;;
        *) echo "$value" > "$folder/$file" ;;
      esac
    done
  done
} 2>/dev/null
found=$(values)
others=$(instances)
trap 'kill -INT "$program" 2>/dev/null' TERM INT
"$@" & program=$!
wait "$program"; code=$?
if [ $code -gt 128 ]; then
  (sleep 3; kill -KILL "$program") 2>/dev/null & last=$!
  wait "$program"
  kill "$last" 2>/dev/null
fi
restore
exit $code`;

/** The shell tells the program to end, and waits for it. */
const TOLD_BY_SHELL = ["KillMode=mixed", "TimeoutStopSec=20"];

/** argv that runs a program and puts the tracers' settings back to what was found, whatever becomes of the program. */
function keepingTracers(command: readonly string[]): Argv {
  return ["sh", "-c", KEEPING, "sh", ...command];
}
