import type { RunManifest } from "../../schema/run.ts";
import { figure } from "../../units/figure.ts";
import { table } from "../../units/table.ts";
import type { Found, KeptRun } from "./recorded.ts";

/** A line for each record: what it is of, when, whether it is valid, where it lies, and the median of each metric; and for each run that has none, how it ended. */
export function listText({ records, recordless }: Found): string[] {
  return table([
    ["NAME", "BENCHMARK", "OF", "STARTED", "STANDING", "FILE", "MEDIANS"],
    ...records.map(({ name, file, record, run }) => [
      name,
      record.kind,
      record.subject,
      record.startedAt,
      [standing(record), ...alteredText(run)].join(", "),
      file,
      record.metrics.map((metric) => `${metric.name} ${figure(metric.median, metric.unit)}`).join(", "),
    ]),
    ...recordless.map(({ name, manifest, run }) => [
      name,
      manifest.kind,
      manifest.subject,
      manifest.startedAt,
      [endingOf(manifest), ...alteredText(run)].join(", "),
      run.folder,
      "",
    ]),
  ]);
}

/** The files that were altered, by their names. */
function alteredText(run: KeptRun | undefined): string[] {
  const files = run?.altered?.map((sentence) => sentence.split(" ")[0]) ?? [];
  return files.length === 0 ? [] : [`ALTERED: ${files.join(" ")}`];
}

/** How a run ended that has no record to show. */
export function endingOf({ ended }: RunManifest): string {
  return ended === "complete" ? "no record" : ended;
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
