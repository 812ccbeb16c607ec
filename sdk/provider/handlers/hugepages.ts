import { hugepagePools } from "../../observe/hugepages.ts";
import { planHugepages, poolOf, restoredCount, verifyHugepages } from "../../plan/hugepages.ts";
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
    const found = await host.remember(journalKey(inputs), poolOf(inputs, pools).total, operation.urn);
    return bring(host, inputs, found);
  },

  read: async (operation, state) => {
    const { pools } = await operation.host(state.host).observe({ pools: hugepagePools });
    const { total } = poolOf(state, pools);
    // What an older state asked for is what it wrote; what is imported is as it was found.
    const written = state.written ?? state.count ?? total;
    return { ...state, count: total, found: state.found ?? total, written, intact: total === written };
  },

  update: async (operation, inputs, { found }) => {
    return bring(operation.host(inputs.host), inputs, found);
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { pools } = await host.observeNow({ pools: hugepagePools });
    const { total } = poolOf(state, pools);
    const written = state.written ?? state.count;
    const { target, others } = restoredCount(state.found, written, total);
    if (target !== undefined) await bring(host, { ...state, count: target }, state.found);
    if (others)
      operation.warn(`left at ${total} pages: somebody else has changed them since ${written} were set`);
    await host.forget(journalKey(state));
  },
};

async function bring(host: Host, desired: Pool, found: number) {
  const before = await host.observeNow({ pools: hugepagePools });
  await host.execute(planHugepages(desired, poolOf(desired, before.pools)));
  const after = poolOf(desired, (await host.observeNow({ pools: hugepagePools })).pools);
  const outputs = { found, written: after.total, intact: after.total === desired.count };
  try {
    verifyHugepages(desired, after);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { count: after.total });
  }
  return outputs;
}

function journalKey({ numaNode, size }: Pick<Pool, "numaNode" | "size">): string {
  return `hugepages/node${numaNode}/${size}`;
}
