import type { Case, Declared } from "../../policies/testing.ts";
import { benchmark } from "./testbed.ts";
import { workedReference } from "./worked-reference.ts";

export type Props = Readonly<Record<string, unknown>>;
export type Changes = Readonly<Record<string, Props>>;

export const dut = { name: "dut", connection: { kind: "local" } };

/** A resource on the host of the worked reference, which is no emulated one. */
export const on = (type: string, name: string, props: Props): Declared => ({
  type: `nfvlab:${type}`,
  name,
  props: { host: dut, ...props },
});

/** The worked reference with changes and more on its host. */
export const real = (changes: Changes = {}, ...more: readonly Declared[]): Declared[] => [
  ...workedReference(changes),
  ...more,
];

export const command = (create: unknown, props: Props = {}): Declared => ({
  type: "command:remote:Command",
  name: "by-hand",
  props: { connection: { host: "10.0.0.7" }, create, ...props },
});

/** Guest of the worked reference with vCPUs 1 and 2 in real time. */
export const realtime = (props: Props = {}, changes: Changes = {}, ...more: readonly Declared[]) =>
  real({ "vnf1-domain": { realtimeVcpus: { vcpus: "1-2", priority: 1 }, ...props }, ...changes }, ...more);

export const inForce = {
  bootId: "11111111-1111-4111-8111-111111111111",
  machineId: "m",
  hash: "aaaaaaaaaaaaaaaa",
  kernelArguments: "isolcpus=1-9,21-29",
  isolatedCpus: "1-9,21-29",
  nohzFullCpus: "",
  clocksource: "tsc",
  settings: {
    "/sys/devices/system/cpu/cpuidle/current_driver": "intel_idle",
    "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor":
      "0,10-20,30-39: powersave, 1-9,21-29: performance",
    "/sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us": "0,10-20,30-39: 0, 1-9,21-29: n/a",
    "/sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]",
    "/sys/kernel/mm/ksm/run": "0",
    "/proc/sys/kernel/numa_balancing": "0",
    "/dev/cpu_dma_latency": "2000000000",
  },
};

/** A record of the real host. */
export const timed = (record: Props = {}, metric: Props = {}, name = "guest-timers-run"): Declared => {
  const { props, type } = benchmark({ fingerprint: inForce, ...record }, metric);
  return { type, name, props: { ...props, host: dut } };
};

/** What makes the host one that this stack tunes. */
export const tuned = on("host:BootArguments", "dut-boot", {
  arguments: { isolcpus: { cpus: "1-9,21-29" } },
  pending: [],
});

/** A stack without anything. */
export const nothing: Case = { stack: [] };
