import { cpuTopology } from "../../observe/cpus.ts";
import { tuningServices } from "../../observe/kernel-files.ts";
import { kernelThreadsNow, type ObservedThreads, ownKernelThreads } from "../../observe/kernel-threads.ts";
import {
  allThreadTexts,
  isPersisted,
  observedThreads,
  planThreads,
  planThreadsService,
  removeThreadsService,
  requireThreads,
  targetOf,
  threadSettings,
  threadsMeant,
  threadTexts,
  unmovableThreads,
  verifyThreads,
} from "../../plan/kernel-threads.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { packTexts, unpackTexts } from "../../plan/packed-texts.ts";
import { leftAlone, restorable, rivalRuns } from "../../plan/restorable.ts";
import type { Step } from "../../plan/step.ts";
import { CommandError } from "../../remote/command-error.ts";
import type { Inputs } from "../../schema/definition.ts";
import { kernelThreads } from "../../schema/kernel-threads.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Scheduled = Inputs<typeof kernelThreads>;
type Texts = ReadonlyMap<string, string>;

const JOURNAL = "kernel-threads";
const probes = { own: ownKernelThreads };

export const kernelThreadsHandler: Handler<typeof kernelThreads> = {
  definition: kernelThreads,
  probes,

  id: ({ host }) => `${host.name}/kernel-threads`,
  locate: (rest) => (rest === "kernel-threads" ? {} : undefined),

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const before = await prepare(operation, host, inputs);
    const now = threadTexts(threadSettings(inputs.threads, before.threads));
    const earlier = await host.remember(JOURNAL, packTexts(now), operation.urn);
    return bring(operation, host, inputs, before, new Map([...now, ...unpackTexts(earlier)]));
  },

  read: async (operation, state) => {
    const host = operation.host(state.host);
    const { own } = await host.observe(probes);
    // On import the service says what is meant, and what was there before it nobody knows.
    if (state.threads === undefined && own?.service === undefined) return undefined;
    const observed = own ?? (await look(host));
    const wanted = state.threads ?? threadsMeant(observed.service?.text ?? "");
    return {
      ...{ found: {}, written: {}, unmovable: unmovableThreads(wanted, observed.threads) },
      ...state,
      threads: observedThreads(wanted, observed.threads),
      persisted: isPersisted(wanted, observed.service),
    };
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    const before = await prepare(operation, host, inputs);
    const now = threadTexts(threadSettings(inputs.threads, before.threads));
    const found = unpackTexts(prior.found);
    // What is no longer asked for goes back to what it was.
    const dropped = new Map([...found].filter(([key]) => !now.has(key)));
    const isChanged = await restore(operation, host, dropped, unpackTexts(prior.written), before);
    return bring(operation, host, inputs, isChanged ? await look(host) : before, new Map([...now, ...found]));
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const before = await look(host);
    await restore(operation, host, unpackTexts(state.found), unpackTexts(state.written), before);
    await host.execute(removeThreadsService(before.service));
    await host.forget(JOURNAL);
  },
};

async function look(host: Host): Promise<ObservedThreads> {
  return (await host.observeNow({ threads: kernelThreadsNow })).threads;
}

async function prepare(operation: Operation, host: Host, { threads }: Scheduled): Promise<ObservedThreads> {
  const { before, cpus, running } = await host.observeNow({
    ...{ before: kernelThreadsNow, cpus: cpuTopology, running: tuningServices },
  });
  const lists = Object.entries(threads).map(([name, wanted]) => [`threads["${name}"].cpus`, wanted.cpus]);
  requireOnline(Object.fromEntries(lists), cpus.online, host.name);
  requireThreads(threads, before.threads, host.name);
  if (running.includes("tuned")) operation.warn(rivalRuns("tuned", host.name));
  return before;
}

async function bring(
  operation: Operation,
  host: Host,
  inputs: Scheduled,
  before: ObservedThreads,
  all: Texts,
) {
  const { threads } = inputs;
  const settings = threadSettings(threads, before.threads);
  await host.execute(planThreadsService(threads, before.service));
  const said = await refused(host, planThreads(targetOf(settings), before.threads));
  const after = await look(host);
  const now = threadSettings(threads, after.threads);
  const inForce = threadTexts(now);
  const unmovable = unmovableThreads(threads, after.threads);
  if (unmovable.length > 0)
    operation.warn(`the kernel keeps these threads of ${host.name} on their CPUs: ${unmovable.join(", ")}`);
  const outputs = {
    found: packTexts(new Map([...all].filter(([key]) => inForce.has(key)))),
    written: packTexts(inForce),
    unmovable,
    persisted: isPersisted(threads, after.service),
  };
  try {
    verifyThreads(now, said);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, { threads: observedThreads(threads, after.threads) });
  }
  return outputs;
}

async function restore(
  operation: Operation,
  host: Host,
  found: Texts,
  written: Texts,
  { threads }: ObservedThreads,
): Promise<boolean> {
  const { target, changedByOthers } = restorable(found, written, allThreadTexts(threads));
  if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
  const steps = planThreads(target, threads);
  const said = await refused(host, steps);
  if (said !== "") operation.warn(`left as it is, since the kernel takes nothing back: ${said}`);
  return steps.length > 0;
}

/** What the tools said where threads refused; which of them are wrong shows when they are read again. */
async function refused(host: Host, steps: readonly Step[]): Promise<string> {
  try {
    await host.execute(steps);
    return "";
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== "command-failed") throw error;
    return error.result.stderr.trim().replaceAll("\n", "; ");
  }
}
