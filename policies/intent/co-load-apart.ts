import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { type Asking, asking, sayUnplaced } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { type Machine, ofType } from "../machine.ts";
import { keys } from "../property.ts";
import { pinsOf } from "../realtime.ts";
import { cited, cpusOf, property } from "../sentence.ts";

/**
 * Load beside a measurement lies on other CPUs than what is measured, than their siblings and than poll-mode threads, unless `overlap` allows it.
 *
 * It is to disturb by what machines share, memory and caches. On a measured CPU it only waits in line with the measurement, on a poll-mode thread's it
 * stops the switch. One instance is pinned to each CPU, and runs for as long as the measurement: a record whose load ended before is not valid.
 *
 * Change `coLoad.cpus` of the benchmark.
 *
 * @severity high
 * @see https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/worstcaselatency
 */
export const coLoadApart = labPolicy({
  name: "co-load-apart",
  description: "Load beside a measurement lies on other cores than what is measured and polls.",
  severity: "high",
  checks: ["P43"],
  concerns: ["bench:Cyclictest", "libvirt:Domain", "ovs:Daemon", "traffic:Forwarder"],
  remediationSteps: "Give the load housekeeping CPUs, or isolated ones that nobody has.",
  url: "https://wiki.linuxfoundation.org/realtime/documentation/howto/tools/worstcaselatency",
  notApplicable: ({ resources }) =>
    ofType(resources, "bench:Cyclictest").some(isLoaded)
      ? undefined
      : "nothing of this stack is measured under load",
  judge: ({ machines, unplaced }, findings) => {
    const undecided = "whether its load lies apart";
    const ask = asking(findings, undecided);
    sayUnplaced(unplaced.filter(isLoaded), ["bench:Cyclictest"], findings, undecided);
    for (const machine of machines) {
      for (const benchmark of ofType(machine.members, "bench:Cyclictest")) {
        if (!isLoaded(benchmark)) continue;
        const load = ask.cpus(benchmark, "coLoad", "cpus");
        if (load === undefined || !ask.differs("allow", benchmark, "coLoad", "overlap")) continue;
        const said = property(where(benchmark, ["coLoad", "cpus"]), load.format());
        const { cpus, who } = measuredBy(benchmark, machine, ask);
        const onCores = load.intersect(cpus.union(siblingsOf(cpus, machine)));
        if (onCores.size > 0) {
          findings.violation(
            `${cpusOf(onCores, machine.name)} would carry load (${said}) beside the measurement of ${who} on CPUs ${cpus.format()}, expected other cores: ` +
              'change coLoad.cpus, or say overlap "allow".',
            benchmark.urn,
          );
        }
        for (const claim of machine.claims.filter(({ role }) => role === "pmd" || role === "forwarder")) {
          const shared = load.intersect(claim.cpus).minus(onCores);
          if (shared.size === 0) continue;
          findings.violation(
            `${cpusOf(shared, machine.name)} would carry load (${said}), but ${shared.size === 1 ? "belongs" : "belong"} to ${cited(claim)}: change coLoad.cpus.`,
            benchmark.urn,
          );
        }
      }
    }
  },
});

function isLoaded(benchmark: PolicyResource): boolean {
  return keys(benchmark, "coLoad") !== undefined;
}

/** CPUs of the machine that are measured: those of a guest are where its vCPUs are pinned. */
function measuredBy(benchmark: PolicyResource, machine: Machine, ask: Asking): { cpus: CpuSet; who: string } {
  const named = ask.cpus(benchmark, "subject", "cpus") ?? CpuSet.empty;
  const kind = ask.text(benchmark, "subject", "kind");
  if (kind === undefined) return { cpus: CpuSet.empty, who: machine.name };
  if (kind === "host") return { cpus: named, who: machine.name };
  const title = ask.text(benchmark, "subject", "domain");
  const guest = machine.guests.find(({ name }) => name === title);
  const pins = guest === undefined ? [] : pinsOf(guest, named);
  return { cpus: pins.reduce((all, { cpus }) => all.union(cpus), CpuSet.empty), who: `guest ${title}` };
}

function siblingsOf(cpus: CpuSet, { topology }: Machine): CpuSet {
  return [...cpus].reduce((all, cpu) => all.union(topology?.siblingsOf(cpu) ?? CpuSet.empty), CpuSet.empty);
}
