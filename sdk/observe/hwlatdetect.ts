import { unreadable } from "./parse-error.ts";

/** What hwlatdetect found in one run. */
export interface HwlatdetectRun {
  readonly seconds: number;
  readonly thresholdNs: number;
  readonly windowNs: number;
  readonly widthNs: number;
  /** The largest gap; undefined where none was over the threshold. */
  readonly maxNs: number | undefined;
  /** The largest gap of each window that had one over the threshold, ns. */
  readonly gapsNs: readonly number[];
  /** System management interrupts of all CPUs; undefined where it could not count them. */
  readonly managementInterrupts: number | undefined;
}

/**
 * Reads what hwlatdetect prints, of rt-tests 2.0 to 2.10: a window that had a gap is a line, with the largest inside of the loop and between two turns of it, in 2.10 with its CPU and how
 * many gaps it had too; what exceeded the threshold are windows before that, and gaps since, so it is not read.
 *
 * @throws HostError `parse`
 */
export function parseHwlatdetect(text: string): HwlatdetectRun {
  const wrong = (what: string) =>
    unreadable(`${what} in what hwlatdetect reported`, { code: 0, stdout: text, stderr: "" });
  const number = (what: string, pattern: RegExp) => {
    const value = Number(pattern.exec(text)?.[1] ?? Number.NaN);
    if (!(value <= LARGEST)) throw wrong(what);
    return value;
  };
  const max = /^Max Latency: (?:(Below threshold)|(\d+)us)\s*$/m.exec(text);
  if (max === null) throw wrong("the largest gap");
  const interrupts = /^SMIs during run: (\d{1,12})\s*$/m.exec(text)?.[1];
  return {
    seconds: number("the duration", /^hwlatdetect:\s+test duration (\d+) seconds\s*$/m),
    thresholdNs: number("the threshold", /^\s*Latency threshold:\s*(\d+)us\s*$/m) * 1000,
    windowNs: number("the window", /^\s*Sample window:\s*(\d+)us\s*$/m) * 1000,
    widthNs: number("the width", /^\s*Sample width:\s*(\d+)us\s*$/m) * 1000,
    maxNs: max[1] === undefined ? number("the largest gap", /^Max Latency: (\d+)us/m) * 1000 : undefined,
    gapsNs: [...text.matchAll(/^ts: [\d.]+, inner:(\d{1,12}), outer:(\d{1,12})\b/gm)].map(
      ([, inner, outer]) => Math.max(Number(inner), Number(outer)) * 1000,
    ),
    managementInterrupts: interrupts === undefined ? undefined : Number(interrupts),
  };
}

/** Of a count, or of µs that are told in ns. */
const LARGEST = 1e12;
