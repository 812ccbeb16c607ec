import { filesOf, type Probe } from "./probe.ts";

const FILE = "/proc/sys/kernel/sched_rt_runtime_us";

/** Program that prints the setting, for where only programs can be run. */
export const READ_REALTIME_RUNTIME = ["cat", FILE] as const;

/** Time of each period that real-time threads may run, µs; -1 without throttling, undefined where the kernel has none. */
export function parseRealtimeRuntime(text: string): number | undefined {
  return /^\s*-?\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}

export const realtimeRuntime: Probe<number | undefined> = {
  name: "realtime-runtime",
  ask: { kind: "files", patterns: [FILE] },
  parse: (answer) => parseRealtimeRuntime(filesOf(answer).get(FILE)?.join("") ?? ""),
};
