import type { PolicyResource } from "@pulumi/policy";
import type { Lab } from "./lab.ts";
import type { Findings } from "./lab-policy.ts";
import { type Machine, machineFrom } from "./machine.ts";
import { flag, keys, positions, text, UNKNOWN } from "./property.ts";

/** A benchmark with the machine that it runs on, where that can be told. */
export interface Measurement {
  readonly benchmark: PolicyResource;
  readonly machine: Machine | undefined;
  /** All machines that take part, its own first. */
  readonly parts: readonly Part[];
}

/** Where a record tells what was in force on a machine. */
export type InForceAt = readonly ["record", "fingerprint"] | readonly ["record", "others", Role];

/** A machine that takes part in a measurement. */
export interface Part {
  readonly role: Role | "host";
  /** Undefined where its name isn't known yet. */
  readonly machine: Machine | undefined;
  readonly inForce: InForceAt;
}

type Role = (typeof ROLES)[number][0];

/** Machines beside its own, by what they are to a benchmark and where its inputs name them. */
const ROLES = [
  ["systemUnderTest", ["systemUnderTest"]],
  ["destination", ["destination"]],
  ["generator", ["traffic", "host"]],
] as const;

const OWN = ["record", "fingerprint"] as const;

/** A metric of a benchmark's record. */
export interface MetricAt {
  readonly name: string;
  /** Position in the record. */
  readonly index: number;
}

/** All benchmarks of a stack. */
export function measurementsOf({ machines, unplaced }: Lab): Measurement[] {
  return [
    ...machines.flatMap((machine) =>
      machine.benchmarks.map((benchmark) => ({
        ...{ benchmark, machine },
        parts: [
          { role: "host" as const, machine, inForce: OWN },
          ...otherParts(benchmark, machine, machines),
        ],
      })),
    ),
    ...unplaced.filter(isBenchmark).map((benchmark) => ({ benchmark, machine: undefined, parts: [] })),
  ];
}

/** A machine that this stack has nothing on is one of which nothing is claimed. */
function otherParts(benchmark: PolicyResource, own: Machine, machines: readonly Machine[]): Part[] {
  return ROLES.flatMap(([role, path]): Part[] => {
    const name = text(benchmark, ...path, "name");
    if (name === undefined || name === own.name) return [];
    const machine =
      name === UNKNOWN
        ? undefined
        : (machines.find((each) => each.name === name) ?? machineFrom(name, [], undefined));
    return [{ role, machine, inForce: inForceAt(benchmark, role) }];
  });
}

/** A record that could tell of others, and does not, is of one machine with two names. */
function inForceAt(benchmark: PolicyResource, role: Role): InForceAt {
  const at = ["record", "others", role] as const;
  const couldTell = Array.isArray(keys(benchmark, "record", "asked"));
  return couldTell && keys(benchmark, ...at) === undefined ? OWN : at;
}

/** The machines that a record is about: those that forward or run what was measured, else its own. */
export function subjectsOf({ parts }: Measurement): readonly Part[] {
  const forwarding = parts.filter(({ role }) => role === "systemUnderTest");
  return forwarding.length > 0
    ? forwarding
    : parts.filter(({ role }) => role === "host" || role === "destination");
}

/** The machine that the benchmark runs on. */
export function ownOf({ parts }: Measurement): readonly Part[] {
  return parts.filter(({ role }) => role === "host");
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
  { benchmark, parts }: Measurement,
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
  for (const part of parts) {
    if (!isTold(benchmark, part)) continue;
    const measuredIn = text(benchmark, ...part.inForce, "bootId");
    for (const facts of part.machine?.facts ?? []) {
      const runningIn = text(facts, "identity", "bootId");
      if (typeof runningIn !== "string") {
        findings.pending(
          `identity.bootId of ${facts.name}`,
          `whether ${benchmark.name} is of this boot`,
          facts.urn,
        );
      } else if (measuredIn !== runningIn) {
        refusals.push(
          `the record is stale, measured in boot ${short(measuredIn)}, while ${part.machine?.name} runs boot ${short(runningIn)} ` +
            `(${facts.name}): ${again}`,
        );
      }
      refusals.push(...foreign(benchmark, part, facts, again));
    }
  }
  return refusals;
}

/** Whether a record could tell of a machine: an older one knows of its own alone. */
export function isTold(benchmark: PolicyResource, { inForce }: Part): boolean {
  return inForce === OWN || keys(benchmark, ...inForce) !== undefined;
}

/** A record of another machine, as one that was imported or restored is. */
function foreign(
  benchmark: PolicyResource,
  { inForce }: Part,
  facts: PolicyResource,
  again: string,
): string[] {
  const measuredOn = text(benchmark, ...inForce, "machineId");
  const runningOn = text(facts, "identity", "machineId");
  if (typeof measuredOn !== "string" || typeof runningOn !== "string" || measuredOn === runningOn) return [];
  return [
    `the record is of another machine, ${short(measuredOn)}, while ${facts.name} is of ${short(runningOn)}: ${again}`,
  ];
}

function short(id: unknown): string {
  return typeof id === "string" ? id.slice(0, 8) : "unknown";
}
