import type { ObservedIrqBalance } from "../observe/irq-balance.ts";
import type { ObservedThreads } from "../observe/kernel-threads.ts";
import type { ObservedSwap } from "../observe/swap.ts";
import type { ObservedSystemdCpus } from "../observe/systemd-cpus.ts";
import { CpuSet } from "../units/cpuset.ts";
import { type Compared, wordOf } from "./inspection-row.ts";
import { configuredBan, effectiveBan } from "./irq-balance.ts";
import {
  observedThreads,
  type Threads,
  targetOf,
  threadSettings,
  threadsMeant,
  threadTexts,
} from "./kernel-threads.ts";
import { swapStates } from "./swap.ts";
import { configuredLists, listsOf, pendingServices, type SystemdCpuLists } from "./systemd-cpus.ts";

/** CPUs that irqbalance keeps off. One that does not run moves nothing anywhere. */
export function irqBalance(banned: string | undefined, observed: ObservedIrqBalance): Compared[] {
  if (banned === undefined) return [];
  const wanted = CpuSet.parse(banned).format();
  const effective = effectiveBan(observed);
  const isStopped = observed.presence === "stopped";
  return [
    {
      knob: "irqBalance.bannedCpus",
      wanted,
      effective: isStopped ? "irqbalance does not run" : (effective ?? ""),
      isEffective: isStopped || effective === wanted,
      configured: wordOf(configuredBan(observed) ?? undefined, (text) => text === wanted),
      ...(observed.presence === "missing" && { absent: "irqbalance is not installed" }),
    },
  ];
}

/** Whether a machine swaps, and what would have it do so at its next boot. */
export function swap(observed: ObservedSwap): Compared[] {
  const { configured, effective } = swapStates(observed);
  const units = observed.units.filter(({ name }) => configured.includes(name)).map(({ name }) => name);
  return [
    {
      ...{ knob: "swap", wanted: "off" },
      effective: effective.length === 0 ? "off" : effective.join(", "),
      isEffective: effective.length === 0,
      // Where no unit turns it on, the next boot leaves it off, whoever sees to that.
      configured: wordOf(units.length === 0 ? "off" : units.join(", "), (text) => text === "off"),
    },
  ];
}

/** CPUs of what systemd starts, of its own and of its slices. */
export function systemdCpus(wanted: SystemdCpuLists, observed: ObservedSystemdCpus): Compared[] {
  const configured = configuredLists(observed);
  const left = pendingServices(wanted, observed);
  return [...listsOf(wanted)].map(([scope, list]) => {
    const effective = observed.effective.get(scope);
    const isManager = scope === "manager";
    const isThere = effective !== undefined;
    return {
      knob: isManager ? "systemdCpus.cpuAffinity" : `systemdCpus.allowedCpus.${scope}`,
      wanted: list,
      effective: effective ?? "",
      isEffective: isThere ? CpuSet.parse(effective).equals(CpuSet.parse(list)) : undefined,
      configured: wordOf(configured[scope], (text) => CpuSet.parse(text).equals(CpuSet.parse(list))),
      ...(!observed.systemd && { absent: "a machine that systemd does not run" }),
      ...(!isThere
        ? { note: `nothing is in ${scope}.slice` }
        : isManager && left.length > 0
          ? { note: `${left.length} services started before, and keep their CPUs until they start anew` }
          : {}),
    };
  });
}

/** How the kernel's own threads are scheduled. */
export function kernelThreads(threads: Threads, { threads: there, service }: ObservedThreads): Compared[] {
  const meant = service?.enabled === true ? threadsMeant(service.text) : {};
  return Object.entries(threads).map(([name, wanted]) => {
    const only = { [name]: wanted };
    const settings = threadSettings(only, there);
    const now = threadTexts(settings);
    const text = schedulingText(wanted);
    return {
      knob: `kernelThreads.${name}`,
      wanted: text,
      effective: schedulingText(observedThreads(only, there)[name]),
      isEffective: [...targetOf(settings)].every(([key, target]) => now.get(key) === target),
      configured: wordOf(schedulingText(meant[name]), (known) => known === text),
      ...(settings.length === 0 && {
        absent: "a kernel without such a thread, or one that keeps it where it is",
      }),
    };
  });
}

function schedulingText(scheduling: Threads[string] | undefined): string {
  const { policy, priority = 0, cpus } = scheduling ?? {};
  return [policy, priority > 0 && priority, cpus !== undefined && `CPU ${cpus}`].filter(Boolean).join(" ");
}
