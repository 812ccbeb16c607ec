import type { Metric } from "../schema/record.ts";
import { formatNanoseconds } from "../units/duration.ts";
import { metricOf, metricOfValues, type Repetition } from "./metric.ts";

/** Wake-ups of one instance. */
interface WakeUps {
  readonly cycles: number;
  readonly maxNs: number;
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  readonly overflow: number;
}

interface Instance {
  readonly instance: number;
  readonly answerMs: number;
  readonly rssBytes: number;
  readonly pssBytes: number;
  readonly hugeBytes: number;
  readonly cpuShare: number;
  readonly wakeUps?: WakeUps;
}

/** So many instances beside each other, as they were seen. */
export interface Rung {
  readonly instances: readonly Instance[];
  readonly failed?: { readonly instance: number; readonly how: "start" | "answer"; readonly said: string };
  readonly lost: readonly { readonly instance: number; readonly said: string }[];
  readonly beforeKib: ReadonlyMap<number, number>;
  readonly afterKib: ReadonlyMap<number, number>;
}

export interface DensityGoal {
  readonly startSeconds: number;
  /** Memory that has to be left on each node, KiB. */
  readonly keptFreeKib: ReadonlyMap<number, number>;
  readonly latency?:
    | {
        readonly percentile: string;
        readonly limitNs: number;
        /** Wake-ups that each instance has for certain. */
        readonly expected: number;
      }
    | undefined;
}

/** A rung that was tried: how many, and what broke; undefined where all goals held. */
export interface TriedRung {
  readonly count: number;
  readonly broke: string | undefined;
}

/** What broke first, a sentence; undefined where every goal held. */
export function brokenGoal(rung: Rung, goal: DensityGoal): string | undefined {
  const { failed, lost, afterKib, instances } = rung;
  if (failed !== undefined) {
    const said = failed.said === "" ? "" : `: ${failed.said}`;
    return failed.how === "start"
      ? `instance ${failed.instance} did not start${said}`
      : `instance ${failed.instance} did not answer within ${goal.startSeconds} s${said}`;
  }
  for (const [node, kept] of goal.keptFreeKib) {
    const left = afterKib.get(node) ?? 0;
    if (left < kept)
      return `node ${node} had ${Math.floor(left / 1024)} MiB left, ${Math.ceil(kept / 1024)} MiB are to stay free`;
  }
  const [first] = lost;
  if (first !== undefined)
    return `instance ${first.instance} did not run to the end${first.said === "" ? "" : `: ${first.said}`}`;
  return goal.latency === undefined ? undefined : lateInstance(instances, goal.latency);
}

/** The instance whose wake-ups came latest, where that is too late. */
function lateInstance(
  instances: readonly Instance[],
  { percentile, limitNs, expected }: NonNullable<DensityGoal["latency"]>,
): string | undefined {
  const seen = instances.map(({ instance, wakeUps }) => ({
    instance,
    missed: expected - (wakeUps?.cycles ?? 0),
    ns: wakeUps === undefined ? null : latencyAt(wakeUps, percentile, expected),
  }));
  const missing = seen.find(({ missed }) => missed > 0);
  if (missing !== undefined)
    return `instance ${missing.instance} missed ${missing.missed} of ${expected} wake-ups`;
  const beyond = seen.find(({ ns }) => ns === null);
  const share = percentile === "max" ? "the latest wake-up" : `${percentile} % of the wake-ups`;
  if (beyond !== undefined)
    return `${share} of instance ${beyond.instance} came later than could be told, ${formatNanoseconds(limitNs)} is allowed`;
  const worst = seen.reduce((a, b) => ((b.ns ?? 0) > (a.ns ?? 0) ? b : a));
  return (worst.ns ?? 0) > limitNs
    ? `${share} of instance ${worst.instance} came within ${formatNanoseconds(worst.ns ?? 0)}, ${formatNanoseconds(limitNs)} is allowed`
    : undefined;
}

function latencyAt(wakeUps: WakeUps, percentile: string, expected: number): number | null {
  if (percentile === "max") return wakeUps.maxNs;
  const { percentiles } = metricOf({ name: "wake-ups", unit: "ns", direction: "lower" }, [
    repetitionOf(wakeUps, expected),
  ]);
  return percentiles[percentile as keyof typeof percentiles] ?? null;
}

function repetitionOf({ buckets, overflow, maxNs }: WakeUps, expected: number): Repetition {
  return { buckets, overflow, max: maxNs, expected };
}

/**
 * How many instances the next rung has: more by one, two, four and so on while all goals hold, likewise fewer where they broke from the first, and halfway between the most that held and the fewest that
 * broke. Undefined once these are neighbours, or as many held as there is room for.
 *
 * @param first of the first rung, cut to the room that there is
 */
export function nextRung(
  tried: readonly TriedRung[],
  { first, room }: { readonly first: number; readonly room: number },
): number | undefined {
  const held = tried.filter(({ broke }) => broke === undefined).map(({ count }) => count);
  const broken = tried.filter(({ broke }) => broke !== undefined).map(({ count }) => count);
  if (tried.length === 0) return Math.max(1, Math.min(first, room));
  const most = Math.max(0, ...held);
  const fewest = Math.min(room + 1, ...broken);
  if (fewest <= most + 1) return undefined;
  if (broken.length === 0) return Math.min(room, most + 2 ** (held.length - 1));
  if (held.length === 0) return Math.max(1, fewest - 2 ** (broken.length - 1));
  return most + Math.floor((fewest - most) / 2);
}

/** One search: the most instances with which every goal held, what ended it, and what was seen of them. */
export interface DensityFound {
  readonly count: number;
  readonly tried: readonly TriedRung[];
  /** The rung of so many; undefined where none held. */
  readonly rung: Rung | undefined;
}

/** The number, and what each instance took and did at that number. */
export function densityMetrics(
  kind: "guest" | "container",
  found: readonly DensityFound[],
  goal: DensityGoal,
): Metric[] {
  const rungs = found.flatMap(({ rung }) => rung ?? []);
  const each = rungs.flatMap(({ instances }) => instances);
  const name = (what: string) => `${kind}.density.${what}`;
  const of = (what: string, unit: Metric["unit"], values: readonly number[]): Metric[] =>
    values.length === 0 ? [] : [metricOfValues({ name: name(what), unit, direction: "lower" }, values)];
  const { latency } = goal;
  const runs = rungs.flatMap(({ instances }) => {
    const all = instances.flatMap(({ wakeUps }) => wakeUps ?? []);
    return latency === undefined || all.length === 0 ? [] : [together(all, latency.expected)];
  });
  const huge = each.map(({ hugeBytes }) => hugeBytes);
  return [
    metricOfValues(
      { name: `${kind}.density`, unit: "count", direction: "higher" },
      found.map(({ count }) => count),
    ),
    ...of(
      "boot",
      "ms",
      each.map(({ answerMs }) => answerMs),
    ),
    ...of(
      "rss",
      "bytes",
      each.map(({ rssBytes }) => rssBytes),
    ),
    ...of(
      "pss",
      "bytes",
      each.map(({ pssBytes }) => pssBytes),
    ),
    ...(huge.some((bytes) => bytes > 0) ? of("hugepages", "bytes", huge) : []),
    ...of("host-memory", "bytes", rungs.flatMap(hostMemory)),
    ...of(
      "cpu",
      "ratio",
      each.map(({ cpuShare }) => cpuShare),
    ),
    ...(runs.length === 0 ? [] : [metricOf({ name: name("latency"), unit: "ns", direction: "lower" }, runs)]),
  ];
}

/** Wake-ups of all instances of a rung, as one repetition. */
function together(all: readonly WakeUps[], expected: number): Repetition {
  return {
    buckets: all.flatMap(({ buckets }) => buckets),
    overflow: all.reduce((sum, { overflow }) => sum + overflow, 0),
    max: Math.max(...all.map(({ maxNs }) => maxNs)),
    expected: expected * all.length,
  };
}

/** What the machine had less for each instance, bytes; nothing where others gave back more meanwhile. */
function hostMemory({ instances, beforeKib, afterKib }: Rung): number[] {
  const total = (nodes: ReadonlyMap<number, number>) =>
    [...nodes.values()].reduce((sum, kib) => sum + kib, 0);
  const taken = ((total(beforeKib) - total(afterKib)) * 1024) / instances.length;
  return taken > 0 ? [Math.round(taken)] : [];
}

/** A sentence for each search: how many held, and what ended it. */
export function densityRemarks(
  found: readonly DensityFound[],
  room: { readonly most: number; readonly by: string },
): string[] {
  return found.map(({ count, tried }, index) => {
    const first = tried
      .filter(({ broke }) => broke !== undefined)
      .reduce<TriedRung | undefined>(
        (least, each) => (least === undefined || each.count < least.count ? each : least),
        undefined,
      );
    const end =
      first === undefined
        ? `no goal broke: there is room for no more (${room.by})`
        : `with ${first.count} a goal broke: ${first.broke}`;
    return `repetition ${index + 1}: ${count} held; ${end}`;
  });
}
