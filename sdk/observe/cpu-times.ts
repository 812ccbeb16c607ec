import { unreadable } from "./parse-error.ts";
import type { Probe } from "./probe.ts";
import { filesOf } from "./probe.ts";

/** What a CPU has done since the machine started, in ticks. */
export interface CpuTime {
  readonly busy: number;
  readonly total: number;
}

/** Time of each CPU that is online, by its number. */
export const cpuTimes: Probe<ReadonlyMap<number, CpuTime>> = {
  name: "cpu-times",
  ask: { kind: "files", patterns: ["/proc/stat"] },
  parse: (answer) => {
    const times = (filesOf(answer).get("/proc/stat") ?? []).flatMap((line) => {
      const [, cpu, fields = ""] = /^cpu(\d+) (.*)$/.exec(line) ?? [];
      if (cpu === undefined) return [];
      // user nice system idle iowait irq softirq steal; the guests' are in the first two already.
      const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields
        .trim()
        .split(/\s+/)
        .map(Number);
      const busy = user + nice + system + irq + softirq + steal;
      return [[Number(cpu), { busy, total: busy + idle + iowait }] as const];
    });
    if (times.length === 0) throw unreadable("the times of the CPUs", answer);
    return new Map(times);
  },
};

/** Share of the time between two looks that a CPU was busy; 0 where it did not exist at both, or no time has passed. */
export function busyShare(
  cpu: number,
  before: ReadonlyMap<number, CpuTime>,
  after: ReadonlyMap<number, CpuTime>,
): number {
  const [from, to] = [before.get(cpu), after.get(cpu)];
  if (from === undefined || to === undefined || to.total <= from.total) return 0;
  return Math.min(1, Math.max(0, (to.busy - from.busy) / (to.total - from.total)));
}
