import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { type Asking, asking, sayUnplaced } from "../ask.ts";
import { where } from "../claims.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";

/**
 * Options of the switch that take each other's effect are not set together, and those that name a poll-mode thread name one that is there.
 *
 * ovs-vswitchd takes all of them and says nothing, or a line in its log: with round-robin assignment it never balances, with hardware offload it does not
 * steer LACP frames, and a queue pinned to a CPU that does not poll is served by somebody else. Which option a release has is asked of the machine,
 * when it is set.
 *
 * Change the option that the message names.
 *
 * @severity medium
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/ and ovs-vswitchd.conf.db(5)
 */
export const switchOptionsAgree = labPolicy({
  name: "switch-options-agree",
  description:
    "Options of the switch take effect beside each other, and name poll-mode threads that are there.",
  severity: "medium",
  checks: ["P31"],
  remediationSteps: "Leave one of the two options out, or name a CPU of pmdCpus.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/",
  notApplicable: ({ resources }) =>
    ofType(resources, "ovs:Daemon").length === 0 ? "this stack sets no option of a switch" : undefined,
  judge: ({ machines, unplaced }, findings) => {
    const undecided = "whether it has an effect";
    const ask = asking(findings, undecided);
    sayUnplaced(unplaced, ["ovs:Daemon", "ovs:Port"], findings, undecided);
    for (const { members } of machines)
      for (const daemon of ofType(members, "ovs:Daemon"))
        judgeDaemon(daemon, ofType(members, "ovs:Port"), ask, findings);
  },
});

function judgeDaemon(
  daemon: PolicyResource,
  ports: readonly PolicyResource[],
  ask: Asking,
  { violation }: Findings,
): void {
  const assign = ask.text(daemon, "rxqAssign");
  if (assign === "roundrobin" && ask.flag(daemon, "autoLoadBalance") === true) {
    violation(
      `autoLoadBalance of ${daemon.name} has no effect with rxqAssign "roundrobin", expected "cycles" or "group": change one of the two.`,
      daemon.urn,
    );
  }
  if (ask.differs("group", daemon, "rxqAssign") && ask.flag(daemon, "rxqIsolate") === false) {
    violation(
      `rxqIsolate false of ${daemon.name} has no effect with rxqAssign ${JSON.stringify(assign ?? "cycles")}, expected "group": change one of the two.`,
      daemon.urn,
    );
  }
  const pmdCpus = ask.cpus(daemon, "pmdCpus");
  if (pmdCpus !== undefined) {
    for (const cpu of ask.keys(daemon, "pmdSleepMaxOf")) {
      if (pmdCpus.has(Number(cpu))) continue;
      violation(
        `${where(daemon, ["pmdSleepMaxOf", cpu]).property} of ${daemon.name} is of a CPU that does not poll, expected one of ${pmdCpus.format()} (pmdCpus).`,
        daemon.urn,
      );
    }
  }
  const offloads = ask.flag(daemon, "hardwareOffload") === true;
  for (const port of ports) {
    if (offloads && ask.text(port, "interface", "rxSteering") === "rss+lacp") {
      violation(
        `interface.rxSteering "rss+lacp" of ${port.name} has no effect with hardwareOffload of ${daemon.name}: change one of the two.`,
        port.urn,
      );
    }
    for (const queue of ask.keys(port, "interface", "rxqAffinity")) {
      const path = ["interface", "rxqAffinity", queue];
      const cpu = ask.number(port, ...path);
      if (cpu === undefined || pmdCpus === undefined || pmdCpus.has(cpu)) continue;
      violation(
        `${where(port, path).property} of ${port.name} is CPU ${CpuSet.of([cpu]).format()}, which does not poll, expected one of ${pmdCpus.format()} ` +
          `(pmdCpus of ${daemon.name}): the queue goes to another thread.`,
        port.urn,
      );
    }
  }
}
