/**
 * nfvlab: testbeds for network functions as programs. Resources by room, as their type tokens name them; units and errors; the shapes of facts
 * and records. Compositions to write stacks with are in `nfvlab/components`.
 */
export * as bench from "./resources/bench.ts";
export * as emulate from "./resources/emulate.ts";
export * as host from "./resources/host.ts";
export type { ArgsOf, Wired } from "./resources/lab-resource.ts";
export * as libvirt from "./resources/libvirt.ts";
export * as lxc from "./resources/lxc.ts";
export * as net from "./resources/net.ts";
export * as ovs from "./resources/ovs.ts";
export * as pci from "./resources/pci.ts";
export * as traffic from "./resources/traffic.ts";
export type { Connection, HostReference } from "./schema/connection.ts";
export type { CpuDemand } from "./schema/cpu-demand.ts";
export type { CpuPlan } from "./schema/cpu-plan.ts";
export type { HostFacts } from "./schema/facts.ts";
export type { Fingerprint, Metric, ResultRecord } from "./schema/record.ts";
export type { FoundCriticalLoad, FoundThroughput, FrameSize, ThroughputGoal } from "./schema/throughput.ts";
export type { TrafficFrames, TrafficPort } from "./schema/traffic.ts";
export type { TrafficGenerator } from "./schema/traffic-generator.ts";
export type { TuningOverrides, TuningPlan, TuningSettings, TuningSource } from "./schema/tuning-plan.ts";
export { type CpuList, CpuSet } from "./units/cpuset.ts";
export { type Duration, nanoseconds } from "./units/duration.ts";
export { HostError, InputError, LabError, TransportError, VerificationError } from "./units/errors.ts";
export type { PciAddress } from "./units/pci.ts";
export type { Rate } from "./units/rate.ts";
export { bytes, type Size } from "./units/size.ts";
