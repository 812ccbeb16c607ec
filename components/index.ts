export {
  CyclictestBenchmark,
  type CyclictestBenchmarkArgs,
  LatencyBenchmark,
  type LatencyBenchmarkArgs,
} from "./benchmarks.ts";
export { EmulatedServer, type EmulatedServerArgs } from "./emulated-server.ts";
export type { HostCpus, HostTuningArgs, RebootPermission } from "./host-tuning.ts";
export { LabComponent, type Scope } from "./lab-component.ts";
export { OvsDpdkBridge, type OvsDpdkBridgeArgs } from "./ovs-dpdk-bridge.ts";
export { TunedHost, type TunedHostArgs } from "./tuned-host.ts";
export { VhostUserVnf, type VhostUserVnfArgs, type VnfNicArgs } from "./vhost-user-vnf.ts";
