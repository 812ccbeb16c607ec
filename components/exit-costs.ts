import { formatNanoseconds } from "../sdk/units/duration.ts";
import type { BenchmarkResults } from "./benchmarks.ts";
import { columns } from "./columns.ts";

/** Operations in the order of the table, with what a reader is told of each. */
const OPERATIONS = {
  "host.getppid": "getppid() on the host",
  "guest.exit.none": "nothing: what timing itself takes",
  "guest.exit.hypercall": "null hypercall",
  "guest.exit.cpuid": "CPUID",
  "guest.exit.user-space": "exit to QEMU",
  "guest.notification": "notification of a vCPU that runs",
  "guest.notification.halted": "notification of a vCPU that sleeps",
  "guest.polling.round-trip": "there and back by memory that is polled",
  "guest.vmfunc": "VMFUNC",
} as const;
type Operation = keyof typeof OPERATIONS;

/** Time of one frame of 64 bytes at 10 Gbit/s, ns: with preamble and gap 84 bytes. */
const FRAME_NS = 67.2;

/** Figures that somebody else published, in the table beside ours, never compared by themselves. */
export interface PublishedExitCosts {
  /** Whose, and of what: `KVM Forum 2014, Haswell 3.2 GHz`. */
  readonly of: string;
  /** Cycles of the time stamp counter by the metric that they are of; a text where it is a range. */
  readonly cycles: Readonly<Partial<Record<Operation, number | string>>>;
}

export interface ExitCostTable {
  /** A row for each operation that was timed. */
  readonly rows: readonly {
    /** Metric in ns. */
    readonly operation: Operation;
    /** Median, cycles of the time stamp counter. */
    readonly cycles: number;
    /** Median, ns; null where the counter's frequency is not known. */
    readonly ns: number | null;
    /** 99th percentile, ns; null where too few samples support it. */
    readonly p99Ns: number | null;
    /** Cores that do nothing else, where each frame of 64 bytes at 10 Gbit/s takes one such operation; null where `ns` is. */
    readonly cores: number | null;
  }[];
  /** What speaks against reading the table as it stands, a sentence each. */
  readonly caveats: readonly string[];
  /** The table for people. */
  readonly text: string;
}

/**
 * What it costs to leave a guest, operation by operation, beside what was published: and how many cores that were, if each frame of 64 bytes at 10 Gbit/s took one.
 *
 * @example
 * const program = new Tool("exits", { host: dut.reference, name: "exits", program: "exits" });
 * const run = new ExitCostBenchmark("exit-cost", { on: dut, program });
 * export const table = run.results.apply((results) => exitCostTable(results).text);
 */
export function exitCostTable(results: BenchmarkResults, published?: PublishedExitCosts): ExitCostTable {
  const { metrics, functional, valid, invalidReasons } = results;
  const rows = (Object.keys(OPERATIONS) as Operation[]).flatMap((operation) => {
    const cycles = metrics[`${operation}.cycles`]?.percentiles["50"];
    if (cycles === undefined) return [];
    const { "50": ns = null, "99": p99Ns = null } = metrics[operation]?.percentiles ?? {};
    const cores = ns === null ? null : Math.round((10 * ns) / FRAME_NS) / 10;
    return [{ operation, cycles, ns, p99Ns, cores }];
  });
  const caveats = [
    ...(functional
      ? ["functional: taken on an emulated server. It shows that the path works, not what an exit costs."]
      : []),
    ...(valid ? [] : [`not valid: ${invalidReasons.join("; ")}`]),
  ];
  return { rows, caveats, text: tableOf(rows, caveats, published) };
}

function tableOf(
  rows: ExitCostTable["rows"],
  caveats: readonly string[],
  published: PublishedExitCosts | undefined,
): string {
  const time = (ns: number | null) => (ns === null ? "–" : formatNanoseconds(ns));
  const cells = [
    ["", "cycles", "median", "p99", "cores", ...(published === undefined ? [] : ["published"])],
    ...rows.map(({ operation, cycles, ns, p99Ns, cores }) => [
      ...[OPERATIONS[operation], `${cycles}`, time(ns), time(p99Ns), cores === null ? "–" : cores.toFixed(1)],
      ...(published === undefined ? [] : [`${published.cycles[operation] ?? "–"}`]),
    ]),
  ];
  const lines = columns(cells);
  return [
    ...lines,
    "cores: that do nothing else, at 10 Gbit/s of frames of 64 bytes with one such operation each",
    ...(published === undefined ? [] : [`published: cycles, ${published.of}`]),
    ...caveats.map((each) => `! ${each}`),
    "",
  ].join("\n");
}
