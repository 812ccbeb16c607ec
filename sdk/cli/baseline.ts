import { comparisonOf } from "../measure/comparison.ts";
import type { ReportedBaseline } from "../report/experiment.ts";
import { ResultRecord } from "../schema/record.ts";
import { distributionOf, isDistribution } from "./distributions.ts";
import { pairsOf } from "./results/compare.ts";
import { type NamedRecord, recordsIn, soundRecords } from "./results/recorded.ts";
import { type StateResource, text } from "./state-resource.ts";

/**
 * Records of a stack beside those of a file, a folder or an object store, by pairs of one name and benchmark.
 *
 * @param project its folder
 * @throws InputError as `recordsIn` and `soundRecords`
 */
export async function baselineOf(
  path: string,
  resources: readonly StateResource[],
  project: string,
): Promise<ReportedBaseline> {
  const before = soundRecords(await recordsIn([path], project), [path]);
  const now = resources.flatMap(namedOf);
  const pairs = pairsOf(before, now);
  const alone = (all: readonly NamedRecord[], paired: readonly NamedRecord[]) =>
    all.filter((each) => !paired.includes(each)).map(({ name }) => name);
  return {
    from: path,
    pairs: pairs.map(([one, other]) => ({
      name: other.name,
      startedAt: one.record.startedAt,
      comparison: comparisonOf(one.record, other.record),
      metrics: one.record.metrics.filter(isDistribution).map(distributionOf),
    })),
    onlyBefore: alone(
      before,
      pairs.map(([one]) => one),
    ),
    onlyNow: alone(
      now,
      pairs.map(([, other]) => other),
    ),
  };
}

/** What can't be read has a place of its own in the report. */
function namedOf(resource: StateResource): NamedRecord[] {
  if (resource.delete === true || !resource.type.startsWith("nfvlab:bench:")) return [];
  const parsed = ResultRecord.safeParse(resource.outputs?.["record"]);
  return parsed.success ? [{ name: text(resource, "name"), file: "", record: parsed.data }] : [];
}
