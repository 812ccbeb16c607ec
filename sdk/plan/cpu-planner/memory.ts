import type { CpuDemand } from "../../schema/cpu-demand.ts";
import type { PageSize } from "../../schema/hugepages.ts";
import { bytes } from "../../units/size.ts";
import type { NodeMemory, PageUse, PlacedPort, PlacedVnf } from "./draft.ts";
import { type Mempool, mempoolsOf, switchBytes } from "./mempool.ts";
import { byName } from "./name-order.ts";

/** A generator with the node that it was put on. */
export interface PlacedGenerator {
  readonly name: string;
  readonly numaNode: number;
}

/** The pools of the switch: for its physical ports on their node, for vhost-user ports on the node of the guest's memory. */
export function switchPools(
  demand: CpuDemand,
  ports: readonly PlacedPort[],
  vnfs: readonly PlacedVnf[],
  pmdCount: number,
): Mempool[] {
  const txQueues = pmdCount + 1;
  const physical = ports.flatMap(({ name, numaNode, demand: port }) =>
    numaNode === undefined
      ? []
      : [
          {
            name,
            numaNode,
            mtu: port.mtu ?? 1500,
            rxQueues: port.rxQueues ?? 1,
            rxDescriptors: port.rxDescriptors ?? 2048,
            txQueues,
            txDescriptors: port.txDescriptors ?? 2048,
          },
        ],
  );
  const virtual = vnfs.flatMap(({ name, demand: vnf, cells }) =>
    byName(vnf.nics).flatMap(([nic, wanted]) => {
      const numaNode = cells[0]?.numaNode;
      if (wanted.kind !== "vhost-user" || numaNode === undefined) return [];
      const queues = wanted.queues ?? 1;
      return [
        {
          name: `${name}.${nic}`,
          numaNode,
          mtu: wanted.mtu ?? 1500,
          rxQueues: queues,
          rxDescriptors: 2048,
          txQueues: Math.max(txQueues, queues),
          txDescriptors: 2048,
        },
      ];
    }),
  );
  return mempoolsOf([...physical, ...virtual], demand.switch?.memory?.model ?? "shared");
}

/** Huge pages by node and size: the switch's, the guests', the generators' and what is to stay spare. */
export function planMemory(
  demand: CpuDemand,
  nodes: readonly number[],
  pools: readonly Mempool[],
  vnfs: readonly PlacedVnf[],
  generators: readonly PlacedGenerator[],
): NodeMemory[] {
  const uses = new Map<string, { numaNode: number; size: PageSize; uses: PageUse[] }>();
  const add = (numaNode: number, size: PageSize, use: PageUse) => {
    if (use.count === 0) return;
    const key = `${numaNode}/${size}`;
    const entry = uses.get(key) ?? { numaNode, size, uses: [] };
    entry.uses.push(use);
    uses.set(key, entry);
  };
  const pages = (amount: number, size: PageSize) => Math.ceil(amount / bytes(size));

  const { pageSize: switchSize = "1GiB", reservePages = 0 } = demand.switch?.memory ?? {};
  for (const node of [...new Set(pools.map(({ numaNode }) => numaNode))]) {
    const amount = switchBytes(pools.filter(({ numaNode }) => numaNode === node));
    add(node, switchSize, {
      what: "switch",
      count: pages(amount.advised, switchSize),
      needed: pages(amount.needed, switchSize),
    });
    add(node, switchSize, { what: "switch's reserve", count: reservePages, needed: 0 });
  }
  for (const { name, demand: vnf, cells } of vnfs) {
    for (const { memory, numaNode } of cells) {
      if (numaNode === undefined) continue;
      const count = pages(bytes(memory), vnf.pageSize);
      add(numaNode, vnf.pageSize, { what: name, count, needed: count });
    }
  }
  for (const { name, numaNode } of generators) {
    const { memory = "0KiB", pageSize = "2MiB" } = demand.generators?.[name] ?? {};
    const count = pages(bytes(memory), pageSize);
    add(numaNode, pageSize, { what: name, count, needed: count });
  }
  for (const [size, count = 0] of Object.entries(demand.sparePages ?? {})) {
    for (const node of nodes) add(node, size as PageSize, { what: "spare", count, needed: 0 });
  }
  return [...uses.values()]
    .map((entry) => ({
      ...entry,
      count: entry.uses.reduce((sum, { count }) => sum + count, 0),
      needed: entry.uses.reduce((sum, { needed }) => sum + needed, 0),
    }))
    .sort((a, b) => a.numaNode - b.numaNode || bytes(b.size) - bytes(a.size));
}
