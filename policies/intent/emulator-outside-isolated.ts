import { CpuSet } from "../../sdk/units/cpuset.ts";
import type { CpuRole } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { cited, cpusOf } from "../sentence.ts";

const KEPT_FREE: readonly CpuRole[] = ["isolated", "pmd", "vcpu", "forwarder"];

/**
 * QEMU's own threads, which emulate devices, serve disks and talk to libvirt, run outside the isolated set and off every poll-mode and vCPU CPU.
 *
 * They wake at any time and for as long as it takes. On a vCPU's CPU each wake-up is a pause of the guest; and since the kernel balances no
 * load among isolated CPUs, several of them there pile up on one.
 *
 * Change `emulatorCpus` or `iothreadPins` of the domain to housekeeping CPUs.
 *
 * @severity high
 * @see https://libvirt.org/formatdomain.html#cpu-tuning (emulatorpin)
 */
export const emulatorOutsideIsolated = labPolicy({
  name: "emulator-outside-isolated",
  description: "Emulator and I/O threads stay off isolated, poll-mode and vCPU CPUs.",
  severity: "high",
  checks: ["P08"],
  remediationSteps: "Set emulatorCpus and iothreadPins to housekeeping CPUs.",
  url: "https://libvirt.org/formatdomain.html#cpu-tuning",
  notApplicable: ({ machines, unplaced }) =>
    machines.every(({ guests }) => guests.length === 0) && !unplaced.some(isDomain)
      ? "this stack has no guest"
      : undefined,
  judge: ({ machines, unplaced }, { violation, pending }) => {
    for (const machine of machines) {
      for (const emulator of machine.claims.filter(({ role }) => role === "emulator")) {
        let rest = emulator.cpus;
        // The isolated set comes first, so a CPU that is isolated and polled is said once.
        for (const claim of machine.claims.filter(({ role }) => KEPT_FREE.includes(role))) {
          const shared = rest.intersect(claim.cpus);
          if (shared.size === 0) continue;
          rest = rest.minus(shared);
          violation(
            `${cpusOf(shared, machine.name)} may run ${cited(emulator)}, but ${shared.size === 1 ? "belongs" : "belong"} to ` +
              `${cited(claim)}: change ${emulator.property}${instead(machine)}.`,
            emulator.urn,
          );
        }
      }
      if (machine.guests.length === 0) continue;
      for (const gap of machine.gaps.filter(({ about }) => about === "cpus")) {
        pending(`${gap.property} of ${gap.resource}`, "whether emulator threads stay off it", gap.urn);
      }
    }
    for (const { name, urn } of unplaced.filter(isDomain)) {
      pending(`host of ${name}`, "whether its emulator threads stay off isolated CPUs", urn);
    }
  },
});

function isDomain({ type }: { readonly type: string }): boolean {
  return type === "nfvlab:libvirt:Domain";
}

function instead({ claims }: Machine): string {
  const housekeeping = claims.find(({ role }) => role === "housekeeping");
  const free = claims
    .filter(({ role }) => KEPT_FREE.includes(role))
    .reduce((rest, claim) => rest.minus(claim.cpus), housekeeping?.cpus ?? CpuSet.empty);
  return free.size === 0 ? "" : `, for instance to "${free.format()}"`;
}
