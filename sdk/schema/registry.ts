import { cyclictest, roundTrip } from "./benchmarks.ts";
import { bootArguments } from "./boot-arguments.ts";
import { cacheAllocation } from "./cache-allocation.ts";
import { cpuFrequency } from "./cpu-frequency.ts";
import { cpuIdle } from "./cpu-idle.ts";
import { planCpus } from "./cpu-plan.ts";
import type { FunctionDefinition, ResourceDefinition } from "./definition.ts";
import { emulatedImage, emulatedServer } from "./emulate.ts";
import { facts, getHostFacts } from "./facts.ts";
import { hugepages } from "./hugepages.ts";
import { inspect } from "./inspection.ts";
import { irqAffinity } from "./irq-affinity.ts";
import { irqBalance } from "./irq-balance.ts";
import { kernelThreads } from "./kernel-threads.ts";
import { getLeases, lease } from "./lease.ts";
import { bootImage, libvirtDomain } from "./libvirt.ts";
import { memoryManagement } from "./memory-management.ts";
import { moduleParameters } from "./module-parameters.ts";
import { ovsBridge, ovsDaemon, ovsFlows, ovsPort } from "./ovs.ts";
import { packages } from "./packages.ts";
import { reboot } from "./reboot.ts";
import { sysctls } from "./sysctls.ts";
import { systemdCpus } from "./systemd-cpus.ts";
import { tunedProfile } from "./tuned-profile.ts";
import { planTuning } from "./tuning-plan.ts";
import { workqueues } from "./workqueues.ts";

/** Every resource of the provider. What is not here does not exist. */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  emulatedImage,
  emulatedServer,
  facts,
  hugepages,
  sysctls,
  bootArguments,
  reboot,
  lease,
  cpuFrequency,
  cpuIdle,
  workqueues,
  memoryManagement,
  moduleParameters,
  irqAffinity,
  irqBalance,
  systemdCpus,
  kernelThreads,
  cacheAllocation,
  tunedProfile,
  packages,
  ovsDaemon,
  ovsBridge,
  ovsPort,
  ovsFlows,
  bootImage,
  libvirtDomain,
  cyclictest,
  roundTrip,
];

export const functionDefinitions: readonly FunctionDefinition[] = [
  getHostFacts,
  getLeases,
  planCpus,
  planTuning,
  inspect,
];
