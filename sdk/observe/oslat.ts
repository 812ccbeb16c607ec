import { bucketsOf, countOf, parseRtTests, type WrittenHistogram } from "./rt-tests.ts";

/** One polling thread: counts by gap in ns, and what its histogram could not hold. */
export interface OslatThread {
  readonly cpu: number;
  /** How long it polled, s. */
  readonly seconds: number;
  readonly maxNs: number;
  /** A gap counts under the upper end of its bucket. */
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  /** Gaps beyond the last bucket. */
  readonly overflow: number;
}

export interface OslatRun {
  readonly version: string;
  readonly threads: readonly OslatThread[];
}

/**
 * Reads what `oslat --json` writes. Buckets are in µs by their upper ends, and the last one counts what lies beyond it too. With buckets that are no whole µs, they
 * have decimals, and the greatest gap is in ns.
 *
 * @throws HostError `parse`
 */
export function parseOslat(text: string): OslatRun {
  const { version, threads } = parseRtTests("oslat", text, (thread: Written) => {
    const inNs = Object.keys(thread.histogram ?? {}).some((value) => value.includes("."));
    const maxNs = countOf("max", thread.max) * (inNs ? 1 : 1000);
    const all = bucketsOf(thread.histogram, 1000).sort(([one], [other]) => one - other);
    if (all.length === 0) throw new RangeError("no bucket");
    const [lastNs, beyond] = all.at(-1) as readonly [number, number];
    const overflows = maxNs > lastNs;
    return {
      cpu: countOf("cpu", thread.cpu),
      seconds: countOf("duration", thread.duration),
      maxNs,
      buckets: overflows ? all.slice(0, -1) : all,
      overflow: overflows ? beyond : 0,
    };
  });
  return { version, threads };
}

interface Written {
  readonly cpu: unknown;
  readonly max: unknown;
  readonly duration: unknown;
  readonly histogram?: WrittenHistogram;
}
