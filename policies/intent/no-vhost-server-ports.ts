import { asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { titleOf } from "../property.ts";

/**
 * The switch connects to vhost-user sockets and serves none.
 *
 * Who serves the socket has to live longer: with a `dpdkvhostuser` port, deprecated since OVS 2.8, each restart of the switch ends its guests' network
 * until they are started anew. A `dpdkvhostuserclient` port finds its guest again by itself.
 *
 * Change `interface.kind` of the port to `dpdkvhostuserclient`, and give it the guest's `socketPath`.
 *
 * @severity low
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/ (vhost-user vs. vhost-user-client)
 */
export const noVhostServerPorts = labPolicy({
  name: "no-vhost-server-ports",
  description: "No port of the switch serves its vhost-user socket itself.",
  severity: "low",
  checks: ["P30"],
  level: "advisory",
  remediationSteps: "Use dpdkvhostuserclient ports.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/",
  notApplicable: ({ resources }) =>
    ofType(resources, "ovs:Port").length === 0 ? "this stack has no port of a switch" : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether the switch serves its socket");
    for (const port of ofType(resources, "ovs:Port")) {
      if (ask.text(port, "interface", "kind") !== "dpdkvhostuser") continue;
      findings.violation(
        `port ${titleOf(port)} is of kind "dpdkvhostuser" (interface.kind of ${port.name}), expected "dpdkvhostuserclient": ` +
          "a restart of the switch would cut its guest off for good.",
        port.urn,
      );
    }
  },
});
