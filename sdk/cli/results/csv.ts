import { PERCENTILES } from "../../schema/record.ts";
import type { NamedRecord } from "./recorded.ts";

const COLUMNS = [
  ...[
    "name",
    "benchmark",
    "subject",
    "startedAt",
    "valid",
    "functional",
    "fingerprint",
    "metric",
    "unit",
    "direction",
  ],
  ...[
    "repetitions",
    "samples",
    "missing",
    "overflow",
    "min",
    "mean",
    "max",
    "median",
    "low95",
    "high95",
    "interval",
  ],
  ...PERCENTILES.map((percentile) => `p${percentile}`),
];

/** A line for each metric, cells quoted as RFC 4180 has it. Lines end with a line feed alone, which spreadsheets and awk take. What is not known is empty. */
export function csvText(records: readonly NamedRecord[]): string[] {
  const rows = records.flatMap(({ name, record }) =>
    record.metrics.map((metric) => [
      ...[name, record.kind, record.subject, record.startedAt, record.valid, record.functional],
      ...[record.fingerprint.hash, metric.name, metric.unit, metric.direction],
      ...[metric.repetitions.length, metric.samples, metric.missing, metric.overflow],
      ...[metric.min, metric.mean, metric.max, metric.median],
      ...[metric.interval95.low, metric.interval95.high, metric.interval95.method],
      ...PERCENTILES.map((percentile) => metric.percentiles[percentile] ?? ""),
    ]),
  );
  return [COLUMNS, ...rows].map((row) => row.map((cell) => quoted(String(cell))).join(","));
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
