import { type Comparison, comparisonOf } from "../../measure/comparison.ts";
import { effectText } from "../../report/effect.ts";
import { wrap } from "../../report/wrap.ts";
import { figure } from "../../units/figure.ts";
import { table } from "../../units/table.ts";
import type { NamedRecord } from "./recorded.ts";

/** What changed from one set of records to another, by pairs of the same name; then those that only one of them has. */
export function compareText(before: readonly NamedRecord[], after: readonly NamedRecord[]): string[] {
  const pairs = pairsOf(before, after);
  const left = (records: readonly NamedRecord[], paired: ReadonlySet<NamedRecord>, when: string) =>
    records.filter((each) => !paired.has(each)).map(({ name, file }) => `${name}: ${when} (${file})`);
  const alone = [
    ...left(before, new Set(pairs.map(([one]) => one)), "only before"),
    ...left(after, new Set(pairs.map(([, other]) => other)), "only after"),
  ];
  const parts = [
    ...pairs.map(([one, other]) => pairText(one, other)),
    ...(alone.length === 0 ? [] : [alone]),
  ];
  return parts.flatMap((part, index) => (index === 0 ? part : ["", ...part]));
}

export type Pair = readonly [before: NamedRecord, after: NamedRecord];

/** Two single records are a pair, whatever they are called. */
export function pairsOf(before: readonly NamedRecord[], after: readonly NamedRecord[]): Pair[] {
  const [one, other] = [before[0], after[0]];
  if (one !== undefined && other !== undefined && before.length === 1 && after.length === 1)
    return [[one, other]];
  const free = new Set(after);
  return before.flatMap((each) => {
    const same = [...free].find(({ name, record }) => name === each.name && record.kind === each.record.kind);
    if (same === undefined) return [];
    free.delete(same);
    return [[each, same] as const];
  });
}

function pairText(before: NamedRecord, after: NamedRecord): string[] {
  const comparison = comparisonOf(before.record, after.record);
  const part = (title: string, none: string, lines: readonly string[]) =>
    lines.length === 0 ? [`  ${none}`] : [`  ${title}`, ...lines.flatMap((line) => wrap(line))];
  return [
    before.name === after.name ? before.name : `${before.name}, then ${after.name}`,
    ...table(
      [before, after].map(({ file, record }, index) => [
        index === 0 ? "before" : "after",
        record.startedAt,
        record.subject,
        file,
      ]),
      { indent: 2 },
    ),
    ...part("the environment changed", "the environment is the same", comparison.environment),
    ...part("the conditions changed", "the conditions are the same", comparison.conditions),
    ...comparison.caveats.flatMap((caveat) => wrap(`nothing can be told: ${caveat}`, 2)),
    ...functional(before, after),
    "  figures",
    ...figures(comparison),
  ];
}

function functional(before: NamedRecord, after: NamedRecord): string[] {
  return before.record.functional || after.record.functional
    ? wrap("functional: taken on an emulated server, whose figures say nothing of performance.", 2)
    : [];
}

function figures({ metrics, unmatched }: Comparison): string[] {
  return [
    ...table(
      metrics.map((change) => [
        change.name,
        `${figure(change.before, change.unit)} -> ${figure(change.after, change.unit)}`,
        effectText(change),
        change.verdict === "unclear" ? `can't tell: ${change.reason}` : `${change.verdict}: ${change.reason}`,
      ]),
      { indent: 4 },
    ),
    ...unmatched.flatMap((line) => wrap(line)),
  ];
}
