import type { PolicyResource } from "@pulumi/policy";
import { type Asking, asking, sayUnplaced } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { type Machine, ofType } from "../machine.ts";
import { keys, knownPositions, type Path, text } from "../property.ts";
import { listed, property } from "../sentence.ts";

const TAKING = ["pci:DriverBinding", "pci:VirtualFunctions", "pci:EswitchMode", "libvirt:Domain"] as const;

/**
 * No device is taken away that management or the system's disks go through: bound to another driver, cut into virtual functions, switched to another mode, or given to a guest.
 *
 * The machine would not answer any more, or would lose its root file system under its feet, and nobody could undo it from afar. The facts tell which PCI functions carry a default
 * route, the session that they were taken by or a global address, through bonds, bridges, VLANs and switches, and which hold mounted file systems. The provider refuses the same on the
 * machine itself.
 *
 * Change `address`, `pf` or the guest's device to another function; or move management elsewhere, and take the facts anew.
 *
 * @severity critical
 * @see https://docs.kernel.org/PCI/pci-iov-howto.html and https://docs.kernel.org/driver-api/vfio.html
 */
export const managementUntouched = labPolicy({
  name: "management-untouched",
  description: "No device is taken that management or the system's disks go through.",
  severity: "critical",
  checks: ["P14"],
  excepting: false,
  remediationSteps: "Take another device, or move management elsewhere and take the facts anew.",
  url: "https://docs.kernel.org/driver-api/vfio.html",
  notApplicable: ({ machines, unplaced }) =>
    ofType(unplaced, ...TAKING).length > 0 ||
    machines.some(({ members, facts }) => facts.length > 0 && ofType(members, ...TAKING).length > 0)
      ? undefined
      : "this stack takes no device of a machine whose facts it has",
  judge: ({ machines, unplaced }, findings) => {
    sayUnplaced(unplaced, TAKING, findings, "whether management goes through it");
    const ask = asking(findings, "whether management goes through it");
    for (const machine of machines) {
      const kept = keptOf(machine, ask);
      for (const { resource, path, address } of kept.size === 0 ? [] : takenBy(machine, ask)) {
        const known = kept.get(address.toLowerCase());
        if (known === undefined) continue;
        findings.violation(
          `${property(where(resource, path), address)} is a device that ${machine.name} can't do without (${known.facts.name}: ${listed(known.reasons)}), ` +
            "expected one that neither management nor the system's disks go through: name another.",
          resource.urn,
        );
      }
    }
  },
});

/** PCI functions that a machine can't do without, by its facts. */
function keptOf({ members, facts }: Machine, ask: Asking) {
  const kept = new Map<string, { readonly facts: PolicyResource; readonly reasons: readonly string[] }>();
  for (const each of ofType(members, ...TAKING).length === 0 ? [] : facts)
    for (const address of ask.keys(each, "protectedFunctions")) {
      const reasons = knownPositions(each, "protectedFunctions", address).map((index) =>
        String(text(each, "protectedFunctions", address, index)),
      );
      kept.set(address, { facts: each, reasons });
    }
  return kept;
}

function takenBy({ members }: Machine, ask: Asking) {
  const taken = (resource: PolicyResource, ...path: Path) => {
    const address = ask.text(resource, ...path);
    return address === undefined ? [] : [{ resource, path, address }];
  };
  return [
    ...ofType(members, "pci:DriverBinding").flatMap((binding) => taken(binding, "address")),
    ...ofType(members, "pci:VirtualFunctions", "pci:EswitchMode").flatMap((card) => taken(card, "pf")),
    ...ofType(members, "libvirt:Domain").flatMap((domain) => {
      const nics = keys(domain, "nics");
      return (typeof nics === "object" ? nics : []).flatMap((nic) => [
        ...taken(domain, "nics", nic, "device"),
        ...taken(domain, "nics", nic, "vf"),
      ]);
    }),
  ];
}
