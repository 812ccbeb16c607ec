import type { PolicyResource } from "@pulumi/policy";
import type { Lab } from "./lab.ts";
import type { Findings } from "./lab-policy.ts";
import type { Machine } from "./machine.ts";
import { flag, positions, text, UNKNOWN } from "./property.ts";

/** A benchmark with the machine that it runs on, where that can be told. */
export interface Measurement {
  readonly benchmark: PolicyResource;
  readonly machine: Machine | undefined;
}

/** A metric of a benchmark's record. */
export interface MetricAt {
  readonly name: string;
  /** Position in the record. */
  readonly index: number;
}

/** All benchmarks of a stack. */
export function measurementsOf({ machines, unplaced }: Lab): Measurement[] {
  return [
    ...machines.flatMap((machine) => machine.benchmarks.map((benchmark) => ({ benchmark, machine }))),
    ...unplaced.filter(isBenchmark).map((benchmark) => ({ benchmark, machine: undefined })),
  ];
}

export function isBenchmark({ type }: PolicyResource): boolean {
  return type.startsWith("nfvlab:bench:");
}

/** Metrics of a benchmark's record; undefined where nothing was measured yet. */
export function metricsOf(benchmark: PolicyResource): MetricAt[] | undefined {
  const indexes = positions(benchmark, "record", "metrics");
  if (indexes === undefined || indexes === UNKNOWN) return undefined;
  return indexes.flatMap((index) => {
    const name = text(benchmark, "record", "metrics", index, "name");
    return typeof name === "string" ? [{ name, index }] : [];
  });
}

/** Whether its record says how fast something is; a functional one says only that it works. */
export function isTimed(benchmark: PolicyResource): boolean {
  return metricsOf(benchmark) !== undefined && flag(benchmark, "record", "functional") !== true;
}

/** Why a record is no evidence at all. */
export function refusalsOf(
  { benchmark, machine }: Measurement,
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
        facts.urn,
      );
    } else if (measuredIn !== runningIn) {
      refusals.push(
        `the record is stale, measured in boot ${short(measuredIn)}, while ${machine?.name} runs boot ${short(runningIn)} ` +
          `(${facts.name}): ${again}`,
      );
    }
    refusals.push(...foreign(benchmark, facts, again));
  }
  return refusals;
}

/** A record of another machine, as one that was imported or restored is. */
function foreign(benchmark: PolicyResource, facts: PolicyResource, again: string): string[] {
  const measuredOn = text(benchmark, "record", "fingerprint", "machineId");
  const runningOn = text(facts, "identity", "machineId");
  if (typeof measuredOn !== "string" || typeof runningOn !== "string" || measuredOn === runningOn) return [];
  return [
    `the record is of another machine, ${short(measuredOn)}, while ${facts.name} is of ${short(runningOn)}: ${again}`,
  ];
}

function short(id: unknown): string {
  return typeof id === "string" ? id.slice(0, 8) : "unknown";
}
