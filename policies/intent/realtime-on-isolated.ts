import type { PolicyResource } from "@pulumi/policy";
import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { number, text, titleOf } from "../property.ts";
import { isRealtime, pinsOf, realtimeVcpus } from "../realtime.ts";
import { cited, property } from "../sentence.ts";

const THROTTLE = "kernel.sched_rt_runtime_us";

/**
 * vCPUs in real time run on isolated CPUs only.
 *
 * A guest that spins under SCHED_FIFO keeps everything else off its CPU for as long as it likes: on a CPU of the system that is the system. Where
 * `kernel.sched_rt_runtime_us` is -1 nothing ends it but a reset, so QEMU's main thread in real time on housekeeping CPUs is advised against there.
 *
 * Change `realtimeVcpus` or `vcpuPins` of the domain, or leave `kernel.sched_rt_runtime_us` as it is.
 *
 * @severity critical
 * @see https://docs.kernel.org/scheduler/sched-rt-group.html
 */
export const realtimeOnIsolated = labPolicy({
  name: "realtime-on-isolated",
  description: "vCPUs in real time run on isolated CPUs only.",
  severity: "critical",
  checks: ["P26"],
  concerns: ["components:TunedHost", "libvirt:Domain"],
  remediationSteps: "Pin vCPUs that run in real time to isolated CPUs.",
  url: "https://docs.kernel.org/scheduler/sched-rt-group.html",
  notApplicable: ({ machines }) =>
    machines.every(({ guests }) => !guests.some(isRealtime))
      ? "no guest of this stack runs in real time"
      : undefined,
  judge: ({ machines }, findings) => {
    const ask = asking(findings, "whether it runs on isolated CPUs");
    for (const { name, guests, claims, gaps, members } of machines) {
      const isolated = claims.find(({ role }) => role === "isolated");
      for (const guest of guests.filter(isRealtime)) {
        for (const { property, resource, urn } of gaps.filter((gap) =>
          /^(cpus|vcpuPins)\b(?!.*housekeeping)/.test(gap.property),
        ))
          findings.pending(`${property} of ${resource}`, "whether it runs on isolated CPUs", urn);
        if (isolated === undefined) continue;
        const numbers = realtimeVcpus(guest, ask);
        for (const pin of numbers === undefined ? [] : pinsOf(guest, numbers)) {
          if (pin.cpus.isSubsetOf(isolated.cpus)) continue;
          findings.violation(
            `${cited(pin)} runs in real time (realtimeVcpus ${JSON.stringify(numbers?.format())} of ${guest.resource.name}) on CPU ` +
              `${pin.cpus.minus(isolated.cpus).format()} of ${name}, which is not isolated, expected one of ${cited(isolated)}: ` +
              "it can stop the host; pin it elsewhere.",
            pin.urn,
          );
        }
        const priority = number(guest.resource, "emulatorScheduling", "priority");
        const unthrottled = ofType(members, "host:Sysctls").find(runsUnthrottled);
        if (priority === undefined || unthrottled === undefined) continue;
        findings.advice(
          `emulatorScheduling of ${guest.resource.name} runs QEMU's main thread of ${titleOf(guest.resource)} in real time, and ` +
            `${property(where(unthrottled, ["values", THROTTLE]), -1)} lets it do so without end: leave one of the two out.`,
          guest.resource.urn,
        );
      }
    }
  },
});

function runsUnthrottled(sysctls: PolicyResource): boolean {
  return [number, text].some((read) => String(read(sysctls, "values", THROTTLE)) === "-1");
}
