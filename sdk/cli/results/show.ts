import { wrap } from "../../report/wrap.ts";
import { type Metric, PERCENTILES, type Percentile, type ResultRecord } from "../../schema/record.ts";
import { formatNanoseconds } from "../../units/duration.ts";
import { figure, grouped } from "../../units/figure.ts";
import { samplesToTell } from "../../units/percentile.ts";
import { quoteAll } from "../../units/quoting.ts";
import { isStoreUrl } from "../../units/store-url.ts";
import { table } from "../../units/table.ts";
import { endingOf, standing } from "./list.ts";
import type { KeptRun, NamedRecord, RecordlessRun } from "./recorded.ts";

/** All of one record but its histograms and the settings that are the kernel's own affair. */
export function showText({ name, file, record, run }: NamedRecord): string[] {
  const {
    kind,
    subject,
    tool,
    coLoad,
    trials,
    remarks = [],
    startedAt,
    durationMs,
    fingerprint,
    metrics,
  } = record;
  const asked = Object.entries(record.asked ?? {}).map(([path, value]) => [path, value]);
  return [
    `${name}   ${kind} of ${subject}`,
    ...table(
      [
        ["file", file],
        ["started", `${startedAt}, for ${formatNanoseconds(durationMs * 1e6)}`],
        ["command", `${tool.command.join(" ")} (${tool.version})`],
        ...(coLoad === undefined
          ? []
          : [["load", `${coLoad.kind} on CPUs ${coLoad.cpus} (${coLoad.version})`]]),
        ...(record.disturbances === undefined ? [] : [["hardware", hardwareText(record.disturbances)]]),
        ...(record.memoryBandwidth === undefined ? [] : [["memory", bandwidthText(record.memoryBandwidth)]]),
        ...(record.switch === undefined ? [] : [["switch", switchText(record.switch)]]),
        ...(trials === undefined ? [] : [["trials", trialsText(trials)]]),
        ["standing", standing(record)],
        ...(run === undefined ? [] : [["kept", keptText(run)]]),
      ],
      { indent: 2 },
    ),
    ...alteredLines(run),
    ...record.invalidReasons.flatMap((reason) => wrap(`invalid: ${reason}`)),
    ...remarks.flatMap((remark) => wrap(`remark: ${remark}`)),
    ...(record.functional
      ? wrap("functional: taken on an emulated server. It shows that the path works, not how fast it is.")
      : []),
    "",
    "metrics",
    ...metrics.flatMap(metricText),
    ...(asked.length === 0 ? [] : ["", "asked for", ...table(asked, { indent: 2 })]),
    "",
    "conditions",
    ...table(rowsOf(fingerprint, ""), { indent: 2 }),
    ...Object.entries(record.others ?? {}).flatMap(([role, of]) => [
      ...["", `conditions of ${role}`],
      ...table(rowsOf(of, ""), { indent: 2 }),
    ]),
  ];
}

/** A run that has no record: why, and what it ran. */
export function showRunText({ name, manifest, run }: RecordlessRun): string[] {
  const { kind, subject, startedAt, endedAt, reason, commands } = manifest;
  return [
    `${name}   ${kind} of ${subject}`,
    ...table(
      [
        ["started", startedAt],
        ["ended", endedAt ?? "not told: it still runs, or whoever kept it was killed"],
        ["standing", endingOf(manifest)],
        ["kept", keptText(run)],
      ],
      { indent: 2 },
    ),
    ...alteredLines(run),
    ...(reason === "" ? [] : wrap(`reason: ${reason}`)),
    "",
    "commands",
    ...commands.flatMap(({ on, argv, exitCode, stdout, stderr }) => [
      ...wrap(`${on}: ${quoteAll(argv)}`, 2),
      ...wrap(
        [
          exitCode === null ? "not seen to end" : `exit code ${exitCode}`,
          ...[stdout, stderr].filter((file) => file !== null),
        ].join(", "),
      ),
    ]),
  ];
}

function keptText({ folder, altered, unread }: KeptRun): string {
  if (unread !== undefined) return `${folder}, which was not looked at`;
  if (altered === undefined)
    return `${folder}, which is not ${isStoreUrl(folder) ? "there" : "on this machine"}`;
  return altered.length === 0 ? `${folder}, as it was written` : `${folder}, ALTERED since`;
}

function alteredLines(run: KeptRun | undefined): string[] {
  return [
    ...(run?.unread === undefined ? [] : wrap(`not looked at: ${run.unread}`)),
    ...(run?.altered ?? []).flatMap((sentence) => wrap(`altered: ${sentence}`)),
  ];
}

/** What the hardware did meanwhile, as far as it could be counted. */
function hardwareText(counts: NonNullable<NamedRecord["record"]["disturbances"]>): string {
  const said = (
    [
      ["machine checks", counts.machineChecks],
      ["throttled", counts.throttles],
      ["management interrupts", counts.managementInterrupts],
    ] as const
  ).map(([what, count]) => `${what} ${count === null ? "not counted" : grouped(count)}`);
  return said.join(", ");
}

/** Traffic between caches and memory. */
function bandwidthText(bandwidth: NonNullable<ResultRecord["memoryBandwidth"]>): string {
  return Object.entries(bandwidth)
    .map(([cache, bytes]) => `${(bytes / 1e9).toFixed(2)} GB/s at L3 cache ${cache}`)
    .join(", ");
}

/** What the switch lost, and how busy it was. */
function switchText({ lostUpcalls, drops, busy }: NonNullable<ResultRecord["switch"]>): string {
  const lost = [["lost upcalls", lostUpcalls] as const, ...Object.entries(drops)].filter(
    ([, count]) => count > 0,
  );
  const said = lost.map(([counter, count]) => `${counter} ${grouped(count)}`);
  const threads = Object.entries(busy).map(
    ([cpu, share]) => `CPU ${cpu} ${Number((share * 100).toFixed(1))} % busy`,
  );
  return [...(said.length === 0 ? ["nothing lost"] : said), ...threads].join(", ");
}

/** How many of each purpose, and how many of all were worth nothing. */
function trialsText(trials: NonNullable<ResultRecord["trials"]>): string {
  const purposes = [...new Set(trials.map(({ purpose }) => purpose))].map(
    (purpose) => `${trials.filter((trial) => trial.purpose === purpose).length} ${purpose}`,
  );
  const wasted = trials.filter(({ faults }) => faults.length > 0).length;
  return [...purposes, ...(wasted === 0 ? [] : [`${wasted} of them worth nothing`])].join(", ");
}

function metricText(metric: Metric): string[] {
  const { unit, interval95, repetitions } = metric;
  const value = (of: number) => figure(of, unit);
  const interval = `${value(interval95.low)} to ${value(interval95.high)}`;
  const method =
    interval95.method === "range"
      ? `the range of ${repetitions.length}, too few for an interval`
      : `95 % by order statistics of ${repetitions.length}`;
  return [
    `  ${metric.name}   ${unit}, ${metric.direction} is better`,
    ...table(
      [
        ["median", `${value(metric.median)}   ${interval} (${method})`],
        ["min, mean, max", `${value(metric.min)}, ${value(metric.mean)}, ${value(metric.max)}`],
        ...percentileRows(metric),
        [
          "samples",
          `${grouped(metric.samples)}, ${grouped(metric.missing)} missing, ${grouped(metric.overflow)} beyond the range`,
        ],
        ...cpuRows(metric),
      ],
      { indent: 4 },
    ),
  ];
}

/** Those that are known, and in one row why no rarer one is. */
function percentileRows({ unit, samples, percentiles, percentileIntervals }: Metric): string[][] {
  const isKnown = (percentile: Percentile) => typeof percentiles[percentile] === "number";
  const unknown = PERCENTILES.find((percentile) => !isKnown(percentile));
  const why =
    unknown !== undefined && samples < samplesToTell(unknown) ? "too few samples" : "beyond the range";
  return [
    ...PERCENTILES.filter(isKnown).map((percentile) => {
      const held = percentileIntervals?.[percentile];
      const of = figure(percentiles[percentile] ?? 0, unit);
      return [
        `p${percentile}`,
        held === undefined ? of : `${of}   ${figure(held.low, unit)} to ${figure(held.high, unit)}`,
      ];
    }),
    ...(unknown === undefined ? [] : [[`p${unknown} and on`, why]]),
  ];
}

/** Of several CPUs each by its rarest percentile that is known. */
function cpuRows({ unit, perCpu = {} }: Metric): string[][] {
  const cpus = Object.entries(perCpu);
  if (cpus.length < 2) return [];
  return cpus.map(([cpu, { samples, max, percentiles }]) => {
    const rarest = PERCENTILES.findLast((percentile) => typeof percentiles[percentile] === "number");
    const told = rarest === undefined ? [] : [`p${rarest} ${figure(percentiles[rarest] ?? max, unit)}`];
    return [`CPU ${cpu}`, [...told, `max ${figure(max, unit)}`, `${grouped(samples)} samples`].join(", ")];
  });
}

function rowsOf(value: object, prefix: string): string[][] {
  return Object.entries(value).flatMap(([key, item]) =>
    typeof item === "object" && item !== null
      ? rowsOf(item, `${prefix}${key}.`)
      : [[`${prefix}${key}`, String(item ?? "unknown") || "-"]],
  );
}
