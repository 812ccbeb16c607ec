import { HostError } from "../units/errors.ts";
import { jsonOf } from "./understood.ts";

/** One measuring thread: counts by latency in ns, and what its histogram could not hold. */
export interface CyclictestThread {
  readonly cpu: number;
  readonly cycles: number;
  readonly minNs: number;
  readonly maxNs: number;
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  /** Wake-ups later than the histogram's range: all cycles that stand in no bucket. */
  readonly overflow: number;
}

export interface CyclictestRun {
  readonly version: string;
  readonly threads: readonly CyclictestThread[];
}

/**
 * Reads what `cyclictest --json` writes. Two keys end in a colon of their own, in every release so far; the command line is not escaped, so it is taken out before
 * parsing; without cycles the average is `-nan`; empty buckets and the overflow are left out.
 *
 * @throws HostError `parse`
 */
export function parseCyclictest(text: string): CyclictestRun {
  const clean = text.replace(/^\s*"cmdline:?":.*$/m, "").replace(/:\s*-?nan\b/g, ": null");
  let report: Report;
  try {
    report = jsonOf(clean) as Report;
  } catch (cause) {
    throw unreadable(text, cause);
  }
  const factor = report.resolution_in_ns === 1 ? 1 : 1000;
  const threads = Object.values(report?.thread ?? {}).map((thread): CyclictestThread => {
    const buckets = Object.entries(thread.histogram ?? {}).map(
      ([value, count]) => [Number(value) * factor, count] as const,
    );
    const counted = buckets.reduce((sum, [, count]) => sum + count, 0);
    return {
      cpu: thread.cpu,
      cycles: thread.cycles,
      minNs: thread.min * factor,
      maxNs: thread.max * factor,
      buckets,
      overflow: Math.max(0, thread.cycles - counted),
    };
  });
  const isWhole = ({ cpu, cycles, minNs, maxNs, buckets }: CyclictestThread) =>
    [cpu, cycles, minNs, maxNs, ...buckets.flat()].every((each) => Number.isFinite(each) && each >= 0);
  if (threads.length === 0 || !threads.every(isWhole)) throw unreadable(text);
  return { version: report["rt_test_version:"] ?? report.rt_test_version ?? "unknown", threads };
}

interface Report {
  readonly "rt_test_version:"?: string;
  readonly rt_test_version?: string;
  readonly resolution_in_ns?: number;
  readonly thread?: Readonly<
    Record<
      string,
      { cpu: number; cycles: number; min: number; max: number; histogram?: Record<string, number> }
    >
  >;
}

function unreadable(text: string, cause?: unknown): HostError {
  return new HostError({
    code: "parse",
    problem: "could not read what cyclictest reported",
    observed: JSON.stringify(text.trim().slice(0, 200)) || "nothing",
    hint: "it may have ended early: see its unit's journal",
    cause,
  });
}
