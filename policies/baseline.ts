import type { PolicyResource } from "@pulumi/policy";
import { type Against, type Budget, besideOf, type Figure, figureOf, labelOf } from "./budget.ts";
import type { Findings } from "./lab-policy.ts";
import { matches } from "./pattern.ts";
import { keys, number, text } from "./property.ts";
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
  if (against.value !== undefined) return stored(measurement, against.value, against);
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
  const [own, other] = [measurement, baseline].map(({ benchmark }) => hashesOf(benchmark)) as [
    Hashes,
    Hashes,
  ];
  const role = differing(own, other);
  // A baseline that is named may be of another set-up: that is what is compared.
  if (against.benchmark === undefined && role !== undefined) {
    return {
      refused: `its baseline ${baseline.benchmark.name} is of another set-up${on(measurement, role)}: observed ${short(other.get(role))}, expected ${short(own.get(role))}, the record's`,
    };
  }
  const figure = figureOf(baseline.benchmark, metric, budget, "as a baseline");
  if ("missing" in figure) return { refused: figure.missing.replace(/\.$/, "") };
  return { figure, said: `${name} ${labelOf(budget.percentile)} of ${baseline.benchmark.name}` };
}

/** A stored value counts for what was in force when it was taken, on all machines, and for nothing else. */
function stored(
  measurement: Measurement,
  value: number,
  { inForce, othersInForce = {} }: Pick<Against, "inForce" | "othersInForce">,
): Baseline {
  const own = hashesOf(measurement.benchmark);
  const then: Hashes = new Map([
    ...(inForce === undefined ? [] : [["host", inForce] as const]),
    ...Object.entries(othersInForce),
  ]);
  const role = differing(own, then);
  if (role === undefined) return { figure: { value, low: value, high: value }, said: "the stored baseline" };
  const field = role === "host" ? "against.inForce" : `against.othersInForce.${role}`;
  if (!then.has(role))
    return {
      refused: `the baseline says not what was in force${on(measurement, role)}: observed no ${field}, expected a fingerprint's hash`,
    };
  return {
    refused: `the baseline is of another set-up${on(measurement, role)}: observed ${short(then.get(role))} (${field}), expected ${short(own.get(role))}, the record's`,
  };
}

/** Hashes of what was in force, by role: `host` and the roles of `record.others`. */
type Hashes = ReadonlyMap<string, string>;

function hashesOf(benchmark: PolicyResource): Hashes {
  const roles = keys(benchmark, "record", "others");
  const all = [
    ["host", text(benchmark, "record", "fingerprint", "hash")] as const,
    ...(Array.isArray(roles) ? roles : []).map(
      (role: string) => [role, text(benchmark, "record", "others", role, "hash")] as const,
    ),
  ];
  return new Map(all.flatMap(([role, hash]) => (typeof hash === "string" ? [[role, hash] as const] : [])));
}

/** The first role of which two have not the same. */
function differing(one: Hashes, other: Hashes): string | undefined {
  return ["host", ...one.keys(), ...other.keys()].find(
    (role) => !one.has(role) || one.get(role) !== other.get(role),
  );
}

/** Which machine it is, where more than one took part. */
function on({ parts }: Measurement, role: string): string {
  if (parts.length < 2 && role === "host") return "";
  return ` on ${parts.find((part) => part.role === role)?.machine?.name ?? role}`;
}

function isBaseline(measurement: Measurement, of: Measurement, against: Against): boolean {
  const { benchmark } = measurement;
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
    (machinesOf(measurement) === machinesOf(of) && subjectOf(benchmark) === subjectOf(of.benchmark))
  );
}

function machinesOf({ parts }: Measurement): string {
  return parts.map(({ role, machine }) => `${role} ${machine?.name ?? "unknown"}`).join(", ");
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
