import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { flag } from "../property.ts";
import { guestsOf, isRealtime } from "../realtime.ts";

const DISTURBING: readonly (readonly [path: readonly string[], disturbing: boolean, why: string])[] = [
  [["features", "pmu"], true, "a performance counter's overflow is an interrupt of the guest"],
  [["mergePages"], true, "a page that KSM merged is copied at its next write, under a lock"],
  [["locked"], false, "a page that went to swap is waited for"],
  [["cpu", "migratable"], true, "it leaves out invtsc, so that reading the time may leave the guest"],
  [["features", "hintDedicated"], false, "the guest yields in locks as if its CPU were shared"],
];

/**
 * A guest with vCPUs in real time has nothing that stops them: no performance counters, no merged or swappable memory, a time stamp counter that
 * never stops, and it knows that its CPUs are its own. A balloon and another CPU than the host's it can't have.
 *
 * Each is a pause by the hypervisor that a deadline does not know of.
 *
 * Change `features`, `mergePages`, `locked` or `cpu.migratable` of the domain.
 *
 * @severity medium
 * @see https://libvirt.org/formatdomain.html#hypervisor-features and https://docs.kernel.org/virt/kvm/x86/cpuid.html
 */
export const realtimeGuestUndisturbed = labPolicy({
  name: "realtime-guest-undisturbed",
  description:
    "A guest in real time has no performance counters, no merged or swappable memory, and a steady clock.",
  severity: "medium",
  checks: ["P34", "P25"],
  remediationSteps: "Leave pmu, mergePages, locked, migratable and hintDedicated at their defaults.",
  url: "https://libvirt.org/formatdomain.html#hypervisor-features",
  remediation: {
    types: ["libvirt:Domain"],
    mends: (resource) =>
      isRealtime({ resource })
        ? DISTURBING.filter(([path, disturbing]) => flag(resource, ...path) === disturbing).map(
            ([path, disturbing]) => ({ path, value: !disturbing }),
          )
        : [],
  },
  notApplicable: ({ resources }) =>
    guestsOf(resources).some(isRealtime) ? undefined : "no guest of this stack runs in real time",
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether it disturbs a guest in real time");
    for (const { resource } of guestsOf(resources).filter(isRealtime)) {
      for (const [path, disturbing, why] of DISTURBING) {
        if (ask.flag(resource, ...path) !== disturbing) continue;
        findings.violation(
          `${where(resource, path).property} of ${resource.name} is ${disturbing}, expected ${!disturbing} of a guest in real time: ${why}.`,
          resource.urn,
        );
      }
    }
  },
});
