import {
  FEWEST_IN_SERIES,
  type Level,
  type MetricSeries,
  seriesOf,
  type Turn,
} from "../../measure/series.ts";
import { wrap } from "../../report/wrap.ts";
import { figure } from "../../units/figure.ts";
import { table } from "../../units/table.ts";
import type { NamedRecord } from "./recorded.ts";

/** Records of each benchmark over time: first where environment and conditions changed, then where the figures did. */
export function seriesText(records: readonly NamedRecord[]): string[] {
  const benchmarks = new Map<string, NamedRecord[]>();
  for (const each of records) {
    const key = `${each.name} ${each.record.kind}`;
    benchmarks.set(key, [...(benchmarks.get(key) ?? []), each]);
  }
  return [...benchmarks.values()].flatMap((own, index) => [...(index === 0 ? [] : [""]), ...partOf(own)]);
}

function partOf(own: readonly NamedRecord[]): string[] {
  const { records, leftOut, turns, metrics } = seriesOf(own.map(({ record }) => record));
  const [first, last] = [records[0], records.at(-1)];
  const starts = [...new Set([first, last].flatMap((record) => record?.startedAt ?? []))];
  const { name, record } = own[0] as NamedRecord;
  return [
    `${name}   ${record.kind}, ${records.length} valid ${records.length === 1 ? "record" : "records"}${starts.length === 0 ? "" : `, ${starts.join(" to ")}`}`,
    ...leftOut.flatMap(({ startedAt, invalidReasons }) =>
      wrap(`left out: ${startedAt} is not valid: ${invalidReasons.join("; ")}`, 2),
    ),
    ...(turns.length === 0
      ? ["  environment and conditions are the same all along"]
      : turns.flatMap(turnText)),
    ...(records.some(({ functional }) => functional)
      ? wrap("functional: taken on an emulated server, whose figures say nothing of performance.", 2)
      : []),
    "  figures",
    ...metrics.flatMap(metricText),
  ];
}

function turnText({ startedAt, environment, conditions }: Turn): string[] {
  return [`  changed at ${startedAt}`, ...[...environment, ...conditions].flatMap((line) => wrap(line))];
}

function metricText({ name, unit, direction, values, levels }: MetricSeries): string[] {
  if (levels.length === 0)
    return wrap(`${name}: too few values to tell a change, ${values} of ${FEWEST_IN_SERIES}`);
  const value = (of: number) => figure(of, unit);
  return [
    `    ${name}   ${unit}, ${direction} is better`,
    ...table(
      levels.map((level, index) => [
        `from ${level.startedAt}`,
        `${level.size} ${level.size === 1 ? "record" : "records"}`,
        `mean ${value(level.mean)}`,
        `deviation ${value(level.deviation)}`,
        changeText(level, levels[index - 1], value),
      ]),
      { indent: 6 },
    ),
  ];
}

function changeText(
  { verdict, mean }: Level,
  before: Level | undefined,
  value: (of: number) => string,
): string {
  if (verdict === undefined || before === undefined) return "";
  const signed = (text: string) => (text.startsWith("-") ? text : `+${text}`);
  const change =
    before.mean > 0
      ? `${Number(((mean / before.mean - 1) * 100).toPrecision(3))} %`
      : value(mean - before.mean);
  return `${verdict}: ${signed(change)}`;
}
