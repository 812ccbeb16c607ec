import { formatNanoseconds } from "../sdk/units/duration.ts";
import {
  type CrossedLayer,
  changesOfPlace,
  layersOf,
  PATH_LATENCIES,
  type PacketPath,
} from "../sdk/units/packet-path.ts";
import type { BenchmarkResults } from "./benchmarks.ts";
import { functionalCaveat, invalidCaveats, setUpOf } from "./caveats.ts";
import { columns } from "./columns.ts";

/** What was counted at both ends of a path, in one direction. */
interface CountedFrames {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

/** One path: what packets crossed, what was counted, and how long they took. */
export interface MeasuredPath {
  /** Of a chain, or of the benchmark over it. */
  readonly path: PacketPath;
  /** As a TrafficBenchmark counted them, or an ExchangeBenchmark. */
  readonly frames: {
    /** From the first end to the last. */
    readonly forward: CountedFrames;
    /** Back; null where nothing was sent that way. */
    readonly reverse: CountedFrames | null;
  };
  /** Of the same benchmark. */
  readonly results: BenchmarkResults;
}

export interface PathComparison {
  /** A row for each path, in their order. */
  readonly rows: readonly {
    /** Its name. */
    readonly name: string;
    /** Frames of both directions together. */
    readonly sent: number;
    /** Likewise. */
    readonly received: number;
    /** Likewise. */
    readonly lost: number;
    /** Latency from end to end in the first direction, or of a round trip; null where frames bear no time, or too few samples support it. */
    readonly medianNs: number | null;
    /** Likewise. */
    readonly p99Ns: number | null;
    /** The longest of all. */
    readonly longestNs: number | null;
    /** Everything that a packet crosses, in its order. */
    readonly layers: readonly CrossedLayer[];
    /** How often it changes its place: with a copy, an exit, an interrupt or a trip over the bus. */
    readonly changesOfPlace: number;
  }[];
  /** What speaks against reading the table as it stands, a sentence each. */
  readonly caveats: readonly string[];
  /** The table for people, and below it the layers of each path. */
  readonly text: string;
}

/**
 * Paths side by side: frames by count, latency, and the layers that a packet crosses on each.
 *
 * @param paths by name, in the order of the rows; they compare only where all had the same frames at the same rate
 * @example
 * const chain = new ServiceChain("pvp", { from: switchedEnd("generator", bridge, "gen0"), through: [vnf], to: switchedEnd("sink", bridge, "gen1") });
 * const { frames, results } = new TrafficBenchmark("pvp-frames", { on: dut, tool, cpus: "3", over: chain, rate: 200, count: 2000 });
 * export const table = pulumi
 *   .all([frames, results])
 *   .apply(([counted, short]) => comparePaths({ pvp: { path: chain.path, frames: counted, results: short } }).text);
 */
export function comparePaths(paths: Readonly<Record<string, MeasuredPath>>): PathComparison {
  const rows = Object.entries(paths).map(([name, { path, frames, results }]) => {
    const directions = [frames.forward, ...(frames.reverse === null ? [] : [frames.reverse])];
    const sum = (count: keyof CountedFrames) => directions.reduce((all, each) => all + each[count], 0);
    const { percentiles, max = null } =
      PATH_LATENCIES.flatMap((metric) => results.metrics[metric] ?? [])[0] ?? {};
    return {
      name,
      ...{ sent: sum("sent"), received: sum("received"), lost: sum("lost") },
      ...{ medianNs: percentiles?.["50"] ?? null, p99Ns: percentiles?.["99"] ?? null, longestNs: max },
      ...{ layers: layersOf(path), changesOfPlace: changesOfPlace(path) },
    };
  });
  const caveats = caveatsOf(Object.entries(paths).map(([name, { results }]) => [name, results] as const));
  return { rows, caveats, text: textOf(rows, caveats) };
}

function caveatsOf(all: readonly (readonly [name: string, results: BenchmarkResults])[]): string[] {
  return [
    ...functionalCaveat(
      all,
      "taken on an emulated server. It shows that each path works, not how fast it is.",
    ),
    ...invalidCaveats(all),
    ...(new Set(all.map(([, results]) => setUpOf(results))).size > 1
      ? ["not all paths were measured with the same in force"]
      : []),
  ];
}

function textOf(rows: PathComparison["rows"], caveats: readonly string[]): string {
  const time = (ns: number | null) => (ns === null ? "–" : formatNanoseconds(ns));
  const table = columns([
    ["", "sent", "received", "lost", "median", "p99", "longest", "layers", "changes of place"],
    ...rows.map((row) => [
      row.name,
      ...[row.sent, row.received, row.lost].map(String),
      ...[row.medianNs, row.p99Ns, row.longestNs].map(time),
      ...[row.layers.length, row.changesOfPlace].map(String),
    ]),
  ]);
  const crossed = rows.map(({ name, layers }) => `${name}: ${wayOf(layers)}`);
  return [...table, ...caveats.map((each) => `! ${each}`), "", ...crossed, ""].join("\n");
}

/** `guest: virtio-net driver | shared memory: virtqueue`, layers of one place together. */
function wayOf(layers: readonly CrossedLayer[]): string {
  const parts: { readonly place: string; readonly names: string[] }[] = [];
  for (const { place, name, of } of layers) {
    const said = of === "" ? name : `${of} ${name}`;
    const last = parts.at(-1);
    if (last?.place === place) last.names.push(said);
    else parts.push({ place, names: [said] });
  }
  return parts.map(({ place, names }) => `${place}: ${names.join(", ")}`).join(" | ");
}
