import {
  answering,
  interfaceAddresses,
  ovsDatabase,
  ovsLiveness,
  packetSockets,
  polling,
} from "../../observe/ovs.ts";
import { knownOptions } from "../../observe/ovs-options.ts";
import type { Observed } from "../../observe/probe.ts";
import { interfaceSettings } from "../../plan/ovs-interface.ts";
import {
  checkPort,
  detachment,
  observedPort,
  planPort,
  portFault,
  removePort,
  reopenPort,
  verifyPort,
} from "../../plan/ovs-port.ts";
import { requireKnown } from "../../plan/ovs-row.ts";
import type { Inputs } from "../../schema/definition.ts";
import { ovsPort } from "../../schema/ovs.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";
import { executeOrWithdraw, lastWordsOn } from "./ovs-adding.ts";

const probes = {
  database: ovsDatabase,
  live: ovsLiveness,
  polling,
  packetSockets,
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
    const { database, live, addresses, ...seen } = await operation.host(state.host).observe(probes);
    const observed = answering(database, live);
    const row = observed.interfaces.find(({ name }) => name === state.name);
    if (row === undefined) return undefined;
    return {
      ...observedPort(state, row, observed, addresses.get(state.name) ?? []),
      ofport: row.ofport ?? -1,
      up: portFault(row.type, row, { ...seen, bridges: observed.bridges }) === undefined,
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { database } = await host.observeNow({ database: ovsDatabase });
    const { interfaces, ports } = answering(database);
    const row = interfaces.find(({ name }) => name === state.name);
    const { qos } = ports.find(({ name }) => name === state.name) ?? {};
    if (row?.owner === operation.tag)
      await host.execute(removePort(state.bridge, state.name, qos, operation.tag));
    else if (row !== undefined)
      operation.warn(`left port ${state.name} alone: it belongs to ${row.owner ?? "nobody we know"}`);
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof ovsPort>) {
  const host = operation.host(inputs.host);
  const { database, live, addresses, known, packetSockets } = await host.observeNow({
    ...probes,
    known: knownOptions,
  });
  const before = answering(database, live);
  const row = before.interfaces.find(({ name }) => name === inputs.name);
  const port = before.ports.find(({ name }) => name === inputs.name);
  checkPort(inputs, before, row, operation.tag);
  requireKnown(interfaceSettings(inputs.name, inputs), known, before.version);
  const held = addresses.get(inputs.name) ?? [];
  const isOurs = row !== undefined && row.owner === operation.tag;
  const steps =
    isOurs && detachment(row, { bridges: before.bridges, packetSockets }) !== undefined
      ? reopenPort(inputs, row, port, held, operation.tag)
      : planPort(inputs, row, port, held, operation.tag);
  await executeOrWithdraw(host, steps, inputs, "interface");
  const after = await host.waitFor(probes, (facts) => isSettled(inputs, facts), { timeoutMs: UP_MS });
  answering(after.database, after.live);
  const { fault, ofport } = faultIn(inputs, after);
  try {
    verifyPort(inputs, fault, fault === undefined ? "" : await lastWordsOn(host, [inputs.name]));
  } catch (error) {
    throw new Incomplete(error as Error, { ofport, up: false });
  }
  return { ofport, up: true };
}

/** Up, or refused by a daemon that has looked at it. */
function isSettled(inputs: Inputs<typeof ovsPort>, facts: Observed<typeof probes>): boolean {
  const { fault, error } = faultIn(inputs, facts);
  return (
    fault === undefined ||
    (error !== undefined && facts.database.state === "answering" && facts.database.settled)
  );
}

function faultIn(
  { name, interface: { kind } }: Inputs<typeof ovsPort>,
  { database, ...seen }: Observed<typeof probes>,
) {
  const { interfaces, bridges } = database.state === "answering" ? database : { interfaces: [], bridges: [] };
  const row = interfaces.find((candidate) => candidate.name === name);
  return { fault: portFault(kind, row, { ...seen, bridges }), ofport: row?.ofport ?? -1, error: row?.error };
}
