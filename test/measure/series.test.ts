import { expect, it } from "vitest";
import { seriesOf } from "../../sdk/measure/series.ts";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { recordOf } from "../cli/state.ts";

const at = (index: number) => `2026-05-${String(index + 1).padStart(2, "0")}T00:00:00.000Z`;
const records = (values: readonly number[], changes: Partial<ResultRecord> = {}) =>
  values.map((value, index) =>
    recordOf([{ buckets: [[value, 100]], overflow: 0, max: value, expected: 100 }], {
      ...{ startedAt: at(index), ...changes },
    }),
  );
const levels = (all: readonly ResultRecord[]) =>
  seriesOf(all).metrics[0]!.levels.map(({ startedAt, size, verdict }) => [startedAt, size, verdict]);

const step = [100, 101, 100, 102, 101, 150, 151, 150, 152];

it("finds where a figure changed, in whatever order and how often the records are read", () => {
  const found = [
    [at(0), 5, undefined],
    [at(5), 4, "worse"],
  ];
  expect(levels(records(step))).toEqual(found);
  expect(levels(records(step).reverse())).toEqual(found);
  expect(levels([...records(step), ...records(step)])).toEqual(found);
});

it("says which way is better by the metric", () => {
  const higher = (record: ResultRecord): ResultRecord => ({
    ...record,
    metrics: record.metrics.map((metric) => ({ ...metric, direction: "higher" })),
  });
  expect(levels(records(step).map(higher))[1]).toEqual([at(5), 4, "better"]);
});

it("leaves out what is not valid, and says nothing of a few values", () => {
  const [first, ...rest] = records(step);
  const broken = { ...first!, valid: false, invalidReasons: ["no sample"] };
  expect(seriesOf([broken, ...rest])).toMatchObject({ leftOut: [broken], metrics: [{ values: 8 }] });
  expect(seriesOf(records([100, 101, 200, 201, 200])).metrics).toMatchObject([{ values: 5, levels: [] }]);
  expect(seriesOf([])).toEqual({ records: [], leftOut: [], turns: [], metrics: [] });
});

it("names what was in force otherwise, and how it was measured otherwise, where it began", () => {
  const all = records(step).map((record, index) => ({
    ...record,
    ...(index >= 5 && { fingerprint: { ...record.fingerprint, hash: "b", kernel: "6.13" } }),
    ...(index === 7 && { tool: { command: ["cyclictest"], version: "cyclictest 2.60" } }),
  }));
  expect(seriesOf(all).turns).toEqual([
    { startedAt: at(5), environment: ["kernel: 6.12.48, then 6.13"], conditions: [] },
    { startedAt: at(7), environment: [], conditions: ["command: cyclictest --quiet, then cyclictest"] },
    { startedAt: at(8), environment: [], conditions: ["command: cyclictest, then cyclictest --quiet"] },
  ]);
});
