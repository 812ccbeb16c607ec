import type { PolicyResource } from "@pulumi/policy";
import type { CpuSet } from "../../sdk/units/cpuset.ts";
import { type Asking, asking, sayUnplaced } from "../ask.ts";
import { bootLists } from "../boot-lists.ts";
import { type Where, where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import type { Path } from "../property.ts";
import { cited, cpusOf, property } from "../sentence.ts";

const TYPES = [
  ...["host:IrqAffinity", "host:IrqBalance", "host:Workqueues", "host:SystemdCpus"],
  ...["host:KernelThreads", "host:BootArguments"],
];

const LISTS: readonly (readonly [type: string, path: Path, what: string])[] = [
  ["host:IrqAffinity", ["cpus"], "device interrupts"],
  ["host:IrqAffinity", ["defaultCpus"], "new interrupts"],
  ["host:Workqueues", ["cpus"], "deferred work of the kernel"],
  ["host:Workqueues", ["writebackCpus"], "writeback"],
  ["host:SystemdCpus", ["cpuAffinity"], "services"],
  ["host:SystemdCpus", ["allowedCpus", "system"], "services"],
  ["host:SystemdCpus", ["allowedCpus", "user"], "people who are logged in"],
];

/**
 * Device interrupts, deferred work, kernel threads and services stay off the isolated CPUs.
 *
 * Each is a pause of what runs there, of as long as the handler takes, at a time that nobody chose. They come from six places that each have a list of
 * their own, so one that was forgotten shows only in the tail of a histogram.
 *
 * Change `cpus` and `defaultCpus` of IrqAffinity, `bannedCpus` of IrqBalance, `cpus` and `writebackCpus` of Workqueues, `cpuAffinity` and `allowedCpus` of
 * SystemdCpus, `threads` of KernelThreads, or `irqaffinity` and `kthreadCpus` of the boot arguments.
 *
 * @severity high
 * @see https://docs.kernel.org/core-api/irq/irq-affinity.html and https://docs.kernel.org/admin-guide/kernel-per-CPU-kthreads.html
 */
export const workOutsideIsolated = labPolicy({
  name: "work-outside-isolated",
  description: "Device interrupts, deferred work, kernel threads and services stay off the isolated CPUs.",
  severity: "high",
  checks: ["P21", "P22"],
  remediationSteps: "Give them the housekeeping CPUs; ban the isolated ones from irqbalance.",
  url: "https://docs.kernel.org/core-api/irq/irq-affinity.html",
  notApplicable: ({ resources }) =>
    ofType(resources, ...TYPES).length === 0 ? "this stack places no work of the system" : undefined,
  judge: ({ machines, unplaced }, findings) => {
    const undecided = "whether it stays off the isolated CPUs";
    const ask = asking(findings, undecided);
    sayUnplaced(unplaced, TYPES, findings, undecided);
    for (const { name, claims, members, gaps } of machines) {
      if (ofType(members, ...TYPES).length === 0) continue;
      for (const gap of gaps.filter((each) => /^cpus\b(?!.*housekeeping)/.test(each.property)))
        findings.pending(`${gap.property} of ${gap.resource}`, undecided, gap.urn);
      const isolated = claims.find(({ role }) => role === "isolated");
      if (isolated === undefined) continue;
      for (const { what, cpus, ...place } of placedWork(members, ask)) {
        const shared = cpus.intersect(isolated.cpus);
        if (shared.size === 0) continue;
        findings.violation(
          `${cpusOf(shared, name)} ${shared.size === 1 ? "belongs" : "belong"} to ${cited(isolated)}, but may get ${what} ` +
            `(${property(place, cpus.format())}), expected none of them: change ${place.property}.`,
          place.urn,
        );
      }
      for (const balance of ofType(members, "host:IrqBalance")) {
        const banned = ask.cpus(balance, "bannedCpus");
        const open = banned === undefined ? undefined : isolated.cpus.minus(banned);
        if (open === undefined || open.size === 0) continue;
        findings.violation(
          `irqbalance may move interrupts to ${cpusOf(open, name)}, of ${cited(isolated)}: bannedCpus of ${balance.name} is ` +
            `${JSON.stringify(banned?.format())}, expected all of them; add ${open.format()}.`,
          balance.urn,
        );
      }
    }
  },
});

interface PlacedWork extends Where {
  readonly what: string;
  readonly cpus: CpuSet;
}

function placedWork(members: readonly PolicyResource[], ask: Asking): PlacedWork[] {
  const read = (resource: PolicyResource, path: Path, what: string): PlacedWork[] => {
    const cpus = ask.cpus(resource, ...path);
    return cpus === undefined ? [] : [{ ...where(resource, path), what, cpus }];
  };
  return [
    ...LISTS.flatMap(([type, path, what]) =>
      ofType(members, type).flatMap((resource) => read(resource, path, what)),
    ),
    ...ofType(members, "host:KernelThreads").flatMap((threads) =>
      ask
        .keys(threads, "threads")
        .flatMap((thread) => read(threads, ["threads", thread, "cpus"], `the kernel's threads ${thread}`)),
    ),
    ...bootLists(members, undefined, ask).flatMap(({ argument, ...list }) =>
      argument === "irqaffinity"
        ? [{ ...list, what: "new interrupts" }]
        : argument === "kthread_cpus"
          ? [{ ...list, what: "the kernel's threads" }]
          : [],
    ),
  ];
}
