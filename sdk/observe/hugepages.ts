import { filesOf, type Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

/** A pool of huge pages as the kernel shows it. */
export interface ObservedPool {
  readonly numaNode: number;
  readonly sizeKib: number;
  readonly total: number;
  readonly free: number;
  readonly surplus: number;
}

const PATH =
  /^\/sys\/devices\/system\/node\/node(\d+)\/hugepages\/hugepages-(\d+)kB\/(nr|free|surplus)_hugepages$/;

/** All pools of the machine, by node and size. */
export const hugepagePools: Probe<readonly ObservedPool[]> = {
  name: "hugepage-pools",
  ask: { kind: "files", patterns: ["/sys/devices/system/node/node*/hugepages/hugepages-*kB/*_hugepages"] },
  parse: (answer) => {
    const pools = new Map<
      string,
      { numaNode: number; sizeKib: number; total: number; free: number; surplus: number }
    >();
    for (const [path, lines] of filesOf(answer)) {
      const match = PATH.exec(path);
      if (match === null) continue;
      const [, node, sizeKib, field] = match;
      const key = `${node}/${sizeKib}`;
      const pool = pools.get(key) ?? {
        numaNode: Number(node),
        sizeKib: Number(sizeKib),
        total: 0,
        free: 0,
        surplus: 0,
      };
      pool[field === "nr" ? "total" : field === "free" ? "free" : "surplus"] = wholeNumberOf(path, lines[0]);
      pools.set(key, pool);
    }
    return [...pools.values()].sort((a, b) => a.numaNode - b.numaNode || a.sizeKib - b.sizeKib);
  },
};
