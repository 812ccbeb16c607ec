import { createHash } from "node:crypto";
import { answering, bridgeFlows, ovsDatabase, ovsLiveness } from "../../observe/ovs.ts";
import {
  checkFlows,
  flowsOf,
  flowTexts,
  observedFlows,
  planFlows,
  portNumbers,
  removeFlows,
  sameFlows,
} from "../../plan/ovs-flows.ts";
import type { Inputs } from "../../schema/definition.ts";
import { ovsFlows } from "../../schema/ovs.ts";
import { VerificationError } from "../../units/errors.ts";
import type { Handler, Operation } from "../handler.ts";

const probes = { database: ovsDatabase, live: ovsLiveness, flows: bridgeFlows };

export const ovsFlowsHandler: Handler<typeof ovsFlows> = {
  definition: ovsFlows,
  probes,

  id: ({ host, bridge, name }) => `${host.name}/ovs/${bridge}/flows/${name}`,

  check: checkFlows,

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { database, live, flows } = await operation.host(state.host).observe(probes);
    const ports = portNumbers(state.bridge, answering(database, live));
    const own = flows.get(state.bridge);
    if (own === undefined) return undefined;
    return { ...state, flows: observedFlows(state.flows, flowsOf(state.cookie, own), ports) };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { flows } = await host.observeNow(probes);
    if (flows.has(state.bridge)) await host.execute(removeFlows(state.bridge, state.cookie));
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof ovsFlows>) {
  const host = operation.host(inputs.host);
  const cookie = cookieOf(operation, inputs.name);
  const { database, live, flows } = await host.observeNow(probes);
  const desired = flowTexts(inputs.flows, portNumbers(inputs.bridge, answering(database, live)));
  await host.execute(
    planFlows(inputs.bridge, cookie, desired, flowsOf(cookie, flows.get(inputs.bridge) ?? [])),
  );
  const after = await host.observeNow(probes);
  const observed = flowsOf(cookie, after.flows.get(inputs.bridge) ?? []);
  if (!sameFlows(desired, observed)) {
    throw new VerificationError({
      code: "flows",
      property: "flows",
      problem: `bridge ${inputs.bridge} has other flows than written`,
      observed: observed.join("; ") || "none",
      expected: desired.join("; "),
      hint: "name ports by number, and write matches as ovs-ofctl dump-flows prints them",
    });
  }
  return { cookie };
}

/** Sixty-four bits that no other set of flows has. */
function cookieOf({ urn }: Operation, name: string): string {
  return `0x${createHash("sha256").update(`${urn} ${name}`).digest("hex").slice(0, 16).replace(/^0+/, "1")}`;
}
