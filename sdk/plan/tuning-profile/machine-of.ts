import type { HostFacts } from "../../schema/facts.ts";
import type { ProcessorVendor, TunableMachine } from "./profile.ts";
import type { TunedMachine } from "./tuned-functions.ts";

/** What profiles and tuned's functions ask, of the facts about a host. */
export function machineOf({
  cpuModel,
  cpus,
  kernel,
  identity,
}: Pick<HostFacts, "cpuModel" | "cpus" | "kernel" | "identity">): TunableMachine & TunedMachine {
  return {
    vendor: vendorOf(cpuModel),
    realTimeKernel: kernel.realtime,
    cpus,
    virtual: identity.virtualization !== "none",
  };
}

/** Who made a processor, of the name of its model; of virtual ones that tell neither, `other`. */
export function vendorOf(cpuModel: string): ProcessorVendor {
  if (/\b(intel|xeon)\b/i.test(cpuModel)) return "intel";
  return /\b(amd|epyc)\b/i.test(cpuModel) ? "amd" : "other";
}
