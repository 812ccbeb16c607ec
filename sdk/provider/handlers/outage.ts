import { setTimeout as sleep } from "node:timers/promises";
import { type OutageRun, outageEvidence } from "../../measure/outage.ts";
import { trafficFrames } from "../../measure/traffic.ts";
import { domains } from "../../observe/domains.ts";
import { answering, ovsDatabase, ovsLiveness } from "../../observe/ovs.ts";
import { unitOf } from "../../plan/benchmarks.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import {
  checkOutage,
  markEvent,
  outageSettings,
  planEvent,
  planOutageTraffic,
  requireEventGround,
} from "../../plan/outage.ts";
import type { Step } from "../../plan/step.ts";
import type { Inputs } from "../../schema/definition.ts";
import { outage } from "../../schema/outage.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { measuring } from "../measuring.ts";
import type { RawOutputs } from "../raw-outputs.ts";
import { besideTraffic } from "../traffic-beside.ts";

type OutageInputs = Inputs<typeof outage>;

export const outageHandler: Handler<typeof outage> = {
  definition: outage,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkOutage,

  create: async (operation, inputs) => {
    const { name, generator, event, rate, firmware, systemUnderTest } = inputs;
    const host = operation.host(inputs.host);
    const device = systemUnderTest === undefined ? host : operation.host(systemUnderTest);
    await requireEvent(inputs, device);
    const { repetitions, watchMs } = outageSettings(inputs);
    const plan = planOutageTraffic(inputs);
    const runs: OutageRun[] = [];
    const subject = `${device.name}, ${event.kind} at ${rate} frames/s`;
    const seconds = repetitions * plan.seconds;
    const others = systemUnderTest === undefined ? {} : { systemUnderTest: device };
    const record = await measuring(
      operation,
      host,
      { ...{ kind: "outage", name, subject, seconds, firmware }, ...{ asked: inputs, others } },
      (facts) => {
        requireOnline({ "generator.cpus": generator.cpus }, CpuSet.parse(facts.onlineCpus), host.name);
        return async (raw) => {
          while (runs.length < repetitions) {
            operation.status(`${event.kind} ${runs.length + 1}/${repetitions}`);
            runs.push(await once(operation, inputs, { host, device }, raw));
          }
          return {
            ...outageEvidence({ event: event.kind, rate, watchMs }, runs),
            tool: { command: plan.argv, version: runs[0]?.report.dpdk ?? "" },
          };
        };
      },
    );
    return { record, frames: trafficFrames(runs.map(({ report }) => report)) };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, { record, frames }) => ({ record, frames }),
  delete: async () => undefined,
};

async function requireEvent({ event }: OutageInputs, device: Host): Promise<void> {
  if (event.kind === "guest-reset") {
    const { guests } = await device.observeNow({ guests: domains });
    requireEventGround(event, { guests, database: undefined }, device.name);
    return;
  }
  const { database, live } = await device.observeNow({ database: ovsDatabase, live: ovsLiveness });
  requireEventGround(event, { guests: [], database: answering(database, live) }, device.name);
}

/** One event, with traffic from before it until after it. */
async function once(
  operation: Operation,
  inputs: OutageInputs,
  { host, device }: { readonly host: Host; readonly device: Host },
  raw: RawOutputs,
): Promise<OutageRun> {
  const { signal, tag } = operation;
  const { leadMs, watchMs } = outageSettings(inputs);
  const unit = unitOf(tag, inputs.name);
  const { steps, undo } = planEvent(inputs.event, tag);
  // An engine that was lost in the midst of it took nothing away.
  await device.execute(undo);
  const { report, result: eventMs } = await besideTraffic(
    operation,
    host,
    { unit, plan: planOutageTraffic(inputs), raw },
    async () => {
      await sleep(leadMs, undefined, { signal });
      const begun = performance.now();
      await host.execute([markEvent(unit)]);
      try {
        await device.execute(steps);
        const took = performance.now() - begun;
        await sleep(watchMs, undefined, { signal });
        return Math.round(took);
      } finally {
        await takeAway(operation, device, undo);
      }
    },
  );
  return { report, eventMs };
}

/** Works without the operation's signal, which may be what ended it. */
async function takeAway({ warn }: Operation, device: Host, undo: readonly Step[]): Promise<void> {
  for (const step of undo) {
    const { code, stderr } = await device.transport.execute(step);
    if (code !== 0) warn(`could not ${step.purpose} on ${device.name}: ${stderr.trim()}`);
  }
}
