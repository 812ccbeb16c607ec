import type { CpuSet } from "../../sdk/units/cpuset.ts";
import type { CpuClaim, CpuRole } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { cited, cpusOf } from "../sentence.ts";

/** Roles that can't share a CPU. Main threads of the switch, emulator threads, and processes that sleep may run among housekeeping; generators take turns. */
const APART: ReadonlyArray<readonly [CpuRole, CpuRole]> = [
  ["pmd", "pmd"],
  ["pmd", "vcpu"],
  ["vcpu", "vcpu"],
  ["housekeeping", "isolated"],
  ["housekeeping", "pmd"],
  ["housekeeping", "vcpu"],
  ["lcore", "pmd"],
  ["lcore", "vcpu"],
  ["forwarder", "forwarder"],
  ["forwarder", "pmd"],
  ["forwarder", "vcpu"],
  ["forwarder", "housekeeping"],
  ["forwarder", "lcore"],
  ["forwarder", "process"],
  ["forwarder", "generator"],
  ["process", "pmd"],
  ["process", "vcpu"],
  ["generator", "pmd"],
  ["generator", "vcpu"],
];

/**
 * No CPU has two exclusive roles: poll-mode thread, vCPU of a guest, forwarder that polls, container, generator, housekeeping, main threads of the switch.
 *
 * A poll-mode thread never yields: a vCPU on its CPU gets what the scheduler leaves it, and both lose packets without a word in any log. The
 * lists come from OVS, libvirt and the host's plan, so no single tool sees the overlap.
 *
 * Change `pmdCpus` or `lcoreCpus` of the daemon, `vcpuPins` of the domain, or `cpus` of the forwarder, the container, the generator or the TunedHost.
 *
 * @severity critical
 * @see https://docs.openvswitch.org/en/latest/intro/install/dpdk/ (pmd-cpu-mask)
 */
export const exclusiveCpus = labPolicy({
  name: "exclusive-cpus",
  description: "Every CPU has at most one exclusive role.",
  severity: "critical",
  checks: ["P01", "P03"],
  excepting: false,
  remediationSteps: "Give poll-mode threads, each vCPU and housekeeping CPUs of their own.",
  url: "https://docs.openvswitch.org/en/latest/intro/install/dpdk/",
  notApplicable: ({ machines, unplaced }) =>
    unplaced.length === 0 && machines.every(({ claims, gaps }) => claims.length === 0 && gaps.length === 0)
      ? "no CPU of this stack has a role"
      : undefined,
  judge: ({ machines, unplaced }, { violation, pending }) => {
    for (const machine of machines) {
      for (const [first, second, shared] of overlaps(machine.claims)) {
        violation(
          `${cpusOf(shared, machine.name)} ${shared.size === 1 ? "belongs" : "belong"} to ${cited(first)} and to ` +
            `${cited(second)}: change one of the two${free(machine)}.`,
          second.urn,
        );
      }
      for (const gap of machine.gaps.filter(({ about }) => about === "cpus")) {
        pending(`${gap.property} of ${gap.resource}`, "whether its CPUs are its own", gap.urn);
      }
    }
    for (const { name, urn } of unplaced.filter(({ type }) =>
      /:(Daemon|Domain|Forwarder|Container|Traffic|Throughput|FrameLoss|BackToBack|Soak|SystemRecovery|FlowSetup|Outage|CriticalLoad)$/.test(
        type,
      ),
    )) {
      pending(`host of ${name}`, "whether its CPUs are its own", urn);
    }
  },
});

function overlaps(claims: readonly CpuClaim[]): Array<readonly [CpuClaim, CpuClaim, CpuSet]> {
  return claims.flatMap((first, index) =>
    claims.slice(index + 1).flatMap((second) => {
      const shared = first.cpus.intersect(second.cpus);
      return mustBeApart(first.role, second.role) && shared.size > 0
        ? [[first, second, shared] as const]
        : [];
    }),
  );
}

function mustBeApart(one: CpuRole, other: CpuRole): boolean {
  return APART.some(([a, b]) => (a === one && b === other) || (a === other && b === one));
}

/** Isolated CPUs that nobody claims, since those are what a conflict is mended with. */
function free({ claims }: Machine): string {
  const isolated = claims.find(({ role }) => role === "isolated");
  if (isolated === undefined) return "";
  const left = claims
    .filter(({ role }) => role !== "isolated")
    .reduce((rest, { cpus }) => rest.minus(cpus), isolated.cpus);
  return left.size === 0 ? "; no isolated CPU is free" : `; free among the isolated: ${left.format()}`;
}
