import { formatNanoseconds } from "../sdk/units/duration.ts";
import type { BenchmarkResults } from "./benchmarks.ts";
import { functionalCaveat, invalidCaveats, setUpOf } from "./caveats.ts";
import { columns } from "./columns.ts";

/** Times that are compared, with what a reader is told of each. */
const TIMES = {
  total: "total time, by QEMU",
  downtime: "downtime, by QEMU",
  standstill: "standstill, by libvirt",
  outage: "outage, as traffic saw it",
} as const;
type Time = keyof typeof TIMES;

export interface MigrationSides {
  /** Everything as QEMU and libvirt have it. */
  readonly baseline: BenchmarkResults;
  /** With settings. */
  readonly tuned: BenchmarkResults;
  /** Figures that somebody else published, ns; in the table beside ours, never compared by themselves. */
  readonly published?: {
    /** Whose, and of what: `KVM4NFV 2016, 8 GiB, DPDK L2fwd`. */
    readonly of: string;
    /** By the time that they are of. */
    readonly baselineNs: Readonly<Partial<Record<Time, number>>>;
    /** Likewise, with their settings. */
    readonly tunedNs: Readonly<Partial<Record<Time, number>>>;
  };
}

export interface MigrationComparison {
  /** A row for each time that both sides have. */
  readonly rows: readonly {
    /** Which one. */
    readonly time: Time;
    /** Longest of all migrations. */
    readonly baselineNs: number;
    /** Likewise, with settings. */
    readonly tunedNs: number;
    /** Baseline by tuned: above 1 the settings helped. */
    readonly ratio: number | null;
  }[];
  /** What speaks against reading the table as it stands, a sentence each. */
  readonly caveats: readonly string[];
  /** The table for people. */
  readonly text: string;
}

/**
 * The longest times of two series of migrations side by side, with what was published of the same.
 *
 * @example
 * const [baseline, tuned] = ["baseline", "tuned"].map(
 *   (name) => new LiveMigrationBenchmark(name, { guest: vnf, to: dut, addresses: { host: "198.18.100.1", destination: "198.18.100.2" } }).results,
 * );
 * export const table = pulumi.all([baseline!, tuned!]).apply(([one, other]) => compareMigrations({ baseline: one, tuned: other }).text);
 */
export function compareMigrations({ baseline, tuned, published }: MigrationSides): MigrationComparison {
  const longest = ({ metrics }: BenchmarkResults, time: Time) => metrics[`guest.migration.${time}`]?.max;
  const rows = (Object.keys(TIMES) as Time[]).flatMap((time) => {
    const [baselineNs, tunedNs] = [longest(baseline, time), longest(tuned, time)];
    if (baselineNs === undefined || tunedNs === undefined) return [];
    const ratio = tunedNs === 0 ? null : Math.round((100 * baselineNs) / tunedNs) / 100;
    return [{ time, baselineNs, tunedNs, ratio }];
  });
  const sides = Object.entries({ baseline, tuned });
  const caveats = [
    ...functionalCaveat(
      sides,
      "taken on emulated servers. It shows that the path works, not what settings gain.",
    ),
    ...invalidCaveats(sides),
    ...(setUpOf(baseline) === setUpOf(tuned)
      ? []
      : ["not the same was in force on the machines: what differs need not be the settings"]),
  ];
  return { rows, caveats, text: tableOf(rows, caveats, published) };
}

function tableOf(
  rows: MigrationComparison["rows"],
  caveats: readonly string[],
  published: MigrationSides["published"],
): string {
  const shown = (ns: number | undefined) => (ns === undefined ? "–" : formatNanoseconds(ns));
  const cells = [
    ["longest of all", "baseline", "tuned", "", ...(published === undefined ? [] : ["published", "tuned"])],
    ...rows.map(({ time, baselineNs, tunedNs, ratio }) => [
      ...[TIMES[time], shown(baselineNs), shown(tunedNs), ratio === null ? "–" : `${ratio}×`],
      ...(published === undefined ? [] : [shown(published.baselineNs[time]), shown(published.tunedNs[time])]),
    ]),
  ];
  const lines = columns(cells);
  return [
    ...lines,
    ...(published === undefined ? [] : [`published: ${published.of}`]),
    ...caveats.map((each) => `! ${each}`),
    "",
  ].join("\n");
}
