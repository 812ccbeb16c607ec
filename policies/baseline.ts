import type { PolicyResource } from "@pulumi/policy";
import { type Against, type Budget, besideOf, type Figure, figureOf, labelOf } from "./budget.ts";
import type { Findings } from "./lab-policy.ts";
import { matches } from "./pattern.ts";
import { number, text } from "./property.ts";
import { type Measurement, type MetricAt, metricsOf, refusalsOf } from "./records.ts";

/** What a figure is held against: a value with its bounds, or why there is none, for good or for now. */
export type Baseline =
  | { readonly figure: Extract<Figure, { value: number }>; readonly said: string }
  | { readonly refused: string }
  | { readonly waiting: string };

/** Finds the baseline of a budget for one record, among the records of the stack or as it was stored. */
export function baselineOf(
  measurement: Measurement,
  { name }: MetricAt,
  budget: Budget & { readonly against: Against },
  all: readonly Measurement[],
  functional: "refuse" | "allow",
  findings: Findings,
): Baseline {
  const { against } = budget;
  if (against.value !== undefined) return stored(measurement.benchmark, against.value, against.inForce);
  const candidates = all.filter((each) => isBaseline(each, measurement, against));
  const [baseline, second] = candidates;
  const wanted = `a record of ${name}${against.benchmark === undefined ? "" : ` by ${against.benchmark}`}${besides(against)}`;
  if (baseline === undefined) return { refused: `there is no baseline: observed none, expected ${wanted}` };
  if (second !== undefined) {
    const names = candidates.map(({ benchmark }) => benchmark.name).join(", ");
    return {
      refused: `the baseline is ambiguous: observed ${names}, expected one; name it by against.benchmark`,
    };
  }
  const metrics = metricsOf(baseline.benchmark);
  if (metrics === undefined) return { waiting: `record of ${baseline.benchmark.name}` };
  const metric = metrics.find((each) => each.name === name);
  if (metric === undefined)
    return { refused: `its baseline ${baseline.benchmark.name} does not measure ${name}` };
  const [refusal] = refusalsOf(baseline, functional, findings);
  if (refusal !== undefined)
    return { refused: `its baseline ${baseline.benchmark.name} is no evidence: ${refusal}` };
  const [own, other] = [measurement.benchmark, baseline.benchmark].map((each) =>
    text(each, "record", "fingerprint", "hash"),
  );
  // A baseline that is named may be of another set-up: that is what is compared.
  if (against.benchmark === undefined && own !== other) {
    return {
      refused: `its baseline ${baseline.benchmark.name} is of another set-up: observed ${short(other)}, expected ${short(own)}, the record's`,
    };
  }
  const figure = figureOf(baseline.benchmark, metric, budget, "as a baseline");
  if ("missing" in figure) return { refused: figure.missing.replace(/\.$/, "") };
  return { figure, said: `${name} ${labelOf(budget.percentile)} of ${baseline.benchmark.name}` };
}

/** A stored value counts for what was in force when it was taken, and for nothing else. */
function stored(benchmark: PolicyResource, value: number, inForce: string | undefined): Baseline {
  const hash = text(benchmark, "record", "fingerprint", "hash");
  if (inForce === undefined)
    return {
      refused:
        "the baseline says not what was in force: observed no against.inForce, expected a fingerprint's hash",
    };
  if (hash === inForce) return { figure: { value, low: value, high: value }, said: "the stored baseline" };
  return {
    refused: `the baseline is of another set-up: observed ${short(inForce)} (against.inForce), expected ${short(hash)}, the record's`,
  };
}

function isBaseline({ benchmark, machine }: Measurement, of: Measurement, against: Against): boolean {
  if (benchmark.urn === of.benchmark.urn) return false;
  if (against.benchmark !== undefined && !matches(against.benchmark, benchmark.name)) return false;
  if (
    against.beside !== undefined &&
    metricsOf(benchmark) !== undefined &&
    besideOf(benchmark) !== against.beside
  )
    return false;
  // Named, it may be anything; else it is the same subject under another load.
  return (
    against.benchmark !== undefined ||
    (machine === of.machine && subjectOf(benchmark) === subjectOf(of.benchmark))
  );
}

function subjectOf(benchmark: PolicyResource): string {
  const parts = ["kind", "domain", "cpus"].map((field) => text(benchmark, "subject", field));
  return [benchmark.type, ...parts, number(benchmark, "frameSize"), number(benchmark, "rate")]
    .map(String)
    .join(" ");
}

function besides({ beside }: Against): string {
  return beside === undefined ? "" : ` beside ${beside === "none" ? "no load" : beside}`;
}

function short(hash: unknown): string {
  return typeof hash === "string" ? hash.slice(0, 12) : "none";
}
