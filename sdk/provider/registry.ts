import type { FunctionHandler, Handler } from "./handler.ts";
import { backToBackHandler } from "./handlers/back-to-back.ts";
import { bootArgumentsHandler } from "./handlers/boot-arguments.ts";
import { bootImageHandler } from "./handlers/boot-image.ts";
import { bootTimeHandler } from "./handlers/boot-time.ts";
import { cacheAllocationHandler } from "./handlers/cache-allocation.ts";
import { cpuFrequencyHandler } from "./handlers/cpu-frequency.ts";
import { cpuIdleHandler } from "./handlers/cpu-idle.ts";
import { criticalLoadHandler } from "./handlers/critical-load.ts";
import { cyclictestHandler } from "./handlers/cyclictest.ts";
import { densityHandler } from "./handlers/density.ts";
import { domainHandler } from "./handlers/domain.ts";
import { driverBindingHandler } from "./handlers/driver-binding.ts";
import { emulatedImageHandler } from "./handlers/emulated-image.ts";
import { emulatedServerHandler } from "./handlers/emulated-server.ts";
import { eswitchModeHandler } from "./handlers/eswitch-mode.ts";
import { exchangeHandler } from "./handlers/exchange.ts";
import { exitCostHandler } from "./handlers/exit-cost.ts";
import { exitRateHandler } from "./handlers/exit-rate.ts";
import { factsHandler, getHostFactsHandler } from "./handlers/facts.ts";
import { flowSetupHandler } from "./handlers/flow-setup.ts";
import { frameLossHandler } from "./handlers/frame-loss.ts";
import { hugepagesHandler } from "./handlers/hugepages.ts";
import { hwlatdetectHandler } from "./handlers/hwlatdetect.ts";
import { inspectHandler } from "./handlers/inspect.ts";
import { irqAffinityHandler } from "./handlers/irq-affinity.ts";
import { irqBalanceHandler } from "./handlers/irq-balance.ts";
import { kernelThreadsHandler } from "./handlers/kernel-threads.ts";
import { getLeasesHandler, leaseHandler } from "./handlers/lease.ts";
import { liveMigrationHandler } from "./handlers/live-migration.ts";
import { lxcContainerHandler } from "./handlers/lxc-container.ts";
import { machineChecksHandler } from "./handlers/machine-checks.ts";
import { memoryManagementHandler } from "./handlers/memory-management.ts";
import { moduleParametersHandler } from "./handlers/module-parameters.ts";
import {
  linuxBridgeHandler,
  macvtapHandler,
  networkNamespaceHandler,
  tapHandler,
  vethHandler,
} from "./handlers/net.ts";
import { oslatHandler } from "./handlers/oslat.ts";
import { outageHandler } from "./handlers/outage.ts";
import { ovsBondHandler } from "./handlers/ovs-bond.ts";
import { ovsBridgeHandler } from "./handlers/ovs-bridge.ts";
import { ovsDaemonHandler } from "./handlers/ovs-daemon.ts";
import { getDatapathHandler } from "./handlers/ovs-datapath.ts";
import { ovsFlowsHandler } from "./handlers/ovs-flows.ts";
import { ovsPortHandler } from "./handlers/ovs-port.ts";
import { packagesHandler } from "./handlers/packages.ts";
import { getPathCapabilitiesHandler } from "./handlers/path-capabilities.ts";
import { planCpusHandler } from "./handlers/plan-cpus.ts";
import { planTuningHandler } from "./handlers/plan-tuning.ts";
import { realtimeKernelHandler } from "./handlers/realtime-kernel.ts";
import { rebootHandler } from "./handlers/reboot.ts";
import { roundTripHandler } from "./handlers/round-trip.ts";
import { rtlaHandler } from "./handlers/rtla.ts";
import { soakHandler } from "./handlers/soak.ts";
import { swapHandler } from "./handlers/swap.ts";
import { sysctlsHandler } from "./handlers/sysctls.ts";
import { systemRecoveryHandler } from "./handlers/system-recovery.ts";
import { systemdCpusHandler } from "./handlers/systemd-cpus.ts";
import { throughputHandler } from "./handlers/throughput.ts";
import { trafficHandler } from "./handlers/traffic.ts";
import { trafficForwarderHandler } from "./handlers/traffic-forwarder.ts";
import { trafficToolHandler } from "./handlers/traffic-tool.ts";
import { trexHandler } from "./handlers/trex.ts";
import { tunedProfileHandler } from "./handlers/tuned-profile.ts";
import { virtualFunctionHandler } from "./handlers/virtual-function.ts";
import { virtualFunctionsHandler } from "./handlers/virtual-functions.ts";
import { volumeHandler } from "./handlers/volume.ts";
import { workqueuesHandler } from "./handlers/workqueues.ts";
import { xdpRedirectHandler } from "./handlers/xdp-redirect.ts";

/** Who does the work for each type token. A definition without a handler, or the other way round, fails a test. */
export const handlers = [
  emulatedImageHandler,
  emulatedServerHandler,
  factsHandler,
  hugepagesHandler,
  sysctlsHandler,
  bootArgumentsHandler,
  realtimeKernelHandler,
  rebootHandler,
  leaseHandler,
  cpuFrequencyHandler,
  cpuIdleHandler,
  workqueuesHandler,
  memoryManagementHandler,
  machineChecksHandler,
  swapHandler,
  moduleParametersHandler,
  irqAffinityHandler,
  irqBalanceHandler,
  systemdCpusHandler,
  kernelThreadsHandler,
  cacheAllocationHandler,
  tunedProfileHandler,
  packagesHandler,
  virtualFunctionsHandler,
  virtualFunctionHandler,
  driverBindingHandler,
  eswitchModeHandler,
  ovsDaemonHandler,
  ovsBridgeHandler,
  ovsPortHandler,
  ovsBondHandler,
  ovsFlowsHandler,
  networkNamespaceHandler,
  linuxBridgeHandler,
  vethHandler,
  tapHandler,
  macvtapHandler,
  xdpRedirectHandler,
  lxcContainerHandler,
  bootImageHandler,
  volumeHandler,
  domainHandler,
  trafficToolHandler,
  trexHandler,
  trafficForwarderHandler,
  cyclictestHandler,
  oslatHandler,
  hwlatdetectHandler,
  rtlaHandler,
  exitRateHandler,
  exitCostHandler,
  bootTimeHandler,
  densityHandler,
  roundTripHandler,
  trafficHandler,
  throughputHandler,
  frameLossHandler,
  backToBackHandler,
  soakHandler,
  systemRecoveryHandler,
  flowSetupHandler,
  outageHandler,
  criticalLoadHandler,
  liveMigrationHandler,
  exchangeHandler,
] as unknown as readonly Handler[];

export const functionHandlers = [
  getHostFactsHandler,
  getLeasesHandler,
  getDatapathHandler,
  getPathCapabilitiesHandler,
  planCpusHandler,
  planTuningHandler,
  inspectHandler,
] as unknown as readonly FunctionHandler[];
