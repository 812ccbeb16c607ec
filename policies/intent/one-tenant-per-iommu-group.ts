import type { PolicyResource } from "@pulumi/policy";
import { takenBy } from "../cards.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import { type Machine, ofType } from "../machine.ts";
import { keys, knownPositions, number, text, UNKNOWN } from "../property.ts";
import { listed } from "../sentence.ts";

const PCI = /^[0-9a-f]{4}:[0-9a-f]{2}:/;
const OVERRIDE = "pcie_acs_override";

/**
 * Devices of one IOMMU group belong to one tenant, and the groups are those of the hardware: `pcie_acs_override` is not on the boot line.
 *
 * Devices of a group reach each other past the IOMMU, so two guests that have one each can read each other's memory by them. The override only makes
 * the kernel believe that they can't.
 *
 * Give one guest all devices of the group, take functions of another slot, and leave `pcie_acs_override` out of the boot arguments.
 *
 * @severity critical
 * @see https://docs.kernel.org/driver-api/vfio.html#groups-devices-and-iommus
 */
export const oneTenantPerIommuGroup = labPolicy({
  name: "one-tenant-per-iommu-group",
  description: "Devices of one IOMMU group belong to one tenant, and no boot argument makes groups up.",
  severity: "critical",
  checks: ["P15"],
  concerns: ["pci:VirtualFunctions", "libvirt:Domain", "ovs:Port"],
  remediationSteps: "Give one tenant the whole group; leave pcie_acs_override out.",
  url: "https://docs.kernel.org/driver-api/vfio.html#groups-devices-and-iommus",
  remediation: {
    types: ["host:BootArguments"],
    mends: (boot) =>
      overridesOf(boot).map((field) => ({ path: ["arguments", field, OVERRIDE], value: undefined })),
  },
  notApplicable: ({ machines }) =>
    machines.every((machine) => passedThrough(machine).length + overriding(machine).length === 0)
      ? "no guest and no switch of this stack has a device of its own"
      : undefined,
  judge: ({ machines }, findings) => {
    for (const machine of machines) {
      for (const resource of overriding(machine)) judgeOverride(resource, findings);
      judgeGroups(machine, findings);
    }
  },
});

function judgeGroups(machine: Machine, { violation, pending }: Findings): void {
  const groups = groupsOf(machine.members);
  const tenants = new Map<number, { tenant: string; address: string; resource: PolicyResource }[]>();
  const taken = passedThrough(machine);
  const owners = new Set(
    taken.flatMap(({ tenant, place }) => (place === UNKNOWN || PCI.test(String(place)) ? [tenant] : [])),
  );
  for (const { tenant, resource, property, place } of taken) {
    // One tenant alone shares with nobody, whatever the groups are.
    if (place === UNKNOWN && owners.size > 1)
      pending(`${property} of ${resource.name}`, "whose IOMMU group it is in", resource.urn);
    if (typeof place !== "string" || !PCI.test(place)) continue;
    const group = groups.get(place);
    if (group === undefined && owners.size > 1)
      pending(`the IOMMU group of ${place} (${property} of ${resource.name})`, "who shares it", resource.urn);
    else if (group !== undefined)
      tenants.set(group, [...(tenants.get(group) ?? []), { tenant, address: place, resource }]);
  }
  for (const [group, users] of tenants) {
    const names = [...new Set(users.map(({ tenant }) => tenant))];
    const last = users.at(-1);
    if (names.length < 2 || last === undefined) continue;
    violation(
      `${listed(names)} have devices of IOMMU group ${group} of ${machine.name} (${users.map(({ address }) => address).join(", ")}), ` +
        "expected one tenant for the group: give one of them a device of another.",
      last.resource.urn,
    );
  }
}

/** Devices that guests and the switch drive themselves. A container's interface stays the kernel's. */
function passedThrough({ guests, ports }: Machine) {
  return takenBy({ guests, ports, containers: [] });
}

/** Groups by PCI address, as far as outputs tell. */
function groupsOf(members: readonly PolicyResource[]): ReadonlyMap<string, number> {
  const groups = new Map<string, number>();
  const note = (resource: PolicyResource, ...path: (string | number)[]) => {
    const address = text(resource, ...path, "address");
    const group = number(resource, ...path, "iommuGroup");
    if (typeof address === "string" && typeof group === "number") groups.set(address, group);
  };
  for (const facts of ofType(members, "host:Facts"))
    for (const nic of knownPositions(facts, "nics")) note(facts, "nics", nic);
  for (const made of ofType(members, "pci:VirtualFunctions"))
    for (const index of knownPositions(made, "functions")) note(made, "functions", index);
  for (const binding of ofType(members, "pci:DriverBinding")) note(binding);
  return groups;
}

/** What puts the override on the boot line, or shows it there. */
function overriding({ members }: Machine): readonly PolicyResource[] {
  return [
    ...ofType(members, "host:BootArguments").filter((boot) => overridesOf(boot).length > 0),
    ...ofType(members, "host:Facts").filter((facts) => {
      const line = text(facts, "kernel", "arguments");
      return typeof line === "string" && new RegExp(`(^|\\s)${OVERRIDE}=`).test(line);
    }),
  ];
}

/** Fields of boot arguments that have it. */
function overridesOf(boot: PolicyResource): string[] {
  return ["extra", "unlisted"].filter((field) => {
    const names = keys(boot, "arguments", field);
    return typeof names === "object" && names.includes(OVERRIDE);
  });
}

function judgeOverride({ name, urn }: PolicyResource, { violation }: Findings): void {
  violation(
    `${name} has ${OVERRIDE} on the boot line, expected the groups of the hardware: leave it out, and take devices of other slots.`,
    urn,
  );
}
