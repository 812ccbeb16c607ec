export { planTuning } from "../sdk/resources/host.ts";
export {
  CyclictestBenchmark,
  type CyclictestBenchmarkArgs,
  LatencyBenchmark,
  type LatencyBenchmarkArgs,
} from "./benchmarks.ts";
export { EmulatedServer, type EmulatedServerArgs } from "./emulated-server.ts";
export { HostInspection, type HostInspectionArgs } from "./host-inspection.ts";
export type { HostCpus, HostTuningArgs, RebootPermission } from "./host-tuning.ts";
export { LabComponent, type Scope } from "./lab-component.ts";
export { OvsDpdkBridge, type OvsDpdkBridgeArgs } from "./ovs-dpdk-bridge.ts";
export { type SideBySide, type Sides, sideBySide } from "./side-by-side.ts";
export { TunedHost, type TunedHostArgs } from "./tuned-host.ts";
export { tuningByHand } from "./tuning-by-hand.ts";
export { VhostUserVnf, type VhostUserVnfArgs, type VnfNicArgs } from "./vhost-user-vnf.ts";
