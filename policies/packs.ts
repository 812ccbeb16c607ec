import type { Policies } from "@pulumi/policy";
import { latencyBudget } from "./evidence/latency-budget.ts";
import { emulatorOutsideIsolated } from "./intent/emulator-outside-isolated.ts";
import { exclusiveCpus } from "./intent/exclusive-cpus.ts";
import { hugepagesSufficient } from "./intent/hugepages-sufficient.ts";
import { oneNumaNodePerChain } from "./intent/one-numa-node-per-chain.ts";
import { oneOwnerPerCore } from "./intent/one-owner-per-core.ts";

/** Judge the plan, from inputs: a preview fails before anything is touched. */
export const intent: Policies = [
  exclusiveCpus,
  oneOwnerPerCore,
  oneNumaNodePerChain,
  emulatorOutsideIsolated,
  hugepagesSufficient,
];

/**
 * Judge what was measured, from outputs: after `up`, and at any time by `pulumi policy analyze`. A pack is not told whether it judges a preview,
 * where evidence that is bad should not stop the very plan that mends it; so `npm run up` has these advise before, and judge afterwards.
 */
export const evidence: Policies = [latencyBudget];
