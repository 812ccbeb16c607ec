import { cpuTopology } from "../../observe/cpus.ts";
import { irqBalanceNow, type ObservedIrqBalance, ownIrqBalance } from "../../observe/irq-balance.ts";
import {
  banLines,
  configuredBan,
  effectiveBan,
  foundBan,
  isPending,
  observedBan,
  ownLines,
  planRemoval,
  planText,
  requireFile,
  restartIrqBalance,
  verifyBan,
  withLines,
} from "../../plan/irq-balance.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { leftAlone } from "../../plan/restorable.ts";
import type { Inputs, Outputs, State } from "../../schema/definition.ts";
import { irqBalance } from "../../schema/irq-balance.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Ban = Inputs<typeof irqBalance>;

const JOURNAL = "irqbalance";
const SETTLE_MS = 10_000;
const probes = { own: ownIrqBalance };

export const irqBalanceHandler: Handler<typeof irqBalance> = {
  definition: irqBalance,
  probes,

  id: ({ host }) => `${host.name}/irqbalance`,
  locate: (rest) => (rest === "irqbalance" ? {} : undefined),

  create: (operation, inputs) => bring(operation, inputs),

  read: async (operation, state) => {
    const host = operation.host(state.host);
    const { own } = await host.observe(probes);
    // On import its lines say what is meant; without them nothing of ours is there.
    if (state.bannedCpus === undefined && own === undefined) return undefined;
    const observed = own ?? (await look(host));
    const written = state.written ?? ownLines(observed.text ?? "") ?? "";
    return {
      ...{ found: { file: true, bannedCpus: null }, written },
      ...state,
      bannedCpus: observedBan(state.bannedCpus, observed, state.restart),
      ...statesOf(written, observed),
    };
  },

  update: (operation, inputs, prior) => bring(operation, inputs, prior),

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { steps, changedByOthers } = planRemoval(await look(host), state.written, state.found);
    if (changedByOthers) operation.warn(leftAlone(["lines by nfvlab in irqbalance's file"]));
    await host.execute(steps);
    if (steps.length > 0) await settle(operation, host, state);
    await host.forget(JOURNAL);
  },
};

async function look(host: Host): Promise<ObservedIrqBalance> {
  return (await host.observeNow({ irqBalance: irqBalanceNow })).irqBalance;
}

async function bring(
  operation: Operation,
  inputs: Ban,
  prior?: State<typeof irqBalance>,
): Promise<Outputs<typeof irqBalance>> {
  const host = operation.host(inputs.host);
  const { before, cpus } = await host.observeNow({ before: irqBalanceNow, cpus: cpuTopology });
  requireOnline({ bannedCpus: inputs.bannedCpus }, cpus.online, host.name);
  if (before.presence === "missing") {
    operation.warn(`irqbalance is not installed on ${host.name}, or masked: nothing is to be banned`);
    const found = prior?.found ?? { file: false, bannedCpus: null };
    return { found, written: "", ...statesOf("", before) };
  }
  const path = requireFile(before, host.name);
  const isOurs = prior !== undefined && prior.written !== "";
  const found = isOurs ? prior.found : await host.remember(JOURNAL, foundBan(before), operation.urn);
  const written = banLines(inputs.bannedCpus, before);
  await host.execute(planText(path, withLines(before.text ?? "", written), before.text));
  const { after, wasRestarted } = await settle(operation, host, inputs);
  const outputs = { found, written, ...statesOf(written, after) };
  try {
    verifyBan(inputs.bannedCpus, after, wasRestarted);
  } catch (error) {
    const bannedCpus = observedBan(inputs.bannedCpus, after, inputs.restart);
    throw new Incomplete(error as Error, outputs, { bannedCpus });
  }
  return outputs;
}

/** Restarts irqbalance where it runs by other CPUs than are configured, and may be restarted. */
async function settle(operation: Operation, host: Host, { restart }: Pick<Ban, "restart">) {
  const after = await look(host);
  if (!isPending(after)) return { after, wasRestarted: false };
  if (restart !== "allow") {
    operation.warn(
      `irqbalance on ${host.name} keeps off CPU ${effectiveBan(after) ?? "none"} until it is restarted, which was not allowed`,
    );
    return { after, wasRestarted: false };
  }
  await host.execute([restartIrqBalance()]);
  const settled = await host.waitFor({ now: irqBalanceNow }, ({ now }) => !isPending(now), {
    timeoutMs: SETTLE_MS,
  });
  return { after: settled.now, wasRestarted: true };
}

/** The three states of a knob: what is configured, what is in force, and whether it waits for a restart. */
function statesOf(written: string, observed: ObservedIrqBalance) {
  return {
    presence: observed.presence,
    configured: configuredBan(observed),
    effective: effectiveBan(observed),
    pending: isPending(observed),
    persisted: observed.presence === "missing" || ownLines(observed.text ?? "") === written,
  };
}
