export { planTuning, planTuningOutput } from "../sdk/resources/host.ts";
export type { Attachment, ChainMember, DirectAttachment, SwitchedAttachment } from "./attachment.ts";
export {
  type CpuBenchmarkArgs,
  CyclictestBenchmark,
  type CyclictestBenchmarkArgs,
  LatencyBenchmark,
  type LatencyBenchmarkArgs,
} from "./benchmarks.ts";
export { bridgedEnd, functionEnd, switchedEnd } from "./chain-ends.ts";
export { type ContainerNicArgs, ContainerVnf, type ContainerVnfArgs } from "./container-vnf.ts";
export { type Densities, densities } from "./densities.ts";
export {
  DensityBenchmark,
  type DensityBenchmarkArgs,
  type DensityContainersArgs,
  type DensityGuestsArgs,
} from "./density-benchmark.ts";
export { EmulatedServer, type EmulatedServerArgs } from "./emulated-server.ts";
export { ExchangeBenchmark, type ExchangeBenchmarkArgs, type ExchangePath } from "./exchange-benchmark.ts";
export { type ExitCostTable, exitCostTable, type PublishedExitCosts } from "./exit-costs.ts";
export { ForwarderVnf, type ForwarderVnfArgs } from "./forwarder-vnf.ts";
export type { FileVolume, PoolVolume, VnfDiskArgs } from "./guest-disk.ts";
export { type GuestRoute, GuestVnf, type GuestVnfArgs } from "./guest-vnf.ts";
export { HostInspection, type HostInspectionArgs } from "./host-inspection.ts";
export type { HostCpus, HostTuningArgs, RebootPermission } from "./host-tuning.ts";
export { LabComponent, type Scope } from "./lab-component.ts";
export {
  BootTimeBenchmark,
  type BootTimeBenchmarkArgs,
  ExitCostBenchmark,
  type ExitCostBenchmarkArgs,
  ExitRateBenchmark,
  type ExitRateBenchmarkArgs,
  HwlatdetectBenchmark,
  type HwlatdetectBenchmarkArgs,
  OslatBenchmark,
  type OslatBenchmarkArgs,
  RtlaBenchmark,
  type RtlaBenchmarkArgs,
} from "./latency-benchmarks.ts";
export { type LibvirtDomainArgs, type LibvirtGuestArgs, libvirtDomainArgs } from "./libvirt-domain.ts";
export {
  LiveMigrationBenchmark,
  type LiveMigrationBenchmarkArgs,
  type MigrationTrafficArgs,
} from "./live-migration-benchmark.ts";
export { compareMigrations, type MigrationComparison, type MigrationSides } from "./migration-comparison.ts";
export { OutageBenchmark, type OutageBenchmarkArgs, type OutageEventArgs } from "./outage-benchmark.ts";
export { type BridgePortArgs, OvsDpdkBridge, type OvsDpdkBridgeArgs } from "./ovs-dpdk-bridge.ts";
export { comparePaths, type MeasuredPath, type PathComparison } from "./path-comparison.ts";
export {
  type ChainEnd,
  type ChainHop,
  type MemberEnd,
  ServiceChain,
  type ServiceChainArgs,
} from "./service-chain.ts";
export { type SideBySide, type Sides, sideBySide } from "./side-by-side.ts";
export { SiteCommand, type SiteCommandArgs } from "./site-command.ts";
export { SriovVnf, type SriovVnfArgs } from "./sriov-vnf.ts";
export { type StartUps, startUps } from "./start-ups.ts";
export { TapVnf, type TapVnfArgs } from "./tap-vnf.ts";
export {
  BackToBackBenchmark,
  type BackToBackBenchmarkArgs,
  CriticalLoadBenchmark,
  type CriticalLoadBenchmarkArgs,
  FlowSetupBenchmark,
  type FlowSetupBenchmarkArgs,
  FrameLossBenchmark,
  type FrameLossBenchmarkArgs,
  SoakBenchmark,
  type SoakBenchmarkArgs,
  SystemRecoveryBenchmark,
  type SystemRecoveryBenchmarkArgs,
  ThroughputBenchmark,
  type ThroughputBenchmarkArgs,
} from "./throughput-benchmark.ts";
export { TrafficBenchmark, type TrafficBenchmarkArgs } from "./traffic-benchmark.ts";
export type { GeneratorArgs, TrafficEnd, TrafficPath, VnfEnd } from "./traffic-generator.ts";
export { TunedHost, type TunedHostArgs } from "./tuned-host.ts";
export { tuningByHand } from "./tuning-by-hand.ts";
export { VhostUserVnf, type VhostUserVnfArgs } from "./vhost-user-vnf.ts";
export type { NamedDevice, PciDevice, VnfNicArgs } from "./vnf-nic.ts";
