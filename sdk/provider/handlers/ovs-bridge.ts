import {
  answering,
  interfaceAddresses,
  type ObservedInterface,
  ovsDatabase,
  type Switch,
} from "../../observe/ovs.ts";
import { adoptable, observedBridge, planBridge, removeBridge } from "../../plan/ovs-bridge.ts";
import type { Inputs } from "../../schema/definition.ts";
import { ovsBridge } from "../../schema/ovs.ts";
import { VerificationError } from "../../units/errors.ts";
import type { Handler, Operation } from "../handler.ts";

const probes = { database: ovsDatabase, addresses: interfaceAddresses };

export const ovsBridgeHandler: Handler<typeof ovsBridge> = {
  definition: ovsBridge,
  probes,

  id: ({ host, name }) => `${host.name}/ovs/${name}`,
  locate: (rest) => {
    const name = /^ovs\/([^/]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { database, addresses } = await operation.host(state.host).observe(probes);
    const row = answering(database).bridges.find(({ name }) => name === state.name);
    if (row === undefined) return undefined;
    return {
      ...observedBridge(state, row, addresses.get(state.name) ?? [], localPortOf(database, state.name)),
      localPort: localPortOf(database, state.name)?.ofport ?? -1,
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { database } = await host.observeNow({ database: ovsDatabase });
    const row = answering(database).bridges.find(({ name }) => name === state.name);
    if (row?.owner === operation.tag) await host.execute(removeBridge(state.name));
    else if (row !== undefined)
      operation.warn(`left bridge ${state.name} alone: it belongs to ${row.owner ?? "nobody we know"}`);
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof ovsBridge>) {
  const host = operation.host(inputs.host);
  const { database, addresses } = await host.observeNow(probes);
  const row = answering(database).bridges.find(({ name }) => name === inputs.name);
  adoptable(inputs, row, operation.tag);
  const localPort = localPortOf(database, inputs.name);
  const found = { row, localPort, addresses: addresses.get(inputs.name) ?? [] };
  await host.execute(planBridge(inputs, found, operation.tag));
  const wanted = inputs.addresses ?? [];
  const after = await host.waitFor(
    probes,
    (facts) => wanted.every((address) => facts.addresses.get(inputs.name)?.includes(address) === true),
    { timeoutMs: 10_000 },
  );
  const missing = wanted.filter((address) => after.addresses.get(inputs.name)?.includes(address) !== true);
  if (missing.length > 0) {
    throw new VerificationError({
      code: "address-missing",
      property: "addresses",
      problem: `bridge ${inputs.name} did not take its addresses`,
      observed: after.addresses.get(inputs.name)?.join(", ") || "none",
      expected: wanted.join(", "),
    });
  }
  return { localPort: localPortOf(after.database, inputs.name)?.ofport ?? -1 };
}

function localPortOf(database: Switch, bridge: string): ObservedInterface | undefined {
  return answering(database).interfaces.find(({ name }) => name === bridge);
}
