import { unreadable } from "./parse-error.ts";
import { filesOf, type Probe } from "./probe.ts";

/** What counts as available on a node: free, or of the page cache and of caches that give theirs back. */
export const AVAILABLE_KEYS = ["MemFree:", "Active(file):", "Inactive(file):", "SReclaimable:"] as const;

/** Memory that could be taken from each NUMA node without swapping, KiB. The kernel itself tells such a number of the whole machine alone. */
export const availableMemory: Probe<ReadonlyMap<number, number>> = {
  name: "available-memory",
  ask: { kind: "files", patterns: ["/sys/devices/system/node/node[0-9]*/meminfo"] },
  parse: (answer) => {
    const nodes = new Map<number, number>();
    for (const [path, lines] of filesOf(answer)) {
      const node = /\/node(\d+)\/meminfo$/.exec(path)?.[1];
      if (node === undefined) continue;
      const counted = lines.flatMap((line) => {
        const [, , key = "", kib = ""] = line.trim().split(/\s+/);
        return AVAILABLE_KEYS.some((wanted) => wanted === key) && /^\d+$/.test(kib) ? [Number(kib)] : [];
      });
      if (counted.length !== AVAILABLE_KEYS.length)
        throw unreadable("the memory that is available on each node", answer);
      nodes.set(
        Number(node),
        counted.reduce((sum, kib) => sum + kib, 0),
      );
    }
    if (nodes.size === 0) throw unreadable("the memory that is available on each node", answer);
    return nodes;
  },
};
