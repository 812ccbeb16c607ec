import type { ConfinedTask } from "../observe/confined-tasks.ts";
import type { LeaseParts } from "../schema/lease.ts";
import { CpuSet } from "../units/cpuset.ts";

/** What a lab runs on isolated CPUs: guests, containers, the switch, and services of ours. */
const OF_A_LAB =
  /^\/(machine(\.slice)?\/|lxc\.(payload|monitor)|.*\/?system\.slice\/(ovs-vswitchd|openvswitch-switch|libvirtd|virtqemud|nfvlab-[^/]*)\.service)/;

/** Processes that somebody has put on leased CPUs and on no others, in words: `stress-ng (4711) on CPU 3`. */
export function strangersOn({ cpus }: Pick<LeaseParts, "cpus">, tasks: readonly ConfinedTask[]): string[] {
  const leased = cpus === undefined ? CpuSet.empty : CpuSet.parse(cpus);
  const found = new Map<number, { name: string; cpus: CpuSet }>();
  for (const task of tasks) {
    if (OF_A_LAB.test(task.group) || task.cpus.size === 0 || !task.cpus.isSubsetOf(leased)) continue;
    const before = found.get(task.process);
    found.set(task.process, {
      name: task.id === task.process ? task.name : (before?.name ?? task.name),
      cpus: before === undefined ? task.cpus : before.cpus.union(task.cpus),
    });
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(
      ([process, each]) =>
        `${each.name} (${process}) on CPU${each.cpus.size === 1 ? "" : "s"} ${each.cpus.format()}`,
    );
}
