import { asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { GENERATING, ofType } from "../machine.ts";
import { property } from "../sentence.ts";
import { socketEnds } from "../sockets.ts";

const EVERYBODY = /^\/(tmp|var\/tmp|dev\/shm)\//;
const TYPES = ["libvirt:Domain", "ovs:Port", "traffic:Forwarder", ...GENERATING] as const;

/**
 * vhost-user sockets lie in folders that not everybody may write to.
 *
 * Over the socket goes a guest's memory: who puts a socket there first, or connects to it, has all of it. In /tmp, /var/tmp and /dev/shm anybody
 * with a login can.
 *
 * Change `socketPath`; the bridge component uses /run/nfvlab-vhost.
 *
 * @severity high
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/
 */
export const vhostSocketsPrivate = labPolicy({
  name: "vhost-sockets-private",
  description: "vhost-user sockets lie in folders that not everybody may write to.",
  severity: "high",
  checks: ["P11"],
  remediationSteps: "Use a folder of the switch's own, /run/nfvlab-vhost for instance.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/",
  notApplicable: ({ resources }) =>
    ofType(resources, ...TYPES).length === 0 ? "this stack has no vhost-user socket" : undefined,
  judge: ({ resources }, findings) => {
    for (const end of socketEnds(resources, asking(findings, "whether everybody may write to its folder"))) {
      if (!EVERYBODY.test(end.path)) continue;
      findings.violation(
        `${end.holder} has its socket where everybody may write (${property(end, end.path)}), expected a folder of its own, ` +
          "for instance /run/nfvlab-vhost: change socketPath at both ends.",
        end.urn,
      );
    }
  },
});
