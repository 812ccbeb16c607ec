import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { property } from "../sentence.ts";

/**
 * Not everybody on the machine may write to a guest's vhost-user socket, nor to the folder that it lies in.
 *
 * Who connects to the socket gets the guest's memory as a file descriptor, to read and to write. In a folder that everybody may write to, a socket can be put
 * in the place of the right one.
 *
 * Look at who changed the mode; `pulumi up` closes the socket, and makes its folder anew.
 *
 * @severity high
 * @see https://www.qemu.org/docs/master/interop/vhost-user.html
 */
export const socketsClosed = labPolicy({
  name: "sockets-closed",
  description: "Not everybody on the machine may write to a guest's vhost-user socket.",
  severity: "high",
  checks: ["P11"],
  remediationSteps: "Run pulumi up, which closes the socket, and find who opened it.",
  url: "https://www.qemu.org/docs/master/interop/vhost-user.html",
  notApplicable: ({ resources }) =>
    ofType(resources, "libvirt:Domain").length === 0 ? "this stack has no guest" : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether the guest's sockets are closed to others");
    for (const domain of ofType(resources, "libvirt:Domain")) {
      for (const nic of ask.keys(domain, "sockets")) {
        const path = ask.text(domain, "sockets", nic, "path");
        for (const field of ["mode", "folderMode"]) {
          const at = ["sockets", nic, field];
          const mode = ask.text(domain, ...at);
          if (mode === undefined || (Number.parseInt(mode, 8) & 0o002) === 0) continue;
          findings.violation(
            `everybody may write to ${field === "mode" ? `socket ${path}` : `the folder of ${path}`} (${property(where(domain, at), mode)}), ` +
              "expected its owner and group: run pulumi up, and find who opened it.",
            domain.urn,
          );
        }
      }
    }
  },
});
