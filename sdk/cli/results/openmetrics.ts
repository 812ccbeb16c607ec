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
      const samples = statisticsOf(metric).map(
        ([statistic, value]) => `${family}${labelled({ ...labels, statistic })} ${value / factor}`,
      );
      families.set(family, [...lines, ...samples]);
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
    ...PERCENTILES.flatMap((percentile) => {
      const value = metric.percentiles[percentile];
      return value === null || value === undefined ? [] : [[`p${percentile}`, value] as const];
    }),
  ];
}

function labelled(labels: Readonly<Record<string, string>>): string {
  const escaped = (value: string) =>
    value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",")}}`;
}
