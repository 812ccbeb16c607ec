import type { Fingerprint, Metric, ResultRecord } from "../schema/record.ts";
import { between, byPath, differencesOf } from "./differences.ts";
import { type Difference, FEWEST_TO_COMPARE, mannWhitney } from "./mann-whitney.ts";

export interface MetricChange {
  readonly name: string;
  readonly unit: Metric["unit"];
  readonly before: number;
  readonly after: number;
  /** `unclear`: the figures can't tell, for the reason given. `equal`: the same in every repetition. */
  readonly verdict: "better" | "worse" | "equal" | "unclear";
  readonly reason: string;
  readonly difference?: Difference;
}

/** What is different between two records: first what was measured on, then what came of it. */
export interface Comparison {
  /** Items of the fingerprint, a line each. */
  readonly environment: readonly string[];
  /** How it was measured: benchmark, command, tool, load beside it. */
  readonly conditions: readonly string[];
  readonly metrics: readonly MetricChange[];
  /** Metrics that only one of them has. */
  readonly unmatched: readonly string[];
  /** Why the figures decide nothing, whatever they are. */
  readonly caveats: readonly string[];
}

const SIGNIFICANT = 0.05;

/** Compares two records. A record compared with itself has no line in any part, and `equal` metrics alone. */
export function comparisonOf(before: ResultRecord, after: ResultRecord): Comparison {
  const names = new Set([...before.metrics, ...after.metrics].map(({ name }) => name));
  const pairs = [...names].map((name) => {
    const of = ({ metrics }: ResultRecord) => metrics.find((metric) => metric.name === name);
    return { name, one: of(before), other: of(after) };
  });
  const caveats = caveatsOf(before, after);
  return {
    environment: environmentChanges(before, after),
    conditions: conditionChanges(before, after),
    metrics: pairs.flatMap(({ one, other }) =>
      one === undefined || other === undefined ? [] : [changeOf(one, other, caveats)],
    ),
    unmatched: pairs.flatMap(({ name, one, other }) =>
      one === undefined
        ? [`${name}: not measured before`]
        : other === undefined
          ? [`${name}: not measured after`]
          : [],
    ),
    caveats,
  };
}

/** Items of the fingerprint that are others, a line each; which boot it was is none of them, as it is none of the hash. */
export function environmentChanges(before: ResultRecord, after: ResultRecord): string[] {
  const between = (one: Fingerprint, other: Fingerprint) =>
    differencesOf({ ...one, bootId: "" }, { ...other, bootId: "" });
  const [ones, others] = [before.others ?? {}, after.others ?? {}];
  const roles = [...new Set([...Object.keys(ones), ...Object.keys(others)])].sort();
  return [
    ...between(before.fingerprint, after.fingerprint),
    ...roles.flatMap((role) => {
      const [one, other] = [ones[role], others[role]];
      return one === undefined || other === undefined
        ? [`${role}: ${one?.machineId ?? "not there"}, then ${other?.machineId ?? "not there"}`]
        : between(one, other).map((line) => `${role}.${line}`);
    }),
  ];
}

/** How it was measured otherwise, a line each. */
export function conditionChanges(before: ResultRecord, after: ResultRecord): string[] {
  const of = ({ kind, subject, tool, coLoad }: ResultRecord): Record<string, string> => ({
    benchmark: kind,
    subject,
    command: tool.command.join(" "),
    tool: tool.version,
    load: coLoad === undefined ? "none" : `${coLoad.kind} on CPUs ${coLoad.cpus} (${coLoad.version})`,
  });
  const { asked } = before;
  return [
    ...between(of(before), of(after)).map(([name, what]) => `${name}: ${what}`),
    // Nobody knows what an older record was asked for.
    ...(asked === undefined || after.asked === undefined
      ? []
      : between(asked, after.asked, "the default")
          .sort(byPath)
          .map(([path, what]) => `asked for ${path}: ${what}`)),
  ];
}

function caveatsOf(before: ResultRecord, after: ResultRecord): string[] {
  const invalid = (when: string, { valid, invalidReasons }: ResultRecord) =>
    valid ? [] : [`the record ${when} is not valid: ${invalidReasons.join("; ")}`];
  return [
    ...invalid("before", before),
    ...invalid("after", after),
    ...(before.kind === after.kind ? [] : [`they are of two benchmarks, ${before.kind} and ${after.kind}`]),
  ];
}

function changeOf(before: Metric, after: Metric, caveats: readonly string[]): MetricChange {
  const shared = { name: before.name, unit: before.unit, before: before.median, after: after.median };
  const unclear = (reason: string): MetricChange => ({ ...shared, verdict: "unclear", reason });
  if (before.unit !== after.unit || before.direction !== after.direction)
    return unclear(
      `measured in ${before.unit}, ${before.direction} is better, then in ${after.unit}, ${after.direction} is better`,
    );
  if (caveats.length > 0) return unclear("a record decides nothing");
  const [ones, others] = [before, after].map(({ repetitions }) =>
    repetitions.map(({ median }) => median).sort((one, other) => one - other),
  ) as [number[], number[]];
  if (ones.join() === others.join())
    return { ...shared, verdict: "equal", reason: "the same in every repetition" };
  const difference = mannWhitney(ones, others);
  if (difference === undefined)
    return unclear(
      `${ones.length} repetitions before and ${others.length} after; ${FEWEST_TO_COMPARE} of each are needed`,
    );
  const { pValue, effect } = difference;
  const p = `p = ${Number(pValue.toPrecision(2))}`;
  if (pValue > SIGNIFICANT) return { ...unclear(`within what chance does, ${p}`), difference };
  const isHigher = effect.estimate > (effect.kind === "ratio" ? 1 : 0);
  const verdict = isHigher === (before.direction === "higher") ? "better" : "worse";
  return { ...shared, verdict, reason: p, difference };
}
