import { lxcContainers } from "../../observe/containers.ts";
import { networkLinks } from "../../observe/links.ts";
import {
  checkContainer,
  observedContainer,
  ownerOf,
  planContainer,
  removeContainer,
  verifyContainer,
} from "../../plan/lxc-container.ts";
import type { Inputs, Outputs, State } from "../../schema/definition.ts";
import { container } from "../../schema/lxc.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";

const probes = { containers: lxcContainers, links: networkLinks };
const UP_MS = 30_000;

export const lxcContainerHandler: Handler<typeof container> = {
  definition: container,
  probes,

  id: ({ host, name }) => `${host.name}/lxc/${name}`,
  locate: (rest) => {
    const name = /^lxc\/([^/]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { containers, links } = await operation.host(state.host).observe(probes);
    const found = containers.find(({ name }) => name === state.name);
    return observedContainer(state, found, links, operation.tag);
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { containers } = await host.observeNow(probes);
    const found = containers.find(({ name }) => name === state.name);
    const owner = ownerOf(found);
    if (owner === operation.tag) await host.execute(removeContainer(state.name));
    else if (found !== undefined)
      operation.warn(`left container ${state.name} alone: it belongs to ${owner ?? "nobody we know"}`);
  },
};

async function bring(
  operation: Operation,
  inputs: Inputs<typeof container>,
): Promise<Outputs<typeof container>> {
  const host = operation.host(inputs.host);
  const { containers, links } = await host.observeNow(probes);
  const before = containers.find(({ name }) => name === inputs.name);
  checkContainer(inputs, before, links, operation.tag);
  await host.execute(planContainer(inputs, before, links, operation.tag));
  const after = await host.waitFor(
    probes,
    (facts) => facts.containers.some(({ name, running }) => name === inputs.name && running),
    {
      timeoutMs: UP_MS,
    },
  );
  const found = after.containers.find(({ name }) => name === inputs.name);
  const state = { ...inputs, running: false } as State<typeof container>;
  const observed = observedContainer(state, found, after.links, operation.tag);
  const { running = false, configured = false, effectiveCpus = "", threadCpus = "" } = observed ?? {};
  const outputs = { running, configured, effectiveCpus, threadCpus };
  try {
    verifyContainer(inputs, found);
  } catch (error) {
    throw new Incomplete(error as Error, outputs);
  }
  return outputs;
}
