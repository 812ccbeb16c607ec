import { isDeepStrictEqual } from "node:util";
import { planBoot, requireEffective } from "../../plan/boot-reboot.ts";
import type { Inputs } from "../../schema/definition.ts";
import { reboot } from "../../schema/reboot.ts";
import { nanoseconds } from "../../units/duration.ts";
import { InputError } from "../../units/errors.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";
import { type Booted, bootPending, bootProbes, shownBy } from "../rebooting.ts";

const DEFAULT_TIMEOUT = "600s";

export const rebootHandler: Handler<typeof reboot> = {
  definition: reboot,
  probes: bootProbes,

  id: ({ host }, { resourceName }) => `${host.name}/reboot/${resourceName}`,
  check: ({ bootTimeout = DEFAULT_TIMEOUT }) => {
    const ms = nanoseconds(bootTimeout) / 1e6;
    if (ms >= 1000 && ms <= 3_600_000) return;
    throw new InputError({
      code: "boot-timeout",
      property: "bootTimeout",
      problem: "no time that a machine takes to boot",
      observed: bootTimeout,
      expected: "1s to 1h",
    });
  },

  create: (operation, inputs) => run(operation, inputs),

  // Whether everything was in force is told of the boot; what has changed since shows at the arguments themselves.
  read: async (operation, state) => {
    const { evidence } = await operation.host(state.host).observe(bootProbes);
    return { ...state, bootId: evidence.bootId };
  },

  update: async (operation, inputs, prior) => {
    const isAsked = !isDeepStrictEqual(inputs.triggers, prior.triggers);
    if (isAsked) return run(operation, inputs);
    if (prior.rolledBack) return run(operation, inputs, prior.failedEntry);
    // Nobody asked for a reboot: what an earlier look found not in force may be by now.
    const now = await operation.host(inputs.host).observeNow(bootProbes);
    const shown = shownBy(now);
    if (!planBoot(now.loader, shown).isDue) return { ...prior, ...(await run(operation, inputs)) };
    operation.warn(`boot arguments wait for a reboot of ${inputs.host.name}: change triggers to have it`);
    return { ...prior, bootId: shown.bootId, verified: true };
  },

  delete: async () => undefined,
};

async function run(operation: Operation, inputs: Inputs<typeof reboot>, failedEntry?: string) {
  const { host, reason = "boot arguments are pending", bootTimeout = DEFAULT_TIMEOUT } = inputs;
  const timeoutMs = nanoseconds(bootTimeout) / 1e6;
  const booted = await bootPending(operation, host, { reason, timeoutMs, failedEntry });
  const outputs = outputsOf(booted);
  try {
    if (booted.failed !== undefined) throw booted.failed.error;
    requireEffective(booted.judgement, host.name);
  } catch (error) {
    throw new Incomplete(error as Error, outputs);
  }
  return outputs;
}

function outputsOf({ bootId, rebootedAt, failed, judgement }: Booted) {
  return {
    bootId,
    ...(rebootedAt !== undefined && { rebootedAt }),
    ...(failed?.entry !== undefined && { failedEntry: failed.entry }),
    rolledBack: failed !== undefined,
    verified: judgement.pending.length === 0 && judgement.complaints.length === 0,
  };
}
