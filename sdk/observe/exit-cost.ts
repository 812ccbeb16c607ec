import { HostError } from "../units/errors.ts";
import { countOf } from "./rt-tests.ts";
import { jsonOf, understood } from "./understood.ts";

/** How long one operation took, in cycles of the time stamp counter, each time by itself. */
export interface TimedOperation {
  readonly operation: string;
  readonly samples: number;
  readonly min: number;
  readonly max: number;
  /** Counts by the largest value of each bucket. */
  readonly buckets: readonly (readonly [cycles: number, count: number])[];
}

/** What one side timed: the guest, or the host. */
export interface TimedSide {
  /** Of the time stamp counter; 0 where nobody told it. */
  readonly cyclesPerSecond: number;
  readonly operations: readonly TimedOperation[];
}

export interface ExitCostRun {
  readonly host: TimedSide;
  readonly guest: TimedSide & {
    /** What runs the guest, as it says: `KVMKVMKVM`. */
    readonly hypervisor: string;
    /** `x2apic` or `xapic`: how vCPUs are notified. */
    readonly apic: string;
    /** Operations that could not be timed, and why. */
    readonly missing: readonly { readonly operation: string; readonly why: string }[];
  };
}

/**
 * Reads what the exits program printed: as a program of the host, then as a guest, a line of JSON for each operation.
 *
 * @throws HostError `exit-guest` where it failed and said so, `parse`
 */
export function parseExitCost(text: string): ExitCostRun {
  const lines = understood("what the exits program reported", { code: 0, stdout: text, stderr: "" }, () =>
    text.split("\n").flatMap((line) => (line.startsWith("{") ? [jsonOf(line) as Line] : [])),
  );
  const failed = lines.find((line) => typeof line.failed === "string");
  if (failed !== undefined) {
    throw new HostError({
      code: "exit-guest",
      problem: "the guest that times its exits failed",
      observed: String(failed.failed),
      hint: "see the kernel's log of the host: dmesg",
    });
  }
  return understood("what the exits program reported", { code: 0, stdout: text, stderr: "" }, () => {
    const begins = lines.flatMap((line, at) => (line.nfvlabExits === 1 ? [at] : []));
    const [host, guest = 0] = begins;
    const places = begins.map((at) => lines[at]?.place).join();
    if (host !== 0 || places !== "host,guest" || lines.at(-1)?.done !== true)
      throw new RangeError("not whole");
    const { hypervisor, apic } = lines[guest] ?? {};
    return {
      host: sideOf(lines.slice(host, guest)),
      guest: {
        ...sideOf(lines.slice(guest)),
        hypervisor: wordOf(hypervisor),
        apic: wordOf(apic),
        missing: lines.flatMap(({ operation, missing }) =>
          missing === undefined ? [] : [{ operation: wordOf(operation), why: wordOf(missing) }],
        ),
      },
    };
  });
}

/** A line, as far as it is what it should be. */
type Line = Readonly<
  Partial<
    Record<
      | ("nfvlabExits" | "place" | "hypervisor" | "apic" | "cyclesPerSecond" | "failed" | "done")
      | ("operation" | "missing" | "samples" | "min" | "max" | "buckets"),
      unknown
    >
  >
>;

function sideOf([head = {}, ...lines]: readonly Line[]): TimedSide {
  const operations = lines.flatMap((line) => (line.samples === undefined ? [] : [operationOf(line)]));
  if (new Set(operations.map(({ operation }) => operation)).size < operations.length)
    throw new RangeError("an operation twice");
  return { cyclesPerSecond: countOf("cyclesPerSecond", head.cyclesPerSecond), operations };
}

function operationOf(line: Line): TimedOperation {
  const [samples, min, max] = [
    countOf("samples", line.samples),
    countOf("min", line.min),
    countOf("max", line.max),
  ];
  if (!Array.isArray(line.buckets)) throw new TypeError("no buckets");
  const buckets = line.buckets.map((bucket: unknown) => {
    if (!Array.isArray(bucket) || bucket.length !== 2) throw new TypeError("no bucket");
    return [countOf("bucket", bucket[0]), countOf("count", bucket[1])] as const;
  });
  const counted = buckets.reduce((sum, [, count]) => sum + count, 0);
  const rising = buckets.every(([cycles], at) => at === 0 || cycles > (buckets[at - 1]?.[0] ?? 0));
  const [lowest, highest] = [buckets[0]?.[0] ?? 0, buckets.at(-1)?.[0] ?? 0];
  if (samples === 0 || counted !== samples || !rising || min > max || min > lowest || max > highest)
    throw new RangeError("counts that contradict each other");
  return { operation: wordOf(line.operation), samples, min, max, buckets };
}

function wordOf(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("no word");
  return value;
}
