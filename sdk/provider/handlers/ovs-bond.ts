import {
  answering,
  type ObservedDatabase,
  ovsDatabase,
  ovsLiveness,
  packetSockets,
  polling,
} from "../../observe/ovs.ts";
import { knownOptions } from "../../observe/ovs-options.ts";
import type { Observed } from "../../observe/probe.ts";
import {
  bondSettings,
  checkBond,
  checkBondPlace,
  observedBond,
  planBond,
  reopenMembers,
} from "../../plan/ovs-bond.ts";
import { detachment, portFault, removePort, verifyPort } from "../../plan/ovs-port.ts";
import { requireKnown } from "../../plan/ovs-row.ts";
import type { Inputs } from "../../schema/definition.ts";
import { ovsBond } from "../../schema/ovs.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";
import { executeOrWithdraw, lastWordsOn } from "./ovs-adding.ts";

const probes = { database: ovsDatabase, live: ovsLiveness, polling, packetSockets };
const UP_MS = 20_000;

export const ovsBondHandler: Handler<typeof ovsBond> = {
  definition: ovsBond,
  probes,

  id: ({ host, bridge, name }) => `${host.name}/ovs/${bridge}/bonds/${name}`,
  locate: (rest) => {
    const [, bridge, name] = /^ovs\/([^/]+)\/bonds\/([^/]+)$/.exec(rest) ?? [];
    return bridge === undefined || name === undefined ? undefined : { bridge, name };
  },
  check: checkBond,

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const facts = await operation.host(state.host).observe(probes);
    const database = answering(facts.database, facts.live);
    const port = database.ports.find(({ name }) => name === state.name);
    if (port === undefined) return undefined;
    const inputs = observedBond(state, port, database);
    const { fault, ofports } = standing(inputs.members, database, facts);
    return { ...inputs, ofports, up: fault === undefined };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { database } = await host.observeNow({ database: ovsDatabase });
    const port = answering(database).ports.find(({ name }) => name === state.name);
    if (port?.owner === operation.tag)
      await host.execute(removePort(state.bridge, state.name, port.qos, operation.tag));
    else if (port !== undefined)
      operation.warn(`left bond ${state.name} alone: it belongs to ${port.owner ?? "nobody we know"}`);
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof ovsBond>) {
  const host = operation.host(inputs.host);
  const { database, live, known, packetSockets } = await host.observeNow({ ...probes, known: knownOptions });
  const before = answering(database, live);
  checkBondPlace(inputs, before, operation.tag);
  requireKnown(bondSettings(inputs), known, before.version);
  const detached = before.interfaces
    .filter((row) => row.port === inputs.name && detachment(row, { ...before, packetSockets }) !== undefined)
    .map(({ name }) => name);
  const steps =
    detached.length === 0
      ? planBond(inputs, before, operation.tag)
      : reopenMembers(inputs, before, new Set(detached), operation.tag);
  await executeOrWithdraw(host, steps, inputs, "members");
  const after = await host.waitFor(
    probes,
    (facts) =>
      facts.database.state === "answering" &&
      facts.database.settled &&
      standing(inputs.members, facts.database, facts).isDecided,
    { timeoutMs: UP_MS },
  );
  const { fault, ofports } = standing(inputs.members, answering(after.database, after.live), after);
  try {
    verifyPort(
      inputs,
      fault,
      fault === undefined ? "" : await lastWordsOn(host, Object.keys(inputs.members)),
    );
  } catch (error) {
    throw new Incomplete(error as Error, { ofports, up: false });
  }
  return { ofports, up: true };
}

/** How the members are: decided where each is up, or has been refused. */
function standing(
  members: Inputs<typeof ovsBond>["members"],
  { interfaces, bridges }: ObservedDatabase,
  { polling, packetSockets }: Observed<typeof probes>,
) {
  const each = Object.entries(members).map(
    ([
      name,
      {
        interface: { kind },
      },
    ]) => {
      const row = interfaces.find((candidate) => candidate.name === name);
      return { name, row, fault: portFault(kind, row, { polling, packetSockets, bridges }) };
    },
  );
  const faulty = each.find(({ fault }) => fault !== undefined);
  return {
    fault: faulty === undefined ? undefined : `${faulty.name}: ${faulty.fault}`,
    isDecided: each.every(({ row, fault }) => fault === undefined || row?.error !== undefined),
    ofports: Object.fromEntries(each.map(({ name, row }) => [name, row?.ofport ?? -1])),
  };
}
