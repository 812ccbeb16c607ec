import { type Metric, PERCENTILES } from "../../schema/record.ts";
import type { NamedRecord } from "./recorded.ts";

/** OpenMetrics wants base units, as the last part of the name; a count has none. */
const UNITS: Readonly<Record<Metric["unit"], readonly [suffix: string, factor: number]>> = {
  ns: ["seconds", 1e9],
  ms: ["seconds", 1e3],
  s: ["seconds", 1],
  bytes: ["bytes", 1],
  cycles: ["cycles", 1],
  ratio: ["ratio", 1],
  pps: ["frames_per_second", 1],
  bps: ["bits_per_second", 1],
  count: ["", 1],
  "1/s": ["per_second", 1],
};

/** A gauge for each metric, its statistics by label; and one that says which records are valid. */
export function openMetricsText(records: readonly NamedRecord[]): string[] {
  const families = new Map<string, string[]>();
  for (const { name, record } of records) {
    const labels = labelsOf(name, record);
    for (const metric of record.metrics) {
      const [suffix, factor] = UNITS[metric.unit];
      const family = `nfvlab_${metric.name.replace(/[^A-Za-z0-9]+/g, "_")}${suffix === "" ? "" : `_${suffix}`}`;
      const head = [`# TYPE ${family} gauge`, ...(suffix === "" ? [] : [`# UNIT ${family} ${suffix}`])];
      const lines = families.get(family) ?? head;
      const sample = (more: Readonly<Record<string, string>>, value: number) =>
        `${family}${labelled({ ...labels, ...more })} ${value / factor}`;
      families.set(family, [
        ...lines,
        ...statisticsOf(metric).map(([statistic, value]) => sample({ statistic }, value)),
        ...cpuStatistics(metric).map(([cpu, statistic, value]) => sample({ cpu, statistic }, value)),
      ]);
    }
  }
  return [
    ...[...families.values()].flat(),
    "# TYPE nfvlab_record_valid gauge",
    ...records.map(
      ({ name, record }) =>
        `nfvlab_record_valid${labelled({ ...labelsOf(name, record), functional: String(record.functional) })} ${record.valid ? 1 : 0}`,
    ),
    "# EOF",
  ];
}

/** With its time, since a benchmark that ran twice has two records of one name. */
function labelsOf(name: string, { kind, subject, startedAt }: NamedRecord["record"]) {
  return { record: name, benchmark: kind, subject, started: startedAt };
}

function statisticsOf(metric: Metric): (readonly [statistic: string, value: number])[] {
  return [
    ["min", metric.min],
    ["median", metric.median],
    ["low95", metric.interval95.low],
    ["high95", metric.interval95.high],
    ["max", metric.max],
    ...percentilesOf(metric.percentiles),
  ];
}

/** Of several CPUs each by itself. */
function cpuStatistics({
  perCpu = {},
}: Metric): (readonly [cpu: string, statistic: string, value: number])[] {
  const cpus = Object.entries(perCpu);
  if (cpus.length < 2) return [];
  return cpus.flatMap(([cpu, { min, max, percentiles }]) =>
    ([["min", min], ["max", max], ...percentilesOf(percentiles)] as const).map(
      ([statistic, value]) => [cpu, statistic, value] as const,
    ),
  );
}

function percentilesOf(percentiles: Metric["percentiles"]): (readonly [statistic: string, value: number])[] {
  return PERCENTILES.flatMap((percentile) => {
    const value = percentiles[percentile];
    return value === null || value === undefined ? [] : [[`p${percentile}`, value] as const];
  });
}

function labelled(labels: Readonly<Record<string, string>>): string {
  const escaped = (value: string) =>
    value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",")}}`;
}
