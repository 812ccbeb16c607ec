import type { ResultRecord } from "../sdk/schema/record.ts";
import { formatNanoseconds } from "../sdk/units/duration.ts";
import { functionalCaveat, invalidCaveats } from "./caveats.ts";
import { columns } from "./columns.ts";

const MIB = 1024 ** 2;

/** What a table of densities reads of a record. */
type DensityRecord = Pick<ResultRecord, "metrics" | "remarks" | "valid" | "functional" | "invalidReasons">;

export interface Densities {
  /** A row for each kind, in their order. */
  readonly rows: readonly {
    /** Its name. */
    readonly name: string;
    /** Median of the repetitions: so many held beside each other; null where it was not sought. */
    readonly instances: number | null;
    /** Fewest and most of the repetitions. */
    readonly range: readonly [fewest: number, most: number] | null;
    /** Median of the memory of its processes, proportional share and huge pages, bytes. */
    readonly memoryBytes: number | null;
    /** Median of what the machine had less for each, bytes. */
    readonly hostMemoryBytes: number | null;
    /** Median of its share of one CPU. */
    readonly cpuShare: number | null;
    /** 99.9 % of the wake-ups of all came within this, ns; null where none were asked for, or too few. */
    readonly latencyNs: number | null;
  }[];
  /** What ended each search, and what speaks against reading the table as it stands, a sentence each. */
  readonly caveats: readonly string[];
  /** The table for people. */
  readonly text: string;
}

/**
 * How many guests and containers a machine carries, and what each takes at that number, side by side, with what ended each search.
 *
 * @param records of a DensityBenchmark, by a name for its kind
 * @example
 * const lxc = new DensityBenchmark("lxc", { on: dut, instances: { kind: "container" }, perCpu: 16 });
 * export const table = pulumi.all({ lxc: lxc.record }).apply((records) => densities(records).text);
 */
export function densities(records: Readonly<Record<string, DensityRecord>>): Densities {
  const all = Object.entries(records);
  const rows = all.map(([name, { metrics }]) => {
    const metric = (what: string) =>
      metrics.find(
        (each) => each.name === `guest.density${what}` || each.name === `container.density${what}`,
      );
    const middle = (what: string) => metric(what)?.percentiles["50"] ?? null;
    const number = metric("");
    const pss = middle(".pss");
    return {
      name,
      instances: number?.median ?? null,
      range: number === undefined ? null : ([number.min, number.max] as const),
      memoryBytes: pss === null ? null : pss + (middle(".hugepages") ?? 0),
      hostMemoryBytes: middle(".host-memory"),
      cpuShare: middle(".cpu"),
      latencyNs: metric(".latency")?.percentiles["99.9"] ?? null,
    };
  });
  const caveats = [
    ...functionalCaveat(
      all,
      "taken on an emulated server. It shows that the path works, not how many a machine carries.",
    ),
    ...all.flatMap(([name, { remarks = [] }]) => remarks.map((remark) => `${name}, ${remark}`)),
    ...invalidCaveats(all),
  ];
  const told = <T>(value: T | null, text: (known: T) => string) => (value === null ? "–" : text(value));
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  const lines = columns([
    ["", "instances", "fewest-most", "memory each", "of the host", "CPU each", "99.9 % of wake-ups"],
    ...rows.map(({ name, instances, range, memoryBytes, hostMemoryBytes, cpuShare, latencyNs }) => [
      ...[name, told(instances, String), told(range, ([fewest, most]) => `${fewest}-${most}`)],
      ...[told(memoryBytes, mib), told(hostMemoryBytes, mib)],
      told(cpuShare, (share) => `${Number((share * 100).toPrecision(3))} %`),
      told(latencyNs, formatNanoseconds),
    ]),
  ]);
  return { rows, caveats, text: [...lines, ...caveats.map((each) => `! ${each}`), ""].join("\n") };
}
