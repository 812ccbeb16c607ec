import type { PolicyResource } from "@pulumi/policy";
import { type Asking, asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { flag } from "../property.ts";

/**
 * A guest that is made for live migration (`cpu.migratable`) has nothing that stays behind: no device of the host, no peer's end of shared memory, no
 * disk but a read-only one, whose file would have to be there as well.
 *
 * Migration is refused when it is asked for, or worse, starts without them. Whether the other machine has room is only known there.
 *
 * Change `nics`, `sharedMemory` or `disks` of the domain, or leave `cpu.migratable` out.
 *
 * @severity low
 * @see https://libvirt.org/migration.html
 */
export const migratableGuest = labPolicy({
  name: "migratable-guest",
  description: "A guest that is made for live migration has nothing that stays behind.",
  severity: "low",
  checks: ["P39"],
  level: "advisory",
  remediationSteps: "Use vhost-user NICs, and disks on storage that both machines have.",
  url: "https://libvirt.org/migration.html",
  notApplicable: ({ resources }) =>
    ofType(resources, "libvirt:Domain").every((domain) => flag(domain, "cpu", "migratable") === undefined)
      ? "no guest of this stack is made for live migration"
      : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether it can be migrated");
    for (const domain of ofType(resources, "libvirt:Domain")) {
      if (ask.flag(domain, "cpu", "migratable") !== true) continue;
      for (const [property, why] of staying(domain, ask)) {
        findings.violation(
          `${property} of ${domain.name} stays on its machine, but cpu.migratable is true: ${why}, or leave migratable out.`,
          domain.urn,
        );
      }
    }
  },
});

function staying(domain: PolicyResource, ask: Asking): (readonly [property: string, why: string])[] {
  return [
    ...ask
      .keys(domain, "nics")
      .filter((nic) => /^(sr-iov|pci|vdpa)$/.test(ask.text(domain, "nics", nic, "kind") ?? ""))
      .map((nic) => [`nics.${nic}`, "a device of the host can't follow; take a vhost-user NIC"] as const),
    ...ask
      .keys(domain, "sharedMemory")
      .filter(
        (memory) =>
          ask.text(domain, "sharedMemory", memory, "kind") === "ivshmem-plain" &&
          ask.differs("master", domain, "sharedMemory", memory, "role"),
      )
      .map((memory) => [`sharedMemory.${memory}`, "a peer can't be migrated; make it the master"] as const),
    ...ask
      .keys(domain, "disks")
      .filter((disk) => ask.differs(true, domain, "disks", disk, "readOnly"))
      .map((disk) => [`disks.${disk}`, "put its file on storage that both machines have"] as const),
  ];
}
