import type { FunctionHandler, Handler } from "./handler.ts";
import { bootArgumentsHandler } from "./handlers/boot-arguments.ts";
import { bootImageHandler } from "./handlers/boot-image.ts";
import { cacheAllocationHandler } from "./handlers/cache-allocation.ts";
import { cpuFrequencyHandler } from "./handlers/cpu-frequency.ts";
import { cpuIdleHandler } from "./handlers/cpu-idle.ts";
import { cyclictestHandler } from "./handlers/cyclictest.ts";
import { domainHandler } from "./handlers/domain.ts";
import { emulatedImageHandler } from "./handlers/emulated-image.ts";
import { emulatedServerHandler } from "./handlers/emulated-server.ts";
import { factsHandler, getHostFactsHandler } from "./handlers/facts.ts";
import { hugepagesHandler } from "./handlers/hugepages.ts";
import { inspectHandler } from "./handlers/inspect.ts";
import { irqAffinityHandler } from "./handlers/irq-affinity.ts";
import { irqBalanceHandler } from "./handlers/irq-balance.ts";
import { kernelThreadsHandler } from "./handlers/kernel-threads.ts";
import { getLeasesHandler, leaseHandler } from "./handlers/lease.ts";
import { memoryManagementHandler } from "./handlers/memory-management.ts";
import { moduleParametersHandler } from "./handlers/module-parameters.ts";
import { ovsBridgeHandler } from "./handlers/ovs-bridge.ts";
import { ovsDaemonHandler } from "./handlers/ovs-daemon.ts";
import { ovsFlowsHandler } from "./handlers/ovs-flows.ts";
import { ovsPortHandler } from "./handlers/ovs-port.ts";
import { packagesHandler } from "./handlers/packages.ts";
import { planCpusHandler } from "./handlers/plan-cpus.ts";
import { planTuningHandler } from "./handlers/plan-tuning.ts";
import { rebootHandler } from "./handlers/reboot.ts";
import { roundTripHandler } from "./handlers/round-trip.ts";
import { sysctlsHandler } from "./handlers/sysctls.ts";
import { systemdCpusHandler } from "./handlers/systemd-cpus.ts";
import { tunedProfileHandler } from "./handlers/tuned-profile.ts";
import { workqueuesHandler } from "./handlers/workqueues.ts";

/** Who does the work for each type token. A definition without a handler, or the other way round, fails a test. */
export const handlers = [
  emulatedImageHandler,
  emulatedServerHandler,
  factsHandler,
  hugepagesHandler,
  sysctlsHandler,
  bootArgumentsHandler,
  rebootHandler,
  leaseHandler,
  cpuFrequencyHandler,
  cpuIdleHandler,
  workqueuesHandler,
  memoryManagementHandler,
  moduleParametersHandler,
  irqAffinityHandler,
  irqBalanceHandler,
  systemdCpusHandler,
  kernelThreadsHandler,
  cacheAllocationHandler,
  tunedProfileHandler,
  packagesHandler,
  ovsDaemonHandler,
  ovsBridgeHandler,
  ovsPortHandler,
  ovsFlowsHandler,
  bootImageHandler,
  domainHandler,
  cyclictestHandler,
  roundTripHandler,
] as unknown as readonly Handler[];

export const functionHandlers = [
  getHostFactsHandler,
  getLeasesHandler,
  planCpusHandler,
  planTuningHandler,
  inspectHandler,
] as unknown as readonly FunctionHandler[];
