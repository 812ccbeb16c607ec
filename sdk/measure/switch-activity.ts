import type { SwitchActivity } from "../schema/record.ts";

/** What a switch had counted at some time. */
export interface SwitchCounted {
  readonly uptimeMs: number;
  readonly lostUpcalls: number;
  readonly misses: number;
  readonly ports: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly cycles: ReadonlyMap<number, { readonly busy: number; readonly used: number }>;
}

/** Share of a thread's cycles below which it has not lived long enough between two looks to tell anything. */
const LEAST_SHARE = 0.01;

/**
 * What came to a switch between two looks. A poll-mode thread works on packets only while some come: where it is known how long they were sent, its share is
 * of that time, not of what passed around it.
 *
 * @param sendingMs how long frames were sent between the two; all of the time where that is not said
 */
export function switchActivity(
  before: SwitchCounted,
  after: SwitchCounted,
  sendingMs?: number,
): SwitchActivity {
  const elapsedMs = after.uptimeMs - before.uptimeMs;
  const share = sendingMs === undefined || elapsedMs <= 0 ? 1 : Math.min(1, sendingMs / elapsedMs);
  const grown = Object.entries(after.ports).flatMap(([port, counters]) =>
    Object.entries(counters).flatMap(([counter, count]) => {
      const growth = since(before.ports[port]?.[counter] ?? 0, count);
      return growth === 0 ? [] : [{ port, counter, growth }];
    }),
  );
  const named = (isWanted: (counter: string) => boolean) =>
    Object.fromEntries(
      grown
        .filter(({ counter }) => isWanted(counter))
        .map(({ port, counter, growth }) => [`${counter} of ${port}`, growth]),
    );
  const busy = [...after.cycles].flatMap(([cpu, { busy: busyNow, used }]) => {
    const from = before.cycles.get(cpu) ?? { busy: 0, used: 0 };
    const spent = since(from.used, used) * share;
    return spent <= 0 || share < LEAST_SHARE
      ? []
      : [[cpu, Number(Math.min(1, since(from.busy, busyNow) / spent).toFixed(4))] as const];
  });
  return {
    lostUpcalls: since(before.lostUpcalls, after.lostUpcalls),
    misses: since(before.misses, after.misses),
    drops: named((counter) => counter !== RETRIES),
    retries: named((counter) => counter === RETRIES),
    busy: Object.fromEntries(busy),
  };
}

const RETRIES = "ovs_tx_retries";

/** Growth of a counter; one that is below what it was began anew. */
function since(before: number, after: number): number {
  return after < before ? after : after - before;
}
