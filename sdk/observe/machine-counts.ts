import { type CpuTime, cpuTimes } from "./cpu-times.ts";
import { filesOf, type Probe } from "./probe.ts";

/** What a CPU has seen since the machine booted. */
export interface CpuCounts extends CpuTime {
  /** Interrupts of its own timer. */
  readonly timer: number;
  /** Interrupts of devices: those with a number. */
  readonly devices: number;
}

/** What a machine has counted since it booted. */
export interface MachineCounts {
  /** When it was read: time since the machine booted, ms. */
  readonly uptimeMs: number;
  readonly cpus: ReadonlyMap<number, CpuCounts>;
  /** Bytes that went between each L3 cache and memory, by the number of the cache; empty where resctrl is not mounted or does not count them. */
  readonly memoryBytes: ReadonlyMap<string, number>;
}

// The counters of a group hold those of groups that only watch; each group that controls has its own.
const BANDWIDTH = ["mon_data", "*/mon_data"].map(
  (folder) => `/sys/fs/resctrl/${folder}/mon_L3_*/mbm_total_bytes`,
);

/** Interrupts and time of each CPU that is online, and traffic of the memory: files alone, nothing is set up for it. Undefined where the machine does not say. */
export const machineCounts: Probe<MachineCounts | undefined> = {
  name: "machine-counts",
  ask: { kind: "files", patterns: ["/proc/uptime", "/proc/interrupts", "/proc/stat", ...BANDWIDTH] },
  parse: (answer) => {
    const files = filesOf(answer);
    const uptime = /^\d+\.\d+/.exec(files.get("/proc/uptime")?.[0] ?? "")?.[0];
    const interrupts = interruptCounts(files.get("/proc/interrupts") ?? []);
    if (uptime === undefined || interrupts.size === 0) return undefined;
    const times = cpuTimes.parse(answer);
    return {
      uptimeMs: Math.round(Number(uptime) * 1000),
      cpus: new Map(
        [...interrupts].flatMap(([cpu, counts]) => {
          const time = times.get(cpu);
          return time === undefined ? [] : [[cpu, { ...counts, ...time }] as const];
        }),
      ),
      memoryBytes: memoryBytes(files),
    };
  },
};

/** Columns of `/proc/interrupts` by the CPUs of its first line: `LOC` is the timer of each, rows with a number are devices'. */
function interruptCounts([head = "", ...rows]: readonly string[]) {
  const cpus = [...head.matchAll(/CPU(\d+)/g)].map(([, cpu]) => Number(cpu));
  const counts = new Map(cpus.map((cpu) => [cpu, { timer: 0, devices: 0 }]));
  for (const row of rows) {
    const [, label = "", rest = ""] = /^\s*(\d+|LOC):\s+(.*)$/.exec(row) ?? [];
    const columns = rest.split(/\s+/, cpus.length).map(Number);
    for (const [index, cpu] of cpus.entries()) {
      const [count, column] = [counts.get(cpu), columns[index] ?? 0];
      if (count === undefined || !Number.isSafeInteger(column)) continue;
      if (label === "LOC") count.timer += column;
      else if (label !== "") count.devices += column;
    }
  }
  return counts;
}

/** Of all groups together; a counter that is not ready says so in a word. */
function memoryBytes(files: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const [path, [text = ""]] of files) {
    const cache = /\/mon_L3_0*(\d+)\/mbm_total_bytes$/.exec(path)?.[1];
    if (cache !== undefined && /^\d+$/.test(text)) bytes.set(cache, (bytes.get(cache) ?? 0) + Number(text));
  }
  return bytes;
}
