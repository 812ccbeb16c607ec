import { asking } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";

/**
 * DPDK runs inside the switch, and every port of it works: no error, an OpenFlow number, and polled where it has to be.
 *
 * ovs-vswitchd goes on without DPDK and without a port that failed, and shows a port as up whose interface in the kernel was taken away and made again, from which it receives
 * nothing; what is measured then is another path, or none.
 *
 * Look at the log of ovs-vswitchd and at `status` of the port, then `pulumi up --refresh`.
 *
 * @severity high
 * @see ovs-vswitchd.conf.db(5) (dpdk_initialized, error, ofport)
 */
export const switchInForce = labPolicy({
  name: "switch-in-force",
  description: "DPDK runs inside the switch, and every port of it works.",
  severity: "high",
  checks: ["P32"],
  remediationSteps: "Mend what the switch's log says, then pulumi up --refresh.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/bridge/",
  notApplicable: ({ resources }) =>
    ofType(resources, "ovs:Daemon", "ovs:Port", "ovs:Bond").length === 0
      ? "this stack has no switch"
      : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether the switch is in force");
    for (const daemon of ofType(resources, "ovs:Daemon")) {
      if (ask.flag(daemon, "initialized") === false && ask.differs("false", daemon, "init"))
        findings.violation(
          `DPDK does not run inside the switch (initialized false of ${daemon.name}), expected true.`,
          daemon.urn,
        );
    }
    for (const port of ofType(resources, "ovs:Port", "ovs:Bond")) {
      const number = ask.number(port, "ofport");
      if (number !== undefined && number < 1)
        findings.violation(
          `${port.name} has no OpenFlow number (ofport ${number}), expected one: the switch could not add it.`,
          port.urn,
        );
      else if (ask.flag(port, "up") === false)
        findings.violation(
          `${port.name} does not work (up false), expected it without an error, polled, and of the interface that it was added for.`,
          port.urn,
        );
    }
  },
});
