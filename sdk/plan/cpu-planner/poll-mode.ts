import type { SwitchDemand } from "../../schema/cpu-demand.ts";
import type { Core } from "./topology.ts";

/** What polls on a node: whole cores, and at least so many threads. */
export interface PollModeNeed {
  readonly cores: number;
  readonly threads: number;
}

/** What a guest adds to its node: its vhost-user ports are polled where its memory is. */
export interface VhostUse {
  readonly queues: number;
}

/**
 * Cores and threads that poll on a node: by default one core for each physical port, one where there are guests' ports alone, and so many
 * threads that each queue of a port finds its own.
 */
export function pollModeNeed(
  demand: SwitchDemand | undefined,
  ports: readonly { readonly rxQueues: number }[],
  guests: readonly VhostUse[],
): PollModeNeed {
  const { coresPerPort = 1, cpus } = demand?.pmd ?? {};
  if (cpus !== undefined || (ports.length === 0 && guests.length === 0)) return { cores: 0, threads: 0 };
  const queues = demand?.pmd?.coresPerPort === undefined ? ports.map(({ rxQueues }) => rxQueues) : [];
  // A single thread would put all packets for a guest into the first of its queues.
  const spread = guests.some((guest) => guest.queues > 1) ? 2 : 1;
  return { cores: Math.max(ports.length * coresPerPort, 1), threads: Math.max(spread, ...queues) };
}

/** Cores for it, from the end of the list: low CPUs are those that the system and its interrupts use first. */
export function pollModeCores(
  free: readonly Core[],
  need: PollModeNeed,
  siblings: "poll" | "idle",
): Core[] | undefined {
  const chosen: Core[] = [];
  let threads = 0;
  for (let at = free.length - 1; chosen.length < need.cores || threads < need.threads; at -= 1) {
    const core = free[at];
    if (core === undefined) return undefined;
    chosen.push(core);
    threads += siblings === "poll" ? core.cpus.length : 1;
  }
  return chosen;
}
