import { hostFactsOf, hostFactsProbes } from "../../observe/host-facts.ts";
import { tuningGroundProbes } from "../../observe/tuning-ground.ts";
import { groundPatterns } from "../../plan/tuning-profile/fitting.ts";
import { planTuning } from "../../plan/tuning-profile/plan.ts";
import { planTuning as definition } from "../../schema/tuning-plan.ts";
import type { FunctionHandler } from "../handler.ts";

const probes = { ...hostFactsProbes, ...tuningGroundProbes(groundPatterns) };

export const planTuningHandler: FunctionHandler<typeof definition> = {
  definition,
  call: async (operation, { host: reference, ...request }) => {
    const host = operation.host(reference);
    const observed = await host.observeNow(probes);
    const plan = planTuning(request, { name: host.name, facts: hostFactsOf(observed), ground: observed });
    for (const sentence of plan.conflicts) operation.warn(sentence);
    return plan;
  },
};
