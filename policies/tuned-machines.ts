import type { PolicyResource } from "@pulumi/policy";
import { sayUnplaced } from "./ask.ts";
import type { Lab } from "./lab.ts";
import type { Findings } from "./lab-policy.ts";
import { type Machine, ofType } from "./machine.ts";
import { keys, UNKNOWN } from "./property.ts";
import { isBenchmark, isTimed } from "./records.ts";

const TUNING = [
  ...["host:BootArguments", "host:CpuFrequency", "host:CpuIdle", "host:MemoryManagement"],
  ...["host:Sysctls", "host:TunedProfile", "host:RealtimeKernel"],
];

const FINGERPRINT = [
  ["record", "fingerprint"],
  ["record", "fingerprint", "settings"],
] as const;

/** Says what is found of machines' records: of a machine that this stack tunes it blocks, of one measured as it was found it is advice. */
export function judgeRecords(
  { machines, unplaced }: Lab,
  findings: Findings,
  faultsOf: (benchmark: PolicyResource, machine: Machine) => readonly string[],
): void {
  sayUnmeasured(unplaced, findings);
  for (const machine of machines) {
    const { members, benchmarks, name } = machine;
    const say = ofType(members, ...TUNING).length > 0 ? findings.violation : findings.advice;
    const found = new Map<string, PolicyResource[]>();
    for (const benchmark of benchmarks.filter(isTimed)) {
      for (const path of FINGERPRINT)
        if (keys(benchmark, ...path) === UNKNOWN)
          findings.pending(`${path.join(".")} of ${benchmark.name}`, "what was in force", benchmark.urn);
      for (const fault of faultsOf(benchmark, machine))
        found.set(fault, [...(found.get(fault) ?? []), benchmark]);
    }
    for (const [fault, of] of found) {
      const [first] = of;
      if (first === undefined) continue;
      say(`when ${of.map((each) => each.name).join(", ")} measured ${name}, ${fault}.`, first.urn);
    }
  }
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
