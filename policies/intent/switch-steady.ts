import type { PolicyResource } from "@pulumi/policy";
import { nanoseconds } from "../../sdk/units/duration.ts";
import { type Asking, asking } from "../ask.ts";
import { type Where, where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { type Machine, ofType } from "../machine.ts";
import type { Path } from "../property.ts";
import { property } from "../sentence.ts";

/**
 * A switch that is measured through stays as it is: no automatic load balancing, no sleeping poll-mode threads, no waiting batches, no policer.
 *
 * Each of them is in the numbers: queues that move lose packets while they do, a thread that sleeps adds its sleep to every packet that comes first, a
 * policer is the throughput that is found. On an emulated server, where threads share processors, sleeping is what lets anything else run.
 *
 * Change `autoLoadBalance`, `pmdSleepMax`, `pmdSleepMaxOf`, `txFlushInterval` of the daemon, `ingressPolicing` or `egressPolicer` of the port.
 *
 * @severity medium
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/
 */
export const switchSteady = labPolicy({
  name: "switch-steady",
  description: "A switch that is measured through neither balances, sleeps, waits nor polices.",
  severity: "medium",
  checks: ["P33"],
  concerns: ["ovs:Daemon", "ovs:Port", "ovs:Bond", "bench:"],
  remediationSteps: "Leave autoLoadBalance, pmdSleepMax, txFlushInterval and policers out while measuring.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/",
  notApplicable: ({ machines }) =>
    machines.every((machine) => !isMeasuredThrough(machine))
      ? "no switch of a real machine is measured through"
      : undefined,
  judge: ({ machines }, findings) => {
    const ask = asking(findings, "whether the switch stays as it is while it is measured");
    for (const { members, benchmarks } of machines.filter(isMeasuredThrough)) {
      const measured = benchmarks.map(({ name }) => name).join(", ");
      for (const { value, effect, ...place } of unsteady(members, ask)) {
        findings.violation(
          `${property(place, value)} ${effect} while ${measured} ${benchmarks.length === 1 ? "measures" : "measure"}, expected none: change ${place.property}.`,
          place.urn,
        );
      }
    }
  },
});

function isMeasuredThrough({ emulated, members, benchmarks }: Machine): boolean {
  return (
    !emulated && benchmarks.length > 0 && ofType(members, "ovs:Daemon", "ovs:Port", "ovs:Bond").length > 0
  );
}

interface Unsteady extends Where {
  readonly value: string;
  readonly effect: string;
}

function unsteady(members: readonly PolicyResource[], ask: Asking): Unsteady[] {
  const found = (
    resource: PolicyResource,
    path: Path,
    value: string | undefined,
    effect: string,
  ): Unsteady[] => (value === undefined ? [] : [{ ...where(resource, path), value, effect }]);
  const span = (resource: PolicyResource, path: Path) => {
    const text = ask.text(resource, ...path);
    return text === undefined || nanoseconds(text) === 0 ? undefined : text;
  };
  const rate = (resource: PolicyResource, path: Path) => {
    const bound = ask.number(resource, ...path) ?? 0;
    return bound > 0 ? String(bound) : undefined;
  };
  return [
    ...ofType(members, "ovs:Daemon").flatMap((daemon) => [
      ...found(
        daemon,
        ["autoLoadBalance"],
        ask.flag(daemon, "autoLoadBalance") === true ? "true" : undefined,
        "moves queues between threads",
      ),
      ...[["pmdSleepMax"], ...ask.keys(daemon, "pmdSleepMaxOf").map((cpu) => ["pmdSleepMaxOf", cpu])].flatMap(
        (path) => found(daemon, path, span(daemon, path), "lets poll-mode threads sleep"),
      ),
      ...found(daemon, ["txFlushInterval"], span(daemon, ["txFlushInterval"]), "has packets wait"),
    ]),
    ...ofType(members, "ovs:Port", "ovs:Bond").flatMap((port) => [
      ...[
        ["ingressPolicing", "rate"],
        ["ingressPolicing", "packetRate"],
        ["egressPolicer", "cir"],
      ].flatMap((path) => found(port, path, rate(port, path), "drops packets")),
    ]),
  ];
}
