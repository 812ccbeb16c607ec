import type { PolicyResource } from "@pulumi/policy";
import { formatNanoseconds } from "../../sdk/units/duration.ts";
import { baselineOf } from "../baseline.ts";
import {
  type Budget,
  besideOf,
  budgetsSchema,
  cpuFiguresOf,
  type Figure,
  figureOf,
  idleBudget,
  inUnit,
  labelOf,
  unitOf,
} from "../budget.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import { matches } from "../pattern.ts";
import { number, text } from "../property.ts";
import {
  isBenchmark,
  type Measurement,
  type MetricAt,
  measurementsOf,
  metricsOf,
  refusalsOf,
} from "../records.ts";

interface Configuration {
  readonly budgets?: readonly Budget[];
  readonly functional?: "refuse" | "allow";
}

/**
 * Every record of a metric with a budget keeps it: valid, of this boot and machine, measured where timings mean something, with samples enough for the
 * figure that is asked for, and within its bounds. For a median the worse end of its 95 % interval counts. A budget may be a bound, or a share of a baseline: of
 * another record of the stack, or of a stored value, which counts only for what was in force when it was taken.
 *
 * A record that is invalid, stale, foreign or functional is no evidence, whatever its numbers say; one of a preview is not there yet.
 *
 * With `eachCpu` every measured CPU has to keep the bounds by itself.
 *
 * Configure `budgets` and `functional`; change what the metric depends on, or the budget.
 *
 * @severity high
 * @see RFC 8204, RFC 2544 and https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/cyclictest/start
 */
export const latencyBudget = labPolicy({
  name: "latency-budget",
  description: "Measured latencies, rates and losses keep their budgets.",
  severity: "high",
  checks: [
    "M01",
    "M02",
    "M03",
    "M04",
    "M05",
    "M06",
    "M07",
    "M08",
    "M09",
    "M10",
    "M11",
    "M12",
    "M13",
    "M16",
    "M17",
    "M18",
    "M20",
    "M21",
    "M22",
    "M23",
  ],
  remediationSteps: "Find what disturbs what was measured, or give the metric the budget that it needs.",
  url: "https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/cyclictest/start",
  configSchema: {
    properties: {
      budgets: budgetsSchema,
      functional: {
        type: "string",
        enum: ["refuse", "allow"],
        default: "refuse",
        description: "Whether records of emulated servers count.",
      },
    },
  },
  notApplicable: (lab, args) => {
    if ((args.getConfig<Configuration>().budgets ?? []).length === 0) return "no budget is configured";
    return measurementsOf(lab).length > 0 ? undefined : "this stack measures nothing";
  },
  judge: (lab, findings, args) => {
    const { budgets = [], functional = "refuse" } = args.getConfig<Configuration>();
    for (const [position, budget] of budgets.entries()) {
      const fault = idleBudget(budget);
      const [first] = measurementsOf(lab);
      if (fault !== undefined && first !== undefined)
        findings.violation(
          `budgets[${position}]: ${fault}; mend the policy's configuration.`,
          first.benchmark.urn,
        );
    }
    const wanted = new Set(budgets.map(({ metric }) => metric));
    const measured = new Set<string>();
    const all = measurementsOf(lab);
    const open: PolicyResource[] = lab.unplaced.filter(isBenchmark);
    for (const measurement of all) {
      const { benchmark, machine } = measurement;
      const metrics = metricsOf(benchmark);
      if (metrics === undefined) {
        if (machine !== undefined) open.push(benchmark);
        continue;
      }
      const gated = metrics.filter(({ name }) => wanted.has(name));
      for (const { name } of gated) measured.add(name);
      const asked = gated.flatMap((metric) =>
        budgets.flatMap((budget, position) =>
          budget.metric === metric.name && isMeant(budget, benchmark) ? [{ metric, budget, position }] : [],
        ),
      );
      if (asked.length === 0) continue;
      const refusals = refusalsOf(measurement, functional, findings);
      for (const refusal of refusals) {
        const names = [...new Set(asked.map(({ metric }) => metric.name))].join(", ");
        findings.violation(`${names} of ${benchmark.name}: ${refusal}`, benchmark.urn);
      }
      if (refusals.length > 0) continue;
      for (const { metric, budget, position } of asked) {
        const excesses = [
          ...bounds(benchmark, metric, budget, `budgets[${position}]`),
          ...ratios(measurement, metric, budget, `budgets[${position}]`, all, functional, findings),
        ];
        const say = budget.advise === true ? findings.advice : findings.violation;
        for (const excess of excesses) say(excess, benchmark.urn);
      }
    }
    for (const metric of wanted) {
      const [anywhere] = all;
      if (measured.has(metric) || anywhere === undefined) continue;
      const waiting = open.map(({ name }) => name).join(", ");
      findings.pending(
        waiting === ""
          ? `${metric} (no benchmark of this stack measures it)`
          : `${metric} (still to be measured: ${waiting})`,
        "its budget",
        (open[0] ?? anywhere.benchmark).urn,
      );
    }
  },
});

function isMeant({ benchmark: pattern, beside }: Budget, benchmark: PolicyResource): boolean {
  if (pattern !== undefined && !matches(pattern, benchmark.name)) return false;
  const load = besideOf(benchmark);
  return beside === undefined || load === beside || (beside === "any" && load !== "none");
}

/** What is wrong with one figure by itself. */
function bounds(benchmark: PolicyResource, metric: MetricAt, budget: Budget, at: string): string[] {
  const { maxNs, max = maxNs, min } = budget;
  if ((max === undefined && min === undefined) || idleBudget(budget) !== undefined) return [];
  const { name } = metric;
  const unit = unitOf(benchmark, metric, budget);
  if (maxNs !== undefined && unit !== "ns")
    return [
      `${name} of ${benchmark.name} is in ${unit}, the budget in ns: a latency is needed; change metric in ${at}.`,
    ];
  const allowed = [
    ...(max === undefined ? [] : [unit === "ns" ? formatNanoseconds(max) : `${inUnit(max, unit)} at most`]),
    ...(min === undefined ? [] : [`${inUnit(min, unit)} at least`]),
  ].join(" and ");
  const limits = `allowed ${allowed} (${at})`;
  const figures: ReturnType<typeof cpuFiguresOf> =
    budget.eachCpu === true
      ? cpuFiguresOf(benchmark, metric, budget, limits)
      : [["", figureOf(benchmark, metric, budget, limits)]];
  if ("missing" in figures) return [figures.missing];
  return figures.flatMap(([cpu, figure]) =>
    "missing" in figure ? [figure.missing] : excesses(benchmark, metric, budget, at, figure, cpu),
  );
}

/** What of a figure is beyond its bounds. */
function excesses(
  benchmark: PolicyResource,
  metric: MetricAt,
  budget: Budget,
  at: string,
  { value, low, high }: Exclude<Figure, { readonly missing: string }>,
  cpu: string,
): string[] {
  const { maxNs, max = maxNs, min, percentile } = budget;
  const unit = unitOf(benchmark, metric, budget);
  const name = `${metric.name}${cpu === "" ? "" : ` of CPU ${cpu}:`}`;
  const broken = (bound: number, limit: number, least: boolean) => {
    // Two numbers that look alike when rounded are told apart by their last digit.
    const alike = inUnit(bound, unit) === inUnit(limit, unit);
    const said = (number: number) => (alike ? `${number} ${unit}` : inUnit(number, unit));
    const end =
      bound === value ? "" : `, ${said(bound)} at the ${least ? "lower" : "upper"} end of its 95 % interval`;
    const field = least ? "min" : maxNs === undefined ? "max" : "maxNs";
    return (
      `${name} ${labelOf(percentile)} is ${said(value)}${end}, allowed ${said(limit)}${least ? " at least" : ""} (${at}); measured by ` +
      `${benchmark.name} (${provenance(benchmark, metric)}): find what disturbs it, or ${least ? "lower" : "raise"} ${field} in ${at}.`
    );
  };
  return [
    ...(max !== undefined && high > max ? [broken(high, max, false)] : []),
    ...(min !== undefined && low < min ? [broken(low, min, true)] : []),
  ];
}

/** What is wrong with one figure beside its baseline. */
function ratios(
  measurement: Measurement,
  metric: MetricAt,
  budget: Budget,
  at: string,
  all: readonly Measurement[],
  functional: "refuse" | "allow",
  findings: Findings,
): string[] {
  const { against, percentile } = budget;
  if (against === undefined) return [];
  const { benchmark } = measurement;
  const title = `${metric.name} ${labelOf(percentile)} of ${benchmark.name}`;
  const baseline = baselineOf(measurement, metric, { ...budget, against }, all, functional, findings);
  if ("waiting" in baseline) {
    findings.pending(baseline.waiting, `what ${title} is held against (${at})`, benchmark.urn);
    return [];
  }
  if ("refused" in baseline)
    return [`${title} can't be held against its baseline (${at}): ${baseline.refused}.`];
  const { maxRatio, minRatio } = against;
  const figure = figureOf(benchmark, metric, budget, `held against ${baseline.said} (${at})`);
  if ("missing" in figure) return [figure.missing];
  const unit = unitOf(benchmark, metric, budget);
  const broken = (bound: number, reference: number, limit: number, least: boolean) =>
    `${title} is ${times(bound / reference, limit)} times ${baseline.said} (${inUnit(bound, unit)} to ${inUnit(reference, unit)}), allowed ` +
    `${limit} times at ${least ? "least" : "most"} (${at}): find what ${least ? "is lost" : "disturbs it"}, or take a new baseline.`;
  return [
    ...(maxRatio !== undefined && figure.high > maxRatio * baseline.figure.low
      ? [broken(figure.high, baseline.figure.low, maxRatio, false)]
      : []),
    ...(minRatio !== undefined && figure.low < minRatio * baseline.figure.high
      ? [broken(figure.low, baseline.figure.high, minRatio, true)]
      : []),
  ];
}

/** A ratio to three digits, or to as many as tell it from its limit. */
function times(ratio: number, limit: number): number {
  const short = Number(ratio.toPrecision(3));
  return short === limit ? Number(ratio.toPrecision(7)) : short;
}

function provenance(benchmark: PolicyResource, metric: MetricAt): string {
  const facts = [
    text(benchmark, "record", "subject"),
    text(benchmark, "record", "tool", "version"),
    `${Number(number(benchmark, "record", "metrics", metric.index, "samples"))} samples`,
    text(benchmark, "record", "startedAt"),
  ];
  return facts.filter((fact) => typeof fact === "string").join(", ");
}
