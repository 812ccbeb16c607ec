import { cyclictest, roundTrip } from "./benchmarks.ts";
import { bootArguments } from "./boot-arguments.ts";
import { cacheAllocation } from "./cache-allocation.ts";
import { cpuFrequency } from "./cpu-frequency.ts";
import { cpuIdle } from "./cpu-idle.ts";
import { planCpus } from "./cpu-plan.ts";
import type { FunctionDefinition, ResourceDefinition } from "./definition.ts";
import { density } from "./density.ts";
import { emulatedImage, emulatedServer } from "./emulate.ts";
import { exchange } from "./exchange.ts";
import { facts, getHostFacts } from "./facts.ts";
import { hugepages } from "./hugepages.ts";
import { inspect } from "./inspection.ts";
import { irqAffinity } from "./irq-affinity.ts";
import { irqBalance } from "./irq-balance.ts";
import { kernelThreads } from "./kernel-threads.ts";
import { bootTime, exitCost, exitRate, hwlatdetect, oslat, rtla } from "./latency.ts";
import { getLeases, lease } from "./lease.ts";
import { bootImage, libvirtDomain } from "./libvirt.ts";
import { container } from "./lxc.ts";
import { machineChecks } from "./machine-checks.ts";
import { memoryManagement } from "./memory-management.ts";
import { liveMigration } from "./migration.ts";
import { moduleParameters } from "./module-parameters.ts";
import { linuxBridge, macvtap, networkNamespace, tap, veth } from "./net.ts";
import { outage } from "./outage.ts";
import { ovsBond, ovsBridge, ovsDaemon, ovsFlows, ovsPort } from "./ovs.ts";
import { getDatapath } from "./ovs-datapath.ts";
import { packages } from "./packages.ts";
import { getPathCapabilities } from "./path-capabilities.ts";
import { driverBinding, eswitchMode, virtualFunction, virtualFunctions } from "./pci.ts";
import { realtimeKernel } from "./realtime-kernel.ts";
import { reboot } from "./reboot.ts";
import { swap } from "./swap.ts";
import { sysctls } from "./sysctls.ts";
import { systemdCpus } from "./systemd-cpus.ts";
import {
  backToBack,
  criticalLoad,
  flowSetup,
  frameLoss,
  soak,
  systemRecovery,
  throughput,
} from "./throughput.ts";
import { traffic, trafficForwarder, trafficTool, trex } from "./traffic.ts";
import { tunedProfile } from "./tuned-profile.ts";
import { planTuning } from "./tuning-plan.ts";
import { volume } from "./volume.ts";
import { workqueues } from "./workqueues.ts";
import { xdpRedirect } from "./xdp.ts";

/** Every resource of the provider. What is not here does not exist. */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  emulatedImage,
  emulatedServer,
  facts,
  hugepages,
  sysctls,
  bootArguments,
  realtimeKernel,
  reboot,
  lease,
  cpuFrequency,
  cpuIdle,
  workqueues,
  memoryManagement,
  machineChecks,
  swap,
  moduleParameters,
  irqAffinity,
  irqBalance,
  systemdCpus,
  kernelThreads,
  cacheAllocation,
  tunedProfile,
  packages,
  virtualFunctions,
  virtualFunction,
  driverBinding,
  eswitchMode,
  ovsDaemon,
  ovsBridge,
  ovsPort,
  ovsBond,
  ovsFlows,
  networkNamespace,
  linuxBridge,
  veth,
  tap,
  macvtap,
  xdpRedirect,
  container,
  bootImage,
  volume,
  libvirtDomain,
  trafficTool,
  trex,
  trafficForwarder,
  cyclictest,
  oslat,
  hwlatdetect,
  rtla,
  exitRate,
  exitCost,
  bootTime,
  density,
  roundTrip,
  traffic,
  throughput,
  frameLoss,
  backToBack,
  soak,
  systemRecovery,
  flowSetup,
  outage,
  criticalLoad,
  liveMigration,
  exchange,
];

export const functionDefinitions: readonly FunctionDefinition[] = [
  getHostFacts,
  getLeases,
  getDatapath,
  getPathCapabilities,
  planCpus,
  planTuning,
  inspect,
];
