import { bytes, libvirt, type Size } from "nfvlab";
import { asking, labPolicy, property, select, where } from "nfvlab/policies/kit";

interface Configuration {
  readonly hosts?: string;
  readonly vcpus?: number;
  readonly memory?: Size;
}

/**
 * A guest on a shared host keeps to the lab's quota of vCPUs and memory.
 *
 * What is pinned and locked nobody else gets, so one large guest keeps a whole queue of experiments waiting.
 *
 * Change `vcpuPins` or `memory` of the domain, or take a host of your own.
 */
export const guestWithinQuota = labPolicy({
  name: "guest-within-quota",
  description: "A guest on a shared host keeps to the lab's quota of vCPUs and memory.",
  severity: "medium",
  concerns: ["libvirt:Domain"],
  remediationSteps: "Give the guest fewer vCPUs and less memory, or take a host of your own.",
  configSchema: {
    properties: {
      hosts: {
        type: "string",
        default: "*",
        description: "Names of the shared hosts; * for any characters.",
      },
      vcpus: { type: "integer", minimum: 1, default: 8, description: "Most vCPUs of a guest." },
      memory: { type: "string", default: "32GiB", description: "Most memory of a guest." },
    },
  },
  notApplicable: (lab) => (select(lab, libvirt.Domain).length === 0 ? "this stack has no guest" : undefined),
  judge: (lab, findings, args) => {
    const { hosts = "*", vcpus = 8, memory = "32GiB" } = args.getConfig<Configuration>();
    const ask = asking(findings, "whether the guest keeps to the quota");
    for (const guest of select(lab, libvirt.Domain, { host: hosts })) {
      const pins = ask.positions(guest, "vcpuPins").length;
      if (pins > vcpus)
        findings.violation(
          `${guest.name} has ${pins} vCPUs (vcpuPins), expected ${vcpus} at most: take ${pins - vcpus} out, or a host of your own.`,
          guest.urn,
        );
      const asked = ask.text(guest, "memory");
      if (asked !== undefined && bytes(asked as Size) > bytes(memory))
        findings.violation(
          `${property(where(guest, ["memory"]), asked)} is more than ${memory}, expected that at most: lower memory.`,
          guest.urn,
        );
    }
  },
});
