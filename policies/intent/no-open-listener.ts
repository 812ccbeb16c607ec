import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { isWritten, programTexts } from "../texts.ts";

const HERE = "(127\\.|localhost|\\[?::1)";

const OPEN: readonly (readonly [pattern: RegExp, what: string, instead: string])[] = [
  [
    new RegExp(`\\bptcp:\\d+(?!:${HERE}|\\d)`),
    "Open vSwitch's database open to the network",
    "punix:, or ptcp: with 127.0.0.1",
  ],
  [
    new RegExp(`-vnc[ =]+(?!${HERE}|unix:|none)\\S*:\\d+`),
    "a guest's screen open to the network",
    "-vnc none, or unix:",
  ],
  [
    new RegExp(`-(?:qmp|monitor|serial)[ =]+(?:tcp|telnet):(?!${HERE})`),
    "QEMU's monitor open to the network",
    "a unix socket",
  ],
  [
    /<graphics\b[^>]*\blisten=['"]0\.0\.0\.0['"]/,
    "a guest's screen open to the network",
    "listen='127.0.0.1'",
  ],
  [/\bno_verify=1\b/, "a libvirt connection that checks no certificate", "a URI without no_verify"],
];

/**
 * Nothing that this stack runs opens a database, a monitor or a screen to the network, or skips the check of who answers.
 *
 * Who reaches an OVSDB of `ptcp:` sets any flow, who reaches a monitor has the guest's memory, and neither asks who it is. The resources of this SDK open
 * none of them: what is found is in commands and in resources of others.
 *
 * Change the command or the argument that the message names.
 *
 * @severity critical
 * @see https://docs.openvswitch.org/en/latest/ref/ovsdb.7/ and https://libvirt.org/uri.html
 */
export const noOpenListener = labPolicy({
  name: "no-open-listener",
  description: "Nothing opens a database, a monitor or a screen to the network.",
  severity: "critical",
  checks: ["P36"],
  remediationSteps: "Listen on a unix socket or on loopback, and reach it over SSH.",
  url: "https://docs.openvswitch.org/en/latest/ref/ovsdb.7/",
  notApplicable: ({ resources }) =>
    resources.some(isWritten) ? undefined : "this stack runs nothing that could listen",
  judge: ({ resources }, findings) => {
    for (const { resource, path, text } of programTexts(resources, findings, "whether it opens a listener")) {
      for (const [pattern, what, instead] of OPEN) {
        const found = pattern.exec(text)?.[0];
        if (found === undefined) continue;
        findings.violation(
          `${where(resource, path).property} of ${resource.name} has ${JSON.stringify(found.trim())}, ${what}, expected ${instead}.`,
          resource.urn,
        );
      }
    }
  },
});
