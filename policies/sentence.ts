import type { CpuSet } from "../sdk/units/cpuset.ts";
import { formatSize } from "../sdk/units/size.ts";
import type { CpuClaim, Where } from "./claims.ts";

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

/** `guest a`, `guest a and guest b`, `guest a, guest b and the switch`. */
export function listed(names: readonly string[]): string {
  return new Intl.ListFormat("en-GB").format(names);
}

/** Names as they are listed, where there are many only how many more: `a, b, c and 13 others`. */
export function fewOf(names: readonly string[]): string {
  return names.length > 4 ? listed([...names.slice(0, 3), `${names.length - 3} others`]) : listed(names);
}
