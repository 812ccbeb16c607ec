import type { PolicyResource } from "@pulumi/policy";
import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { text } from "../property.ts";
import { property } from "../sentence.ts";

interface Configuration {
  readonly singleTenant?: boolean;
}

/**
 * Mitigations against speculation are on, unless the lab is said to have a single tenant; machine checks are on always.
 *
 * With `mitigations=off` each guest may read what others work on. With `mce=off` an uncorrectable memory error goes unseen, and results come from memory
 * that is wrong.
 *
 * Change `mitigations` of the boot arguments, or say `singleTenant: true` in the configuration; leave `mce=off` out.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/hw-vuln/index.html
 */
export const mitigationsOn = labPolicy({
  name: "mitigations-on",
  description:
    "Mitigations against speculation are on, unless the lab has a single tenant; machine checks always.",
  severity: "high",
  checks: ["P27"],
  remediationSteps: "Leave mitigations=off and mce=off out, or set singleTenant in the pack's configuration.",
  url: "https://docs.kernel.org/admin-guide/hw-vuln/index.html",
  configSchema: {
    properties: {
      singleTenant: {
        type: "boolean",
        default: false,
        description: "Says that one tenant has all machines of the lab, so that mitigations may be off.",
      },
    },
  },
  remediation: {
    types: ["host:BootArguments"],
    mends: (boot, args) => {
      const { singleTenant = false } = args.getConfig<Configuration>();
      const path = ["arguments", "mitigations"];
      return !singleTenant && text(boot, ...path) === "off" ? [{ path, value: undefined }] : [];
    },
  },
  notApplicable: ({ resources }) =>
    ofType(resources, "host:BootArguments", "host:Facts", "emulate:Server").length === 0
      ? "this stack sets no boot arguments and knows none"
      : undefined,
  judge: ({ resources }, findings, args) => {
    const { singleTenant = false } = args.getConfig<Configuration>();
    const ask = asking(findings, "whether the machine stays safe");
    for (const boot of ofType(resources, "host:BootArguments")) {
      const path = ["arguments", "mitigations"];
      const value = ask.text(boot, ...path);
      if (value === "off" && !singleTenant) refuseOff(boot, property(where(boot, path), "off"), findings);
    }
    for (const server of ofType(resources, "emulate:Server")) {
      for (const index of ask.positions(server, "bootArguments")) {
        const path = ["bootArguments", index];
        judgeLine(
          ask.text(server, ...path) ?? "",
          server,
          where(server, path).property,
          singleTenant,
          findings,
        );
      }
    }
    for (const facts of ofType(resources, "host:Facts")) {
      const line = text(facts, "kernel", "arguments");
      if (typeof line === "string") judgeLine(line, facts, "kernel.arguments", singleTenant, findings);
    }
  },
});

function judgeLine(
  line: string,
  resource: PolicyResource,
  at: string,
  singleTenant: boolean,
  findings: Findings,
): void {
  const words = line.split(/\s+/);
  if (words.includes("mitigations=off") && !singleTenant)
    refuseOff(resource, `${at} "mitigations=off" of ${resource.name}`, findings);
  if (!words.includes("mce=off")) return;
  findings.violation(
    `${at} of ${resource.name} has mce=off, expected machine checks on: an uncorrectable memory error goes unseen; leave it out.`,
    resource.urn,
  );
}

function refuseOff({ urn }: PolicyResource, said: string, { violation }: Findings): void {
  violation(
    `${said} lets guests read what others work on, expected mitigations on: leave it out, or set singleTenant in the pack's configuration.`,
    urn,
  );
}
