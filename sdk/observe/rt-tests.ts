import { HostError } from "../units/errors.ts";
import { jsonOf } from "./understood.ts";

/** What the programs of rt-tests write as JSON, beside the measurement itself. */
export interface RtTestsReport<Thread> {
  readonly version: string;
  readonly threads: readonly Thread[];
}

/**
 * Reads the report of a program of rt-tests, 2.0 to 2.10. Two keys end in a colon of their own, in every release so far; the command line is not escaped, so it is
 * taken out before parsing; an average of nothing is `-nan`.
 *
 * @param threadOf one measuring thread, with 1 where the report is in ns, 0 in µs; what it throws is refused
 * @throws HostError `parse`
 */
export function parseRtTests<Written, Thread>(
  program: string,
  text: string,
  threadOf: (written: Written, resolutionInNs: number | undefined) => Thread,
): RtTestsReport<Thread> {
  const clean = text.replace(/^\s*"cmdline:?":.*$/m, "").replace(/:\s*-?nan\b/g, ": null");
  try {
    const report = jsonOf(clean) as Report<Written>;
    const resolutionInNs = report.resolution_in_ns;
    const threads = Object.values(report.thread ?? {}).map((written) => threadOf(written, resolutionInNs));
    if (threads.length === 0) throw new RangeError("no thread");
    return {
      version: String(report["rt_test_version:"] ?? report.rt_test_version ?? "unknown"),
      threads,
    };
  } catch (cause) {
    throw new HostError({
      code: "parse",
      problem: `could not read what ${program} reported`,
      observed: JSON.stringify(text.trim().slice(0, 200)) || "nothing",
      hint: "it may have ended early: see its unit's journal",
      cause,
    });
  }
}

interface Report<Written> {
  readonly "rt_test_version:"?: string;
  readonly rt_test_version?: string;
  readonly resolution_in_ns?: number;
  readonly thread?: Readonly<Record<string, Written>>;
}

/** A histogram as it is written: counts by value, of which empty ones are left out. */
export type WrittenHistogram = Readonly<Record<string, number>>;

/** Buckets in ns. */
export function bucketsOf(
  histogram: WrittenHistogram | undefined,
  nsEach: number,
): (readonly [ns: number, count: number])[] {
  return Object.entries(histogram ?? {}).map(([value, count]) => [
    Math.round(countOf(value, Number(value)) * nsEach),
    countOf(value, count),
  ]);
}

/** A number that counts or times something; throws where it is none. */
export function countOf(name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new RangeError(`${name} is ${JSON.stringify(value)}`);
}
