import { bucketsOf, countOf, parseRtTests, type WrittenHistogram } from "./rt-tests.ts";

/** One measuring thread: counts by latency in ns, and what its histogram could not hold. */
export interface CyclictestThread {
  readonly cpu: number;
  readonly cycles: number;
  readonly minNs: number;
  readonly maxNs: number;
  /** Of all cycles, those beyond the range too; undefined of none. */
  readonly meanNs: number | undefined;
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  /** Wake-ups later than the histogram's range: all cycles that stand in no bucket. */
  readonly overflow: number;
}

export interface CyclictestRun {
  readonly version: string;
  readonly threads: readonly CyclictestThread[];
}

/**
 * Reads what `cyclictest --json` writes: in µs, or in ns where it says so. Empty buckets and the overflow are left out.
 *
 * @throws HostError `parse`
 */
export function parseCyclictest(text: string): CyclictestRun {
  const { version, threads } = parseRtTests("cyclictest", text, (thread: Written, resolutionInNs) => {
    const nsEach = resolutionInNs === 1 ? 1 : 1000;
    const buckets = bucketsOf(thread.histogram, nsEach);
    const counted = buckets.reduce((sum, [, count]) => sum + count, 0);
    const cycles = countOf("cycles", thread.cycles);
    return {
      cpu: countOf("cpu", thread.cpu),
      cycles,
      minNs: countOf("min", thread.min) * nsEach,
      maxNs: countOf("max", thread.max) * nsEach,
      meanNs: cycles === 0 ? undefined : countOf("avg", thread.avg) * nsEach,
      buckets,
      overflow: Math.max(0, cycles - counted),
    };
  });
  return { version, threads };
}

interface Written {
  readonly cpu: unknown;
  readonly cycles: unknown;
  readonly min: unknown;
  readonly max: unknown;
  readonly avg: unknown;
  readonly histogram?: WrittenHistogram;
}
