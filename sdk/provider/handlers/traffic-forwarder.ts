import { hostFactsOf, hostFactsProbes } from "../../observe/host-facts.ts";
import { forwarders, lastWords } from "../../observe/traffic.ts";
import { stopUnit } from "../../plan/benchmarks.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import {
  checkForwarder,
  forwarderDown,
  forwarderFault,
  forwarderUnit,
  isSettled,
  journalOf,
  startForwarder,
} from "../../plan/traffic-forwarder.ts";
import type { Inputs } from "../../schema/definition.ts";
import { trafficForwarder } from "../../schema/traffic.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";

const probes = { forwarders };
const UP_MS = 60_000;

export const trafficForwarderHandler: Handler<typeof trafficForwarder> = {
  definition: trafficForwarder,
  probes,

  id: ({ host, name }) => `${host.name}/forwarder/${name}`,
  check: checkForwarder,

  create: bring,
  // Its ports and its mode are what it was started with.
  update: bring,

  read: async (operation, state) => {
    const seen = (await operation.host(state.host).observe(probes)).forwarders.get(state.unit);
    return { ...state, running: forwarderFault(seen) === undefined };
  },

  delete: (operation, state) => operation.host(state.host).execute([stopUnit(state.unit)]),
};

async function bring(operation: Operation, inputs: Inputs<typeof trafficForwarder>) {
  const host = operation.host(inputs.host);
  const unit = forwarderUnit(operation.tag, inputs.name);
  const { onlineCpus } = hostFactsOf(await host.observeNow(hostFactsProbes));
  requireOnline({ cpus: inputs.cpus }, CpuSet.parse(onlineCpus), host.name);
  await host.execute([stopUnit(unit), ...startForwarder(inputs, unit)]);
  const seen = await host.waitFor(probes, ({ forwarders: all }) => isSettled(all.get(unit)), {
    timeoutMs: UP_MS,
  });
  const fault = forwarderFault(seen.forwarders.get(unit));
  if (fault === undefined) return { unit, running: true };
  const { stdout } = await host.transport.execute(journalOf(unit));
  await host.transport.execute(stopUnit(unit));
  throw new Incomplete(forwarderDown(unit, fault, lastWords(stdout)), { unit, running: false });
}
