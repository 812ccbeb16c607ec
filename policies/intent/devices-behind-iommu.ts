import type { PolicyResource } from "@pulumi/policy";
import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { flag, isNull, keys, knownPositions, text, UNKNOWN } from "../property.ts";
import type { Mend } from "../remediation.ts";
import { property } from "../sentence.ts";

const UIO = /^(igb_uio|uio_pci_generic)$/;
const NO_IOMMU = "enable_unsafe_noiommu_mode";
const MODULE_PATH = ["parameters", NO_IOMMU] as const;
const ON_THE_LINE = ["extra", "unlisted"] as const;
const TYPES = ["pci:DriverBinding", "host:ModuleParameters", "host:BootArguments", "host:Facts"] as const;

/**
 * What a guest or DPDK drives itself is behind the IOMMU: no card is on a UIO driver, and VFIO's no-IOMMU mode is off.
 *
 * Past the IOMMU a card writes wherever its driver tells it to, the kernel's memory and other guests' among it. One wrong descriptor of a program
 * in user space is then a corrupted host, with nothing in any log.
 *
 * Change `driver` of the DriverBinding to `vfio-pci`, take `enable_unsafe_noiommu_mode` out of ModuleParameters and boot arguments, and turn the IOMMU
 * on in firmware and boot arguments.
 *
 * @severity critical
 * @see https://docs.kernel.org/driver-api/vfio.html and https://doc.dpdk.org/guides/linux_gsg/linux_drivers.html
 */
export const devicesBehindIommu = labPolicy({
  name: "devices-behind-iommu",
  description: "No card is driven past the IOMMU: by a UIO driver, or by VFIO without one.",
  severity: "critical",
  checks: ["P09", "P10"],
  excepting: false,
  remediationSteps: "Bind to vfio-pci with the IOMMU on, and leave enable_unsafe_noiommu_mode out.",
  url: "https://docs.kernel.org/driver-api/vfio.html",
  remediation: {
    types: ["pci:DriverBinding", "host:ModuleParameters", "host:BootArguments"],
    mends: (resource) => [...mendsOfBinding(resource), ...mendsOfModule(resource), ...mendsOfBoot(resource)],
  },
  notApplicable: ({ resources }) =>
    ofType(resources, ...TYPES).length === 0 ? "this stack binds no driver and knows no card" : undefined,
  judge: ({ resources }, findings) => {
    for (const binding of ofType(resources, "pci:DriverBinding")) judgeBinding(binding, findings);
    for (const module of ofType(resources, "host:ModuleParameters")) judgeModule(module, findings);
    for (const boot of ofType(resources, "host:BootArguments")) judgeBoot(boot, findings);
    for (const facts of ofType(resources, "host:Facts")) {
      for (const nic of knownPositions(facts, "nics")) {
        const driver = text(facts, "nics", nic, "driver");
        if (typeof driver !== "string" || !UIO.test(driver)) continue;
        findings.violation(
          `card ${String(text(facts, "nics", nic, "address"))} is on ${driver} (${facts.name}), expected vfio-pci or a driver of the kernel: bind it by a DriverBinding.`,
          facts.urn,
        );
      }
    }
  },
});

function judgeBinding(binding: PolicyResource, findings: Findings): void {
  const driver = asking(findings, "whether its card is behind the IOMMU").text(binding, "driver");
  if (driver === undefined) return;
  if (UIO.test(driver)) {
    const said = property(where(binding, ["driver"]), driver);
    findings.violation(
      `${said} lets a card write past the IOMMU, expected vfio-pci: change driver.`,
      binding.urn,
    );
  } else if (/^vfio/.test(driver) && isNull(binding, "iommuGroup") === true) {
    findings.violation(
      `${binding.name} is on ${driver} without an IOMMU group: the IOMMU is not in force, expected a group; turn it on in the firmware, and by ` +
        "intelIommu of the boot arguments.",
      binding.urn,
    );
  }
}

function mendsOfBinding(binding: PolicyResource): Mend[] {
  const driver = text(binding, "driver");
  return typeof driver === "string" && UIO.test(driver) ? [{ path: ["driver"], value: "vfio-pci" }] : [];
}

function judgeModule(module: PolicyResource, findings: Findings): void {
  if (text(module, "module") !== "vfio") return;
  if (flag(module, ...MODULE_PATH) === UNKNOWN)
    findings.pending(`parameters.${NO_IOMMU} of ${module.name}`, "whether VFIO wants an IOMMU", module.urn);
  if (isOn(module))
    findings.violation(
      `parameters.${NO_IOMMU} of ${module.name} is on, expected off: leave it out.`,
      module.urn,
    );
}

function isOn(module: PolicyResource): boolean {
  const value = flag(module, ...MODULE_PATH) ?? text(module, ...MODULE_PATH);
  return value === true || (typeof value === "string" && /^[Yy1]/.test(value));
}

function mendsOfModule(module: PolicyResource): Mend[] {
  return text(module, "module") === "vfio" && isOn(module) ? [{ path: MODULE_PATH, value: undefined }] : [];
}

function judgeBoot(boot: PolicyResource, findings: Findings): void {
  const ask = asking(findings, "whether VFIO wants an IOMMU");
  for (const field of ON_THE_LINE) {
    const name = ask.keys(boot, "arguments", field).find((key) => key === `vfio.${NO_IOMMU}`);
    if (name === undefined) continue;
    findings.violation(
      `${where(boot, ["arguments", field, name]).property} of ${boot.name} turns the IOMMU of VFIO off, expected no such argument: leave it out.`,
      boot.urn,
    );
  }
}

function mendsOfBoot(boot: PolicyResource): Mend[] {
  return ON_THE_LINE.flatMap((field) => {
    const names = keys(boot, "arguments", field);
    const path = ["arguments", field, `vfio.${NO_IOMMU}`];
    return typeof names === "object" && names.includes(`vfio.${NO_IOMMU}`)
      ? [{ path, value: undefined }]
      : [];
  });
}
