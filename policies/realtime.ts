import type { PolicyResource } from "@pulumi/policy";
import type { CpuSet } from "../sdk/units/cpuset.ts";
import type { Asking } from "./ask.ts";
import type { CpuClaim } from "./claims.ts";
import type { Guest } from "./guests.ts";
import { ofType } from "./machine.ts";
import { keys } from "./property.ts";

/** vCPUs of a guest that run under SCHED_FIFO or SCHED_RR; undefined where it has none, or they aren't known yet. */
export function realtimeVcpus({ resource }: Pick<Guest, "resource">, ask: Asking): CpuSet | undefined {
  return ask.cpus(resource, "realtimeVcpus", "vcpus");
}

/** All guests of a stack, wherever they are. */
export function guestsOf(resources: readonly PolicyResource[]): readonly Pick<Guest, "resource">[] {
  return ofType(resources, "libvirt:Domain").map((resource) => ({ resource }));
}

/** Whether some of its vCPUs run in real time, or may: which ones need not be known. */
export function isRealtime({ resource }: Pick<Guest, "resource">): boolean {
  return keys(resource, "realtimeVcpus") !== undefined;
}

/** Where those vCPUs are pinned. */
export function pinsOf({ vcpus }: Guest, numbers: CpuSet): readonly CpuClaim[] {
  return vcpus.filter(({ property }) => numbers.has(Number(/\d+/.exec(property)?.[0])));
}
