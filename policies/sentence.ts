import type { CpuSet } from "../sdk/units/cpuset.ts";
import { formatSize } from "../sdk/units/size.ts";
import type { CpuClaim, Where } from "./machine.ts";

/** `CPU 2 of dut`, `CPUs 2-3 of dut`. */
export function cpusOf(cpus: CpuSet, machine: string): string {
  return `CPU${cpus.size === 1 ? "" : "s"} ${cpus.format()} of ${machine}`;
}

/** Who claims CPUs, and where to change it: `vCPU 0 of vnf (vcpuPins[0] "2" of vnf-domain)`. */
export function cited(claim: CpuClaim): string {
  return `${claim.holder} (${property(claim, claim.written)})`;
}

/** A property as written and where: `pmdCpus "2" of br0-daemon`. */
export function property({ property, resource }: Where, value: string | number): string {
  return `${property} ${JSON.stringify(value)} of ${resource}`;
}

/** Bytes in the unit that fits: `256MiB`. */
export function size(bytes: number): string {
  return formatSize(bytes);
}
