import { type Declared, type PolicyCases, unknown } from "../../policies/testing.ts";
import { nothing, on, type Props, real, realtime } from "./case.ts";

const cyclictest = (props: Props): Declared =>
  on("bench:Cyclictest", "guest-timers-run", {
    subject: { kind: "guest", domain: "vnf1", cpus: "1" },
    coLoad: { kind: "memory", cpus: "11-19" },
    ...props,
  });

const group = (name: string, mask: unknown): Declared =>
  on("host:CacheAllocation", name, { name, cpus: "1", schemata: { L3: { 0: mask } } });

/** Cases of policies on who runs where. */
export const casesOfCpus: Readonly<Record<string, PolicyCases>> = {
  "exclusive-cpus": {
    violates: { stack: real({ "vnf1-domain": { vcpuPins: ["8"] } }) },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "br0-daemon": { pmdCpus: unknown } }) },
  },
  "housekeeping-on-every-node": {
    violates: { stack: real({ dut: { cpus: { housekeeping: "1,20", isolated: "2-9,21-29" } } }) },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real().filter(({ name }) => name !== "dut-facts") },
  },
  "one-numa-node-per-chain": {
    violates: { stack: real({ "vnf1-domain": { vcpuPins: ["1", "11"] } }) },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "vnf1-domain": { numaNode: unknown } }) },
  },
  "one-owner-per-core": {
    violates: { stack: real({ "br0-daemon": { pmdCpus: "8,23" } }) },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real().filter(({ name }) => name !== "dut-facts") },
  },
  "realtime-sibling-idle": {
    violates: { stack: realtime({}, { "br0-daemon": { pmdCpus: "8-9,22,28-29" } }) },
    passes: { stack: realtime() },
    notApplicable: { stack: real() },
    unknown: { stack: realtime({ realtimeVcpus: unknown }) },
  },
  "one-cpu-per-vcpu": {
    violates: { stack: real({ "vnf1-domain": { vcpuPins: ["1", "2-3"] } }) },
    passes: { stack: real() },
    notApplicable: nothing,
    unknown: { stack: real({ "vnf1-domain": { vcpuPins: ["1", unknown] } }) },
  },
  "emulator-outside-isolated": {
    violates: { stack: real({ "vnf1-domain": { emulatorCpus: "0,4", iothreadPins: ["5"] } }) },
    passes: { stack: real({ "vnf1-domain": { iothreadPins: ["20"] } }) },
    notApplicable: nothing,
    unknown: { stack: real({ "vnf1-domain": { iothreadPins: [unknown] } }) },
  },
  "work-outside-isolated": {
    violates: {
      stack: real(
        {},
        on("host:IrqAffinity", "irqs", { cpus: "0-1", defaultCpus: "0" }),
        on("host:IrqBalance", "balance", { bannedCpus: "1-9" }),
        on("host:Workqueues", "work", { cpus: "0,4" }),
        on("host:SystemdCpus", "services", { cpuAffinity: "0-39", allowedCpus: { machine: "0-39" } }),
        on("host:KernelThreads", "threads", { threads: { rcuog: { cpus: "2" } } }),
        on("host:BootArguments", "boot", { arguments: { irqaffinity: "0-1", kthreadCpus: "0" } }),
      ),
    },
    passes: {
      stack: real(
        {},
        on("host:IrqAffinity", "irqs", { cpus: "0,10-20,30-39" }),
        on("host:IrqBalance", "balance", { bannedCpus: "1-9,21-29" }),
        on("host:KernelThreads", "threads", { threads: { ksoftirqd: { policy: "fifo", priority: 2 } } }),
      ),
    },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, on("host:IrqAffinity", "irqs", { cpus: unknown })) },
  },
  "realtime-on-isolated": {
    violates: {
      stack: realtime(
        { vcpuPins: ["1", "2", "4"], emulatorScheduling: { priority: 5 } },
        { dut: { cpus: { housekeeping: "0,4,10-20,30-39", isolated: "1-3,5-9,21-29" } } },
        on("host:Sysctls", "kernel", { values: { "kernel.sched_rt_runtime_us": -1 } }),
      ),
    },
    passes: { stack: realtime() },
    notApplicable: { stack: real() },
    unknown: { stack: realtime({ realtimeVcpus: { vcpus: unknown } }) },
  },
  "realtime-guest-undisturbed": {
    violates: {
      stack: realtime({
        features: { pmu: true, hintDedicated: false },
        mergePages: true,
        locked: false,
        cpu: { migratable: true },
      }),
    },
    passes: { stack: realtime({ features: { pmu: false }, locked: true }) },
    notApplicable: { stack: real({ "vnf1-domain": { features: { pmu: true } } }) },
    unknown: { stack: realtime({ features: { pmu: unknown } }) },
  },
  "realtime-guest-keeps-house": {
    violates: { stack: realtime({ realtimeVcpus: { vcpus: "0-2", priority: 1 } }) },
    passes: { stack: realtime() },
    notApplicable: { stack: real() },
    unknown: { stack: realtime({ realtimeVcpus: { vcpus: unknown } }) },
  },
  "boot-arguments-agree": {
    violates: {
      stack: real(
        {},
        on("host:BootArguments", "boot", { arguments: { isolcpus: { cpus: "1-9,21-29" }, nohzFull: "1-9" } }),
      ),
    },
    passes: {
      stack: real(
        {},
        on("host:BootArguments", "boot", {
          arguments: { isolcpus: { cpus: "1-9,21-29" }, nohzFull: "1-9,21-29" },
        }),
      ),
    },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, on("host:BootArguments", "boot", { arguments: { nohzFull: unknown } })) },
  },
  "cache-shares-apart": {
    violates: { stack: real({}, group("one", "0f0"), group("other", "7e0")), config: { ioWays: "600" } },
    passes: { stack: real({}, group("one", "00f"), group("other", "0f0")), config: { ioWays: "600" } },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, group("one", unknown), group("other", "0f0")) },
  },
  "co-load-apart": {
    violates: { stack: real({}, cyclictest({ coLoad: { kind: "cpu", cpus: "2,8,22" } })) },
    passes: { stack: real({}, cyclictest({})) },
    notApplicable: { stack: real({}, cyclictest({ coLoad: undefined })) },
    unknown: { stack: real({}, cyclictest({ coLoad: { kind: "cpu", cpus: unknown } })) },
  },
};
