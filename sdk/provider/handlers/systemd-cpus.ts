import { cpuTopology } from "../../observe/cpus.ts";
import {
  type ObservedSystemdCpus,
  ownSystemdCpus,
  systemdCpusInForce,
  systemdCpusNow,
} from "../../observe/systemd-cpus.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { leftAlone } from "../../plan/restorable.ts";
import {
  areInForce,
  checkSystemdCpus,
  configuredLists,
  dropIns,
  foundLists,
  insist,
  listsMeant,
  listsOf,
  observedLists,
  pendingServices,
  planManagerBack,
  planSystemdCpus,
  planUndo,
  requireSystemdCpus,
  type SystemdCpuLists,
  servicesLeftBehind,
  verifySystemdCpus,
  writtenLists,
} from "../../plan/systemd-cpus.ts";
import type { Inputs, State } from "../../schema/definition.ts";
import { systemdCpus } from "../../schema/systemd-cpus.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Cpus = Inputs<typeof systemdCpus>;
type Texts = Readonly<Record<string, string>>;
type Lists = ReadonlyMap<string, string>;

const JOURNAL = "systemd-cpus";
const SETTLE_MS = 5_000;
const probes = { own: ownSystemdCpus };

export const systemdCpusHandler: Handler<typeof systemdCpus> = {
  definition: systemdCpus,
  probes,

  id: ({ host }) => `${host.name}/systemd-cpus`,
  locate: (rest) => (rest === "systemd-cpus" ? {} : undefined),
  check: checkSystemdCpus,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const before = await prepare(host, inputs);
    const now = foundLists(listsOf(inputs), before);
    const earlier = await host.remember(JOURNAL, now, operation.urn);
    return bring(host, inputs, before, { ...now, ...earlier });
  },

  read: async (operation, state) => {
    const host = operation.host(state.host);
    const { own } = await host.observe(probes);
    if (state.found !== undefined) return shown(state, state, own ?? (await look(host)));
    // On import the drop-ins say what is meant, and what was there before them nobody knows.
    if (own === undefined) return undefined;
    const meant = listsMeant(own);
    const { manager, ...files } = writtenLists(listsOf(meant));
    return shown({ ...state, found: {}, written: files }, meant, own);
  },

  update: async (operation, inputs, prior) => {
    const host = operation.host(inputs.host);
    const before = await prepare(host, inputs);
    // What is no longer asked for goes back to what it was.
    const isChanged = await undo(operation, host, prior, listsOf(inputs), before);
    const found = { ...foundLists(listsOf(inputs), before), ...prior.found };
    return bring(host, inputs, isChanged ? await look(host) : before, found);
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    await undo(operation, host, state, new Map(), await look(host));
    warnOfServices(operation, host, state, await look(host));
    await host.forget(JOURNAL);
  },
};

async function look(host: Host): Promise<ObservedSystemdCpus> {
  return (await host.observeNow({ cpus: systemdCpusNow })).cpus;
}

async function prepare(host: Host, inputs: Cpus): Promise<ObservedSystemdCpus> {
  const { before, topology } = await host.observeNow({ before: systemdCpusNow, topology: cpuTopology });
  const { cpuAffinity, allowedCpus = {} } = inputs;
  const slices = Object.entries(allowedCpus).map(([slice, list]) => [`allowedCpus.${slice}`, list] as const);
  requireOnline({ cpuAffinity, ...Object.fromEntries(slices) }, topology.online, host.name);
  requireSystemdCpus(inputs, before, topology.isolated, host.name);
  return before;
}

async function bring(host: Host, inputs: Cpus, before: ObservedSystemdCpus, found: Texts) {
  const lists = listsOf(inputs);
  const steps = planSystemdCpus(lists, before);
  await host.execute(steps);
  if (steps.length > 0) await settled(host, lists);
  const after = steps.length > 0 ? await look(host) : before;
  const outputs = {
    found: Object.fromEntries(Object.entries(found).filter(([scope]) => lists.has(scope))),
    written: writtenLists(lists),
    ...statesOf(inputs, after),
  };
  try {
    verifySystemdCpus(lists, after);
  } catch (error) {
    throw new Incomplete(error as Error, outputs, observedLists(inputs, after) as Partial<Cpus>);
  }
  return outputs;
}

/** Waits for slices: systemd gives them their CPUs a moment after it has answered. */
async function settled(host: Host, lists: Lists): Promise<void> {
  const probes = { cpus: systemdCpusInForce };
  const wait = { timeoutMs: SETTLE_MS, everyMs: 200 };
  const { cpus: effective } = await host.waitFor(probes, ({ cpus }) => areInForce(lists, cpus), wait);
  const steps = insist(lists, effective);
  if (steps.length === 0) return;
  await host.execute(steps);
  await host.waitFor(probes, ({ cpus }) => areInForce(lists, cpus), wait);
}

async function undo(
  operation: Operation,
  host: Host,
  state: State<typeof systemdCpus>,
  kept: Lists,
  before: ObservedSystemdCpus,
): Promise<boolean> {
  const plan = planUndo(state, kept, before);
  if (plan.changedByOthers.length > 0) operation.warn(leftAlone(plan.changedByOthers));
  await host.execute(plan.widen);
  if (plan.widen.length > 0) await settled(host, plan.until);
  await host.execute(plan.steps);
  const { cpus } = await host.observeNow({ cpus: systemdCpusInForce });
  await host.execute(planManagerBack(state, kept, cpus));
  return plan.widen.length + plan.steps.length > 0;
}

function shown(
  { cpuAffinity: _affinity, allowedCpus: _slices, ...rest }: State<typeof systemdCpus>,
  wanted: SystemdCpuLists,
  observed: ObservedSystemdCpus,
): State<typeof systemdCpus> {
  const files = Object.entries(rest.written).filter(([key]) => key.startsWith("/"));
  return {
    ...rest,
    ...observedLists(wanted, observed),
    ...statesOf(wanted, observed),
    persisted: files.every(([path, text]) => observed.files.get(path) === text),
  };
}

/** The three states of a knob: what is configured, what is in force, and what waits for a start of its own. */
function statesOf(inputs: SystemdCpuLists, observed: ObservedSystemdCpus) {
  const lists = listsOf(inputs);
  return {
    configured: configuredLists(observed),
    effective: Object.fromEntries([...observed.effective].filter(([scope]) => lists.has(scope))),
    pending: pendingServices(inputs, observed),
    persisted: [...dropIns(lists)].every(([path, text]) => observed.files.get(path) === text),
  };
}

function warnOfServices(
  operation: Operation,
  host: Host,
  state: State<typeof systemdCpus>,
  now: ObservedSystemdCpus,
): void {
  const left = servicesLeftBehind(state, now);
  if (left.length > 0)
    operation.warn(
      `services on ${host.name} that started meanwhile keep CPU ${state.written["manager"]} until they start anew: ${left.join(", ")}`,
    );
}
