import { table } from "../../units/table.ts";
import { figure } from "./figure.ts";
import type { NamedRecord } from "./recorded.ts";

/** A line for each record: what it is of, when, whether it is valid, and the median of each metric. */
export function listText(records: readonly NamedRecord[]): string[] {
  return table([
    ["NAME", "BENCHMARK", "OF", "STARTED", "STANDING", "MEDIANS"],
    ...records.map(({ name, record }) => [
      name,
      record.kind,
      record.subject,
      record.startedAt,
      standing(record),
      record.metrics.map((metric) => `${metric.name} ${figure(metric.median, metric.unit)}`).join(", "),
    ]),
  ]);
}

export function standing({
  valid,
  functional,
}: {
  readonly valid: boolean;
  readonly functional: boolean;
}): string {
  return [valid ? "valid" : "INVALID", ...(functional ? ["functional"] : [])].join(", ");
}
