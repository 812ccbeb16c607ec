import type { LeaseParts } from "../schema/lease.ts";
import { CpuSet } from "../units/cpuset.ts";

/** In one order and spelling, each part once. */
export function canonicalParts({ cpus, hugepages, vfs, llcWays }: LeaseParts): LeaseParts {
  const pools = [...(hugepages ?? [])].sort((a, b) => a.numaNode - b.numaNode || (a.size < b.size ? 1 : -1));
  const ways = new Map<number, bigint>();
  for (const { cache, mask } of llcWays ?? []) ways.set(cache, (ways.get(cache) ?? 0n) | BigInt(mask));
  return {
    ...(cpus !== undefined && { cpus: CpuSet.parse(cpus).format() }),
    ...(pools.length > 0 && {
      hugepages: pools.filter((pool, index) => index === 0 || !isSamePool(pool, pools[index - 1] as Pool)),
    }),
    ...(vfs !== undefined && { vfs: [...new Set(vfs)].sort() }),
    ...(ways.size > 0 && {
      llcWays: [...ways]
        .sort(([a], [b]) => a - b)
        .map(([cache, mask]) => ({ cache, mask: `0x${mask.toString(16)}` })),
    }),
  };
}

type Pool = NonNullable<LeaseParts["hugepages"]>[number];

function isSamePool(a: Pool, b: Pool): boolean {
  return a.numaNode === b.numaNode && a.size === b.size;
}

export function isSameParts(a: LeaseParts, b: LeaseParts): boolean {
  return JSON.stringify(canonicalParts(a)) === JSON.stringify(canonicalParts(b));
}

/** What is in both; undefined where nothing is. */
export function sharedParts(a: LeaseParts, b: LeaseParts): LeaseParts | undefined {
  const cpus = CpuSet.parse(a.cpus ?? "").intersect(CpuSet.parse(b.cpus ?? ""));
  const hugepages = (a.hugepages ?? []).filter((pool) =>
    b.hugepages?.some((other) => isSamePool(pool, other)),
  );
  const vfs = (a.vfs ?? []).filter((address) => b.vfs?.includes(address));
  const llcWays = (a.llcWays ?? []).flatMap(({ cache, mask }) =>
    (b.llcWays ?? []).flatMap((other) => {
      const both = other.cache === cache ? BigInt(mask) & BigInt(other.mask) : 0n;
      return both === 0n ? [] : [{ cache, mask: `0x${both.toString(16)}` }];
    }),
  );
  const shared: LeaseParts = {
    ...(cpus.size > 0 && { cpus: cpus.format() }),
    ...(hugepages.length > 0 && { hugepages }),
    ...(vfs.length > 0 && { vfs }),
    ...(llcWays.length > 0 && { llcWays }),
  };
  return Object.keys(shared).length === 0 ? undefined : canonicalParts(shared);
}

/** For people: `CPUs 2-3, 2MiB pages of node 1`. */
export function partsWords(parts: LeaseParts): string {
  const { cpus, hugepages = [], vfs = [], llcWays = [] } = canonicalParts(parts);
  return [
    ...(cpus === undefined ? [] : [`${/[-,]/.test(cpus) ? "CPUs" : "CPU"} ${cpus}`]),
    ...hugepages.map(({ numaNode, size }) => `${size} pages of node ${numaNode}`),
    ...vfs.map((address) => `VF ${address}`),
    ...llcWays.map(({ cache, mask }) => `ways ${mask} of cache ${cache}`),
  ].join(", ");
}
