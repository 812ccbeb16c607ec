import { formatNanoseconds } from "../sdk/units/duration.ts";
import type { BenchmarkResults } from "./benchmarks.ts";
import { functionalCaveat, invalidCaveats } from "./caveats.ts";
import { columns } from "./columns.ts";

const MIB = 1024 ** 2;

export interface StartUps {
  /** A row for each function, in their order. */
  readonly rows: readonly {
    /** Its name. */
    readonly name: string;
    /** Median from the order to start until the first answer, ms; null where it was not timed. */
    readonly answerMs: number | null;
    /** The longest. */
    readonly longestMs: number | null;
    /** Median of the memory that it took by then, bytes; null where nobody told it. */
    readonly memoryBytes: number | null;
  }[];
  /** What speaks against reading the table as it stands, a sentence each. */
  readonly caveats: readonly string[];
  /** The table for people. */
  readonly text: string;
}

/**
 * How long guests and containers take to start, and the memory that each takes by its first answer, side by side.
 *
 * @param results of a BootTimeBenchmark, by the function's name
 * @example
 * const starts = { vnf: new BootTimeBenchmark("vnf-start", { of: vnf }).results };
 * export const table = pulumi.all(starts).apply((results) => startUps(results).text);
 */
export function startUps(results: Readonly<Record<string, BenchmarkResults>>): StartUps {
  const all = Object.entries(results);
  const rows = all.map(([name, { metrics }]) => {
    const metric = (what: string) => metrics[`guest.${what}`] ?? metrics[`container.${what}`];
    const { percentiles, max = null } = metric("boot") ?? {};
    const memoryBytes = metric("memory")?.percentiles["50"] ?? null;
    return { name, answerMs: percentiles?.["50"] ?? null, longestMs: max, memoryBytes };
  });
  const caveats = [
    ...functionalCaveat(
      all,
      "taken on an emulated server. It shows that the path works, not how long a start takes.",
    ),
    ...invalidCaveats(all),
  ];
  const time = (ms: number | null) => (ms === null ? "–" : formatNanoseconds(ms * 1e6));
  const lines = columns([
    ["", "first answer", "longest", "memory"],
    ...rows.map(({ name, answerMs, longestMs, memoryBytes }) => [
      ...[name, time(answerMs), time(longestMs)],
      memoryBytes === null ? "–" : `${(memoryBytes / MIB).toFixed(1)} MiB`,
    ]),
  ]);
  return { rows, caveats, text: [...lines, ...caveats.map((each) => `! ${each}`), ""].join("\n") };
}
