import type { PolicyResource } from "@pulumi/policy";
import { sayUnplaced } from "./ask.ts";
import type { Lab } from "./lab.ts";
import type { Findings } from "./lab-policy.ts";
import { type Machine, ofType } from "./machine.ts";
import { keys, UNKNOWN } from "./property.ts";
import {
  type InForceAt,
  isBenchmark,
  isTimed,
  isTold,
  type Measurement,
  measurementsOf,
  type Part,
  subjectsOf,
} from "./records.ts";

const TUNING = [
  ...["host:BootArguments", "host:CpuFrequency", "host:CpuIdle", "host:MemoryManagement"],
  ...["host:Sysctls", "host:TunedProfile", "host:RealtimeKernel"],
];

/**
 * Says what is found of machines' records: of a machine that this stack tunes it blocks, of one measured as it was found it is advice.
 *
 * @param partsOf which of the machines that took part are judged by a record
 */
export function judgeRecords(
  lab: Lab,
  findings: Findings,
  faultsOf: (benchmark: PolicyResource, machine: Machine, inForce: InForceAt) => readonly string[],
  partsOf: (measurement: Measurement) => readonly Part[] = subjectsOf,
): void {
  sayUnmeasured(lab.unplaced, findings);
  for (const { machine, records } of recordsByMachine(lab, partsOf, findings)) {
    const say = ofType(machine.members, ...TUNING).length > 0 ? findings.violation : findings.advice;
    const found = new Map<string, PolicyResource[]>();
    for (const { benchmark, part } of records) {
      const { inForce } = part;
      const open = isTold(benchmark, part)
        ? [inForce, [...inForce, "settings"]].filter((path) => keys(benchmark, ...path) === UNKNOWN)
        : [inForce];
      for (const path of open)
        findings.pending(`${path.join(".")} of ${benchmark.name}`, "what was in force", benchmark.urn);
      for (const fault of faultsOf(benchmark, machine, inForce))
        found.set(fault, [...(found.get(fault) ?? []), benchmark]);
    }
    for (const [fault, of] of found) {
      const [first] = of;
      if (first === undefined) continue;
      say(`when ${of.map((each) => each.name).join(", ")} measured ${machine.name}, ${fault}.`, first.urn);
    }
  }
}

interface MachineRecords {
  readonly machine: Machine;
  readonly records: readonly { readonly benchmark: PolicyResource; readonly part: Part }[];
}

/** Records that say how fast something is, by machine that took part. Says of which machines the name isn't known. */
export function recordsByMachine(
  lab: Lab,
  partsOf: (measurement: Measurement) => readonly Part[],
  { pending }: Findings,
): MachineRecords[] {
  const byName = new Map<
    string,
    { machine: Machine; records: { benchmark: PolicyResource; part: Part }[] }
  >();
  for (const measurement of measurementsOf(lab)) {
    const { benchmark } = measurement;
    if (!isTimed(benchmark)) continue;
    for (const part of partsOf(measurement)) {
      const { role, machine } = part;
      if (machine === undefined) {
        pending(`${role} of ${benchmark.name}`, "what was in force when it measured", benchmark.urn);
        continue;
      }
      const of = byName.get(machine.name) ?? { machine, records: [] };
      byName.set(machine.name, of);
      of.records.push({ benchmark, part });
    }
  }
  return [...byName.values()];
}

/** Why records of a stack are not judged; undefined where some are. */
export function noTimedRecord({ machines, unplaced }: Lab): string | undefined {
  return machines.some(({ benchmarks }) => benchmarks.some(isTimed)) || unplaced.some(isTimedBenchmark)
    ? undefined
    : "this stack has no record that says how fast something is";
}

/** Says of records that it isn't known of which machine they are. */
export function sayUnmeasured(unplaced: readonly PolicyResource[], findings: Findings): void {
  const timed = unplaced.filter(isTimedBenchmark);
  const types = timed.map(({ type }) => type.replace("nfvlab:", ""));
  sayUnplaced(timed, types, findings, "what was in force when it measured");
}

function isTimedBenchmark(resource: PolicyResource): boolean {
  return isBenchmark(resource) && isTimed(resource);
}
