import { formatNanoseconds } from "../sdk/units/duration.ts";
import type { BenchmarkResults } from "./benchmarks.ts";
import { functionalCaveat, invalidCaveats, setUpOf } from "./caveats.ts";
import { columns } from "./columns.ts";

/** Percentiles that stand in the table, with the maximum. */
const SHOWN = ["50", "99", "99.99", "max"] as const;
type Shown = (typeof SHOWN)[number];

/** One load: the same measurement before and after. */
export interface Sides {
  /** Name of the row: `idle`, `cpu`. */
  readonly load: string;
  /** The machine as it was found. */
  readonly untuned: BenchmarkResults;
  /** The same measurement after it was tuned. */
  readonly tuned: BenchmarkResults;
}

export interface SideBySide {
  /** A row for each load, in their order. */
  readonly rows: readonly {
    /** Its name. */
    readonly load: string;
    /** By percentile, and `max`; null where too few samples support it. */
    readonly untunedNs: Readonly<Record<Shown, number | null>>;
    /** Likewise, tuned. */
    readonly tunedNs: Readonly<Record<Shown, number | null>>;
    /** Untuned by tuned: above 1 the tuning helped. */
    readonly ratio: Readonly<Record<Shown, number | null>>;
  }[];
  /** What speaks against reading the table as it stands, a sentence each. */
  readonly caveats: readonly string[];
  /** The table for people. */
  readonly text: string;
}

/**
 * The latencies of an untuned and a tuned machine, a row for each load: percentiles, maxima, and how many times smaller the tuned ones are.
 *
 * @param metric name of the metric that is compared
 * @example
 * const on = new TunedHost("dut", { connection: { kind: "local" }, cpus: { housekeeping: "0", isolated: "1" } });
 * const untuned = new CyclictestBenchmark("before", { on, once: true }).results;
 * const tuned = new CyclictestBenchmark("after", { on }).results;
 * const sides = pulumi.all([untuned, tuned]).apply(([one, other]) => [{ load: "idle", untuned: one, tuned: other }]);
 * export const table = sides.apply((all) => sideBySide("host.timer.latency", all).text);
 */
export function sideBySide(metric: string, sides: readonly Sides[]): SideBySide {
  const rows = sides.map(({ load, untuned, tuned }) => {
    const [untunedNs, tunedNs] = [figuresOf(untuned, metric), figuresOf(tuned, metric)];
    const ratio = ofEach((name) => {
      const [before, after] = [untunedNs[name], tunedNs[name]];
      return before === null || after === null || after === 0
        ? null
        : Math.round((100 * before) / after) / 100;
    });
    return { load, untunedNs, tunedNs, ratio };
  });
  const caveats = caveatsOf(sides);
  return { rows, caveats, text: tableOf(metric, rows, caveats) };
}

function figuresOf({ metrics }: BenchmarkResults, metric: string): Record<Shown, number | null> {
  const { percentiles, max } = metrics[metric] ?? {};
  return ofEach((name) => (name === "max" ? max : percentiles?.[name]) ?? null);
}

function ofEach<T>(value: (name: Shown) => T): Record<Shown, T> {
  return Object.fromEntries(SHOWN.map((name) => [name, value(name)])) as Record<Shown, T>;
}

function caveatsOf(sides: readonly Sides[]): string[] {
  const all = sides.flatMap(({ load, untuned, tuned }) => [
    [`untuned, ${load}`, untuned] as const,
    [`tuned, ${load}`, tuned] as const,
  ]);
  const hashes = (side: "untuned" | "tuned") => new Set(sides.map(({ [side]: results }) => setUpOf(results)));
  const [before, after] = [hashes("untuned"), hashes("tuned")];
  return [
    ...functionalCaveat(
      all,
      "taken on an emulated server. It shows that the path works, not what tuning gains.",
    ),
    ...invalidCaveats(all),
    ...([...before].some((hash) => after.has(hash))
      ? ["both sides were measured with the same in force: what differs is chance, not tuning"]
      : []),
    ...([before, after].some((side) => side.size > 1)
      ? ["not all loads of one side were measured with the same in force"]
      : []),
  ];
}

function tableOf(metric: string, rows: SideBySide["rows"], caveats: readonly string[]): string {
  const latency = (ns: number | null) => (ns === null ? "–" : formatNanoseconds(ns));
  const times = (ratio: number | null) => (ratio === null ? "–" : `${ratio}×`);
  const names = SHOWN.map((name) => (name === "max" ? name : `p${name}`));
  const cells = [
    ["load", ...names.map((name) => `untuned ${name}`), ...names.map((name) => `tuned ${name}`), ...names],
    ...rows.map(({ load, untunedNs, tunedNs, ratio }) => [
      load,
      ...SHOWN.map((name) => latency(untunedNs[name])),
      ...SHOWN.map((name) => latency(tunedNs[name])),
      ...SHOWN.map((name) => times(ratio[name])),
    ]),
  ];
  const lines = columns(cells);
  return [
    `${metric}; the last columns are untuned by tuned`,
    ...lines,
    ...caveats.map((each) => `! ${each}`),
    "",
  ].join("\n");
}
