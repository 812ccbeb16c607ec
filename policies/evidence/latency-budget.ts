import type { PolicyResource } from "@pulumi/policy";
import { formatNanoseconds } from "../../sdk/units/duration.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { flag, number, positions, text, UNKNOWN } from "../property.ts";

/** What a metric may be at most. */
interface Budget {
  readonly metric: string;
  readonly percentile: "50" | "90" | "99" | "99.9" | "99.99" | "99.999" | "max";
  readonly maxNs: number;
  readonly minSamples?: number;
}

interface Configuration {
  readonly budgets?: readonly Budget[];
  readonly functional?: "refuse" | "allow";
}

/**
 * Every record of a metric with a budget keeps it: valid, of this boot, measured on a machine whose timings mean something, with samples enough
 * for the percentile that is asked for, and no greater than allowed. For a median the upper end of its 95 % interval counts.
 *
 * A record that is invalid, stale or functional is no evidence, whatever its numbers say; one of a preview is not there yet.
 *
 * Configure `budgets` (ns) and `functional`; change what the metric depends on, or the budget.
 *
 * @severity high
 * @see RFC 8204 and https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/cyclictest/start
 */
export const latencyBudget = labPolicy({
  name: "latency-budget",
  description: "Measured latencies keep their budgets.",
  severity: "high",
  remediationSteps:
    "Find what disturbs the CPU that was measured, or give the metric the budget that it needs.",
  url: "https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/cyclictest/start",
  configSchema: {
    properties: {
      budgets: {
        type: "array",
        description: "What each metric may be at most, in ns.",
        items: {
          type: "object",
          properties: {
            metric: { type: "string", minLength: 1, description: "Name in the record: guest.timer.latency." },
            percentile: { type: "string", enum: ["50", "90", "99", "99.9", "99.99", "99.999", "max"] },
            maxNs: { type: "number", exclusiveMinimum: 0, description: "Greatest value allowed, ns." },
            minSamples: {
              type: "integer",
              minimum: 1,
              description: "Fewest samples that count as evidence.",
            },
          },
          required: ["metric", "percentile", "maxNs"],
          additionalProperties: false,
        },
      },
      functional: {
        type: "string",
        enum: ["refuse", "allow"],
        default: "refuse",
        description: "Whether records of emulated servers count.",
      },
    },
  },
  notApplicable: ({ machines, unplaced }, args) => {
    if ((args.getConfig<Configuration>().budgets ?? []).length === 0) return "no budget is configured";
    const measures = machines.some(({ benchmarks }) => benchmarks.length > 0) || unplaced.some(isBenchmark);
    return measures ? undefined : "this stack measures nothing";
  },
  judge: ({ machines, unplaced }, findings, args) => {
    const { budgets = [], functional = "refuse" } = args.getConfig<Configuration>();
    const wanted = new Set(budgets.map(({ metric }) => metric));
    const measured = new Set<string>();
    const open: PolicyResource[] = unplaced.filter(isBenchmark);
    const judged = [
      ...machines.flatMap((machine) => machine.benchmarks.map((benchmark) => ({ benchmark, machine }))),
      ...unplaced.filter(isBenchmark).map((benchmark) => ({ benchmark, machine: undefined })),
    ];
    for (const { benchmark, machine } of judged) {
      const metrics = metricsOf(benchmark);
      if (metrics === undefined) {
        if (machine !== undefined) open.push(benchmark);
        continue;
      }
      const gated = metrics.filter(({ name }) => wanted.has(name));
      for (const { name } of gated) measured.add(name);
      if (gated.length === 0) continue;
      const refusals = refusalsOf(benchmark, machine, functional, findings);
      for (const refusal of refusals) {
        findings.violation(
          `${gated.map(({ name }) => name).join(", ")} of ${benchmark.name}: ${refusal}`,
          benchmark.urn,
        );
      }
      if (refusals.length > 0) continue;
      for (const [position, budget] of budgets.entries()) {
        for (const metric of gated.filter(({ name }) => name === budget.metric)) {
          const excess = excessOf(benchmark, metric, budget, `budgets[${position}]`);
          if (excess !== undefined) findings.violation(excess, benchmark.urn);
        }
      }
    }
    for (const metric of wanted) {
      const [anywhere] = judged;
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

function isBenchmark({ type }: PolicyResource): boolean {
  return type.startsWith("nfvlab:bench:");
}

interface Metric {
  readonly name: string;
  readonly index: number;
}

/** Metrics of a benchmark's record; undefined where nothing was measured yet. */
function metricsOf(benchmark: PolicyResource): Metric[] | undefined {
  const indexes = positions(benchmark, "record", "metrics");
  if (indexes === undefined || indexes === UNKNOWN) return undefined;
  return indexes.flatMap((index) => {
    const name = text(benchmark, "record", "metrics", index, "name");
    return typeof name === "string" ? [{ name, index }] : [];
  });
}

/** Why a record is no evidence at all. */
function refusalsOf(
  benchmark: PolicyResource,
  machine: Machine | undefined,
  functional: "refuse" | "allow",
  findings: Findings,
): string[] {
  const refusals: string[] = [];
  const again = `measure again: pulumi up --replace '${benchmark.urn}'`;
  if (flag(benchmark, "record", "valid") !== true) {
    const list = positions(benchmark, "record", "invalidReasons");
    const reasons = (typeof list === "object" ? list : []).map((index) =>
      String(text(benchmark, "record", "invalidReasons", index)),
    );
    refusals.push(
      `the record is invalid (${reasons.join("; ") || "no reason given"}): mend that and ${again}`,
    );
  }
  if (functional === "refuse" && flag(benchmark, "record", "functional") !== false) {
    refusals.push(
      "measured on an emulated server, whose timings mean nothing: measure on hardware, or set functional to " +
        '"allow" in the pack\'s configuration where only the working of it matters.',
    );
  }
  const measuredIn = text(benchmark, "record", "fingerprint", "bootId");
  for (const facts of machine?.facts ?? []) {
    const runningIn = text(facts, "identity", "bootId");
    if (typeof runningIn !== "string") {
      findings.pending(
        `identity.bootId of ${facts.name}`,
        `whether ${benchmark.name} is of this boot`,
        benchmark.urn,
      );
    } else if (measuredIn !== runningIn) {
      refusals.push(
        `the record is stale, measured in boot ${short(measuredIn)}, while ${machine?.name} runs boot ${short(runningIn)} ` +
          `(${facts.name}): ${again}`,
      );
    }
  }
  return refusals;
}

/** What is wrong with one number, undefined where it keeps its budget. */
function excessOf(
  benchmark: PolicyResource,
  { name, index }: Metric,
  { percentile, maxNs, minSamples }: Budget,
  budget: string,
): string | undefined {
  const of = (...path: string[]) => number(benchmark, "record", "metrics", index, ...path);
  const label = percentile === "max" ? "max" : `p${percentile}`;
  const limit = `allowed ${formatNanoseconds(maxNs)} (${budget})`;
  const unit = text(benchmark, "record", "metrics", index, "unit");
  if (unit !== "ns") {
    return `${name} of ${benchmark.name} is in ${String(unit)}, the budget in ns: a latency is needed; change metric in ${budget}.`;
  }
  const samples = of("samples");
  const count = typeof samples === "number" ? samples : 0;
  const more = "raise duration or repetitions of the benchmark";
  const needed = Math.max(minSamples ?? 1, supportOf(percentile));
  if (count < needed) {
    return `${name} ${label} of ${benchmark.name} is not supported: ${count} samples, needed are ${needed}, ${limit}: ${more}.`;
  }
  const value = percentile === "max" ? of("max") : of("percentiles", percentile);
  if (typeof value !== "number") {
    return (
      `${name} ${label} of ${benchmark.name} is not known: of ${count} samples ${Number(of("overflow") ?? 0)} lie beyond the ` +
      `histogram, ${limit}: raise histogramMax of the benchmark.`
    );
  }
  const upper = percentile === "50" ? of("interval95", "high") : undefined;
  const bound = typeof upper === "number" ? Math.max(value, upper) : value;
  if (bound <= maxNs) return undefined;
  // Two numbers that look alike when rounded are told apart by their last digit.
  const alike = formatNanoseconds(bound) === formatNanoseconds(maxNs);
  const said = (ns: number) => (alike ? `${ns} ns` : formatNanoseconds(ns));
  const confidence = bound > value ? `, ${said(bound)} at the upper end of its 95 % interval` : "";
  return (
    `${name} ${label} is ${said(value)}${confidence}, allowed ${said(maxNs)} (${budget}); measured by ${benchmark.name} ` +
    `(${provenance(benchmark, count)}): find what disturbs it, or raise maxNs in ${budget}.`
  );
}

/** Samples that a percentile p needs, 10 / (1 - p); a maximum needs one. */
function supportOf(percentile: Budget["percentile"]): number {
  return percentile === "max" ? 1 : Math.ceil(Number((10 / (1 - Number(percentile) / 100)).toFixed(6)));
}

function provenance(benchmark: PolicyResource, samples: number): string {
  const facts = [
    text(benchmark, "record", "subject"),
    text(benchmark, "record", "tool", "version"),
    `${samples} samples`,
    text(benchmark, "record", "startedAt"),
  ];
  return facts.filter((fact) => typeof fact === "string").join(", ");
}

function short(bootId: unknown): string {
  return typeof bootId === "string" ? bootId.slice(0, 8) : "unknown";
}
