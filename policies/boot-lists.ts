import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../sdk/units/cpuset.ts";
import type { Asking } from "./ask.ts";
import { type Where, where } from "./claims.ts";
import { ofType } from "./machine.ts";
import type { Path } from "./property.ts";

/** A list of CPUs on a boot line. */
export interface BootList extends Where {
  /** As the kernel names it. */
  readonly argument: "isolcpus" | "nohz_full" | "rcu_nocbs" | "irqaffinity" | "kthread_cpus";
  readonly cpus: CpuSet;
}

const PATHS: readonly (readonly [BootList["argument"], Path])[] = [
  ["isolcpus", ["isolcpus", "cpus"]],
  ["nohz_full", ["nohzFull"]],
  ["rcu_nocbs", ["rcuNocbs"]],
  ["irqaffinity", ["irqaffinity"]],
  ["kthread_cpus", ["kthreadCpus"]],
];

/** Lists of CPUs that resources put on a boot line; those of an emulated server stand in its own arguments. */
export function bootLists(
  members: readonly PolicyResource[],
  server: PolicyResource | undefined,
  ask: Asking,
): readonly BootList[] {
  return [
    ...ofType(members, "host:BootArguments").flatMap((boot) =>
      PATHS.flatMap(([argument, path]) => {
        const full = ["arguments", ...path];
        const cpus = ask.cpus(boot, ...full);
        return cpus === undefined ? [] : [{ ...where(boot, full), argument, cpus }];
      }),
    ),
    ...(server === undefined ? [] : listsOf(server, ask)),
  ];
}

function listsOf(server: PolicyResource, ask: Asking): BootList[] {
  return ask.positions(server, "bootArguments").flatMap((index) => {
    const [name = "", value = ""] = (ask.text(server, "bootArguments", index) ?? "").split("=");
    const known = PATHS.find(([argument]) => argument === name);
    // Flags of isolcpus come first; keywords such as `all` and `N` are the kernel's to resolve.
    const list = value.replace(/^([a-z_]+,)+/, "");
    if (known === undefined || !/^[\d,-]+$/.test(list)) return [];
    return [{ ...where(server, ["bootArguments", index]), argument: known[0], cpus: CpuSet.parse(list) }];
  });
}
