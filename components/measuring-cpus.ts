import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { InputCheck } from "./input-check.ts";
import type { TunedHost } from "./tuned-host.ts";

/**
 * Notes CPUs of poll-mode threads or vCPUs that the host sets aside for nobody. A housekeeping CPU is let through: that is a placement which policies
 * judge, with nodes and owners in the sentence, and which a lab may configure them to allow.
 */
export function checkMeasuringCpus(
  check: InputCheck,
  property: string,
  list: CpuList,
  host: TunedHost,
): void {
  const { housekeeping, isolated } = host.cpus;
  const cpus = check.someCpus(property, list);
  if (cpus === undefined) return;
  const strangers = cpus.minus(CpuSet.parse(isolated)).minus(CpuSet.parse(housekeeping));
  if (strangers.size > 0) {
    check.wrong({
      code: "cpus-not-isolated",
      property,
      problem: `names CPUs that ${host.name} does not isolate (${strangers.format()})`,
      observed: list,
      expected: isolated === "" ? "a host with isolated CPUs" : `CPUs among ${isolated}`,
      hint: `name isolated CPUs, or add these to cpus.isolated of ${host.name}`,
    });
  }
}
