import { hostFactsOf, hostFactsProbes } from "../../observe/host-facts.ts";
import { identityFiles } from "../../observe/identity.ts";
import { facts, getHostFacts } from "../../schema/facts.ts";
import type { FunctionHandler, Handler, Host } from "../handler.ts";
import { groundOf, touchProbes } from "../touching.ts";

export const factsHandler: Handler<typeof facts> = {
  definition: facts,
  probes: { identity: identityFiles },

  id: ({ host }) => `${host.name}/facts`,
  locate: (rest) => (rest === "facts" ? {} : undefined),

  create: (operation, { host }) => gather(operation.host(host)),
  update: (operation, { host }) => gather(operation.host(host)),

  // Facts are those of one boot: what changes within it belongs to other resources, and shows there.
  read: async (operation, state) => {
    const host = operation.host(state.host);
    const { identity } = await host.observe({ identity: identityFiles });
    return state.identity?.bootId === identity.bootId ? state : { ...state, ...(await gather(host)) };
  },

  delete: async () => undefined,
};

export const getHostFactsHandler: FunctionHandler<typeof getHostFacts> = {
  definition: getHostFacts,
  call: (operation, { host }) => gather(operation.host(host)),
};

async function gather(host: Host) {
  const observed = await host.observeNow({ ...hostFactsProbes, ...touchProbes });
  const { protection } = groundOf(observed);
  return {
    ...hostFactsOf(observed),
    protectedFunctions: Object.fromEntries([...protection].map(([address, why]) => [address, [...why]])),
  };
}
