import { hugepagePools } from "../../observe/hugepages.ts";
import { planHugepages, poolOf, verifyHugepages } from "../../plan/hugepages.ts";
import { hugepages } from "../../schema/hugepages.ts";
import { type Handler, type Host, Incomplete } from "../handler.ts";

type Pool = Parameters<typeof planHugepages>[0];

/** The reference handler: every later one reads like it. */
export const hugepagesHandler: Handler<typeof hugepages> = {
  definition: hugepages,
  probes: { pools: hugepagePools },

  id: ({ host, numaNode, size }) => `${host.name}/node${numaNode}/${size}`,

  locate: (rest) => {
    const match = /^node(\d+)\/(2MiB|1GiB)$/.exec(rest);
    return match === null ? undefined : { numaNode: Number(match[1]), size: match[2] as Pool["size"] };
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { pools } = await host.observeNow({ pools: hugepagePools });
    const found = await host.remember(journalKey(inputs), poolOf(inputs, pools).total);
    await bring(host, inputs, { found });
    return { found };
  },

  read: async (operation, state) => {
    const { pools } = await operation.host(state.host).observe({ pools: hugepagePools });
    const { total } = poolOf(state, pools);
    return { ...state, count: total, found: state.found ?? total };
  },

  update: async (operation, inputs, { found }) => {
    await bring(operation.host(inputs.host), inputs, { found });
    return { found };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { pools } = await host.observeNow({ pools: hugepagePools });
    const pool = poolOf(state, pools);
    if (pool.total === state.count)
      await bring(host, { ...state, count: state.found }, { found: state.found });
    else
      operation.warn(
        `left at ${pool.total} pages: somebody else has changed them since ${state.count} were set`,
      );
    await host.forget(journalKey(state));
  },
};

async function bring(host: Host, desired: Pool, outputs: { found: number }): Promise<void> {
  const before = await host.observeNow({ pools: hugepagePools });
  await host.execute(planHugepages(desired, poolOf(desired, before.pools)));
  const after = poolOf(desired, (await host.observeNow({ pools: hugepagePools })).pools);
  try {
    verifyHugepages(desired, after);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { count: after.total });
  }
}

function journalKey({ numaNode, size }: Pick<Pool, "numaNode" | "size">): string {
  return `hugepages/node${numaNode}/${size}`;
}
