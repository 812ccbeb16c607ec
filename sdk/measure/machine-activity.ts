import type { CpuInterrupts } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";

/** What a machine had counted at some time. */
export interface MachineCounted {
  readonly uptimeMs: number;
  readonly cpus: ReadonlyMap<
    number,
    {
      readonly timer: number;
      readonly devices: number;
      readonly busy: number;
      readonly total: number;
    }
  >;
  readonly memoryBytes: ReadonlyMap<string, number>;
}

/** Interrupts a second of some CPUs between two looks, and how busy they were; nothing of a CPU that was not online at both. */
export function interruptsOf(
  cpus: string,
  before: MachineCounted,
  after: MachineCounted,
): Record<string, CpuInterrupts> {
  const seconds = (after.uptimeMs - before.uptimeMs) / 1000;
  if (seconds <= 0) return {};
  return Object.fromEntries(
    [...CpuSet.parse(cpus)].flatMap((cpu) => {
      const [from, to] = [before.cpus.get(cpu), after.cpus.get(cpu)];
      if (from === undefined || to === undefined) return [];
      const rate = (was: number, is: number) => Number((Math.max(0, is - was) / seconds).toFixed(2));
      const total = to.total - from.total;
      const busy = total <= 0 ? 0 : Math.min(1, Math.max(0, to.busy - from.busy) / total);
      const interrupts = {
        timerPerSecond: rate(from.timer, to.timer),
        devicesPerSecond: rate(from.devices, to.devices),
        busy: Number(busy.toFixed(3)),
      };
      return [[String(cpu), interrupts] as const];
    }),
  );
}

/** Bytes a second between each L3 cache and memory; a counter that began anew, as with a group that went, tells nothing. */
export function memoryBandwidthOf(before: MachineCounted, after: MachineCounted): Record<string, number> {
  const seconds = (after.uptimeMs - before.uptimeMs) / 1000;
  if (seconds <= 0) return {};
  return Object.fromEntries(
    [...after.memoryBytes].flatMap(([cache, bytes]) => {
      const from = before.memoryBytes.get(cache);
      return from === undefined || bytes < from
        ? []
        : [[cache, Math.round((bytes - from) / seconds)] as const];
    }),
  );
}
