import { answering, interfaceAddresses, ovsDatabase, ovsLiveness, polling } from "../../observe/ovs.ts";
import type { Observed } from "../../observe/probe.ts";
import { checkPort, observedPort, planPort, portFault, removePort, verifyPort } from "../../plan/ovs-port.ts";
import type { Inputs } from "../../schema/definition.ts";
import { ovsPort } from "../../schema/ovs.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";

const probes = {
  database: ovsDatabase,
  live: ovsLiveness,
  polling,
  addresses: interfaceAddresses,
};
const UP_MS = 20_000;

export const ovsPortHandler: Handler<typeof ovsPort> = {
  definition: ovsPort,
  probes,

  id: ({ host, bridge, name }) => `${host.name}/ovs/${bridge}/${name}`,
  locate: (rest) => {
    const [, bridge, name] = /^ovs\/([^/]+)\/([^/]+)$/.exec(rest) ?? [];
    return bridge === undefined || name === undefined ? undefined : { bridge, name };
  },

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { database, live, polling, addresses } = await operation.host(state.host).observe(probes);
    const row = answering(database, live).interfaces.find(({ name }) => name === state.name);
    if (row === undefined) return undefined;
    const up = portFault(row.type, row, polling) === undefined;
    return {
      ...state,
      ...observedPort(state, row, addresses.get(state.name) ?? []),
      ofport: row.ofport ?? -1,
      up,
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { database } = await host.observeNow({ database: ovsDatabase });
    const row = answering(database).interfaces.find(({ name }) => name === state.name);
    if (row?.owner === operation.tag) await host.execute(removePort(state.bridge, state.name));
    else if (row !== undefined)
      operation.warn(`left port ${state.name} alone: it belongs to ${row.owner ?? "nobody we know"}`);
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof ovsPort>) {
  const host = operation.host(inputs.host);
  const { database, live, addresses } = await host.observeNow(probes);
  const before = answering(database, live);
  const row = before.interfaces.find(({ name }) => name === inputs.name);
  checkPort(inputs, before, row, operation.tag);
  await host.execute(planPort(inputs, row, addresses.get(inputs.name) ?? [], operation.tag));
  const after = await host.waitFor(probes, (facts) => faultIn(inputs, facts).fault === undefined, {
    timeoutMs: UP_MS,
  });
  answering(after.database, after.live);
  const { fault, ofport } = faultIn(inputs, after);
  try {
    verifyPort(inputs, fault);
  } catch (error) {
    throw new Incomplete(error as Error, { ofport, up: false });
  }
  return { ofport, up: true };
}

function faultIn(
  { name, interface: { kind } }: Inputs<typeof ovsPort>,
  { database, polling }: Observed<typeof probes>,
) {
  const rows = database.state === "answering" ? database.interfaces : [];
  const row = rows.find((candidate) => candidate.name === name);
  return { fault: portFault(kind, row, polling), ofport: row?.ofport ?? -1 };
}
