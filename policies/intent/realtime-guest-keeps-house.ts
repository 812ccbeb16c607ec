import { CpuSet } from "../../sdk/units/cpuset.ts";
import { asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { text, titleOf } from "../property.ts";
import { guestsOf, isRealtime, realtimeVcpus } from "../realtime.ts";

/**
 * A guest with vCPUs in real time keeps house on vCPU 0, which is not in real time.
 *
 * The guest's own kernel threads and interrupts run there. With it under SCHED_FIFO, QEMU's threads on the same host CPUs, which the guest waits for, may
 * never run: the guest stops for good, and looks busy.
 *
 * Change `realtimeVcpus.vcpus` of the domain.
 *
 * @severity high
 * @see https://docs.kernel.org/scheduler/sched-rt-group.html
 */
export const realtimeGuestKeepsHouse = labPolicy({
  name: "realtime-guest-keeps-house",
  description: "vCPU 0 of a guest in real time is not in real time itself.",
  severity: "high",
  checks: ["P40"],
  remediationSteps: "Leave vCPU 0 out of realtimeVcpus.vcpus.",
  url: "https://docs.kernel.org/scheduler/sched-rt-group.html",
  remediation: {
    types: ["libvirt:Domain"],
    mends: (resource) => {
      const path = ["realtimeVcpus", "vcpus"];
      const list = text(resource, ...path);
      if (typeof list !== "string") return [];
      const rest = CpuSet.parse(list).minus(CpuSet.of([0]));
      // With no other vCPU in real time the guest would be another one: that is for its author.
      return rest.size === 0 || rest.equals(CpuSet.parse(list)) ? [] : [{ path, value: rest.format() }];
    },
  },
  notApplicable: ({ resources }) =>
    guestsOf(resources).some(isRealtime) ? undefined : "no guest of this stack runs in real time",
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether vCPU 0 keeps house");
    for (const guest of guestsOf(resources).filter(isRealtime)) {
      const numbers = realtimeVcpus(guest, ask);
      if (numbers === undefined || !numbers.has(0)) continue;
      const { resource } = guest;
      const rest =
        ask.positions(resource, "vcpuPins").length < 2
          ? "give it a second vCPU for what runs in real time"
          : "take 0 out of realtimeVcpus.vcpus";
      findings.violation(
        `vCPU 0 of ${titleOf(resource)} runs in real time (realtimeVcpus.vcpus ${JSON.stringify(numbers.format())} of ${resource.name}), ` +
          `expected vCPU 0 to keep the guest's house: ${rest}.`,
        resource.urn,
      );
    }
  },
});
