import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { text } from "../property.ts";
import type { InForceAt } from "../records.ts";
import { judgeRecords, noTimedRecord } from "../tuned-machines.ts";

const CPU = "/sys/devices/system/cpu";
const LONGEST_US = 2;

/**
 * When something was measured, isolated CPUs ran at the performance governor and slept no deeper than 2 µs, memory was left alone (no transparent huge
 * pages, no merging, no NUMA balancing), and time came from the time stamp counter.
 *
 * Each of them is a pause or a slow clock now and then, found in no average. Judged by what the record shows of the machine that forwards, or runs the guest; what a
 * machine does not have is not asked for. A host that this stack does not tune is advised only.
 *
 * Tune the host: a plan of `planTuning`, or CpuFrequency, CpuIdle, MemoryManagement and Sysctls by hand; then measure again.
 *
 * @severity medium
 * @see https://docs.kernel.org/admin-guide/pm/cpuidle.html, https://docs.kernel.org/admin-guide/mm/transhuge.html and the profile network-latency of tuned
 */
export const tunedWhileMeasured = labPolicy({
  name: "tuned-while-measured",
  description: "When something was measured, frequencies, idle states, memory and clock were fit for it.",
  severity: "medium",
  checks: ["P18", "P19", "P24", "P25"],
  concerns: ["components:TunedHost"],
  remediationSteps: "Tune the host by a plan of planTuning, and measure again.",
  url: "https://docs.kernel.org/admin-guide/pm/cpuidle.html",
  notApplicable: noTimedRecord,
  judge: (lab, findings) =>
    judgeRecords(lab, findings, (benchmark, machine, inForce) => {
      const read = reading(benchmark, inForce);
      return [
        ...governor(read, machine),
        ...idleStates(read, machine),
        ...setting(
          read,
          "/sys/kernel/mm/transparent_hugepage/enabled",
          (value) => value.includes("[never]"),
          "[never]",
        ),
        ...setting(read, "/sys/kernel/mm/ksm/run", (value) => value !== "1", "0"),
        ...setting(read, "/proc/sys/kernel/numa_balancing", (value) => value === "0", "0"),
        ...clock(read),
      ];
    }),
});

/** A text of what was in force. */
type Read = (...path: readonly string[]) => string | undefined;

function reading(benchmark: PolicyResource, inForce: InForceAt): Read {
  return (...path) => {
    const value = text(benchmark, ...inForce, ...path);
    return typeof value === "string" ? value : undefined;
  };
}

function setting(read: Read, path: string, fits: (value: string) => boolean, wanted: string): string[] {
  const value = read("settings", path);
  return value === undefined || fits(value)
    ? []
    : [`${path} was ${JSON.stringify(value)}, expected ${wanted}`];
}

function clock(read: Read): string[] {
  const source = read("clocksource");
  return source === undefined || source === "tsc" ? [] : [`the clock source was ${source}, expected tsc`];
}

function governor(read: Read, { claims }: Machine): string[] {
  const path = `${CPU}/cpu*/cpufreq/scaling_governor`;
  const isolated = claims.find(({ role }) => role === "isolated")?.cpus ?? CpuSet.empty;
  const slow = byCpus(read("settings", path), isolated).filter(({ value }) => value !== "performance");
  return slow.map(
    ({ cpus, value }) => `the governor of isolated CPUs ${cpus.format()} was ${value}, expected performance`,
  );
}

/** A bound on waking up, of the whole host or of each isolated CPU; or a boot line that leaves no deeper state. */
function idleStates(read: Read, { claims }: Machine): string[] {
  const driver = read("settings", `${CPU}/cpuidle/current_driver`);
  if (driver === undefined || driver === "none") return [];
  const line = ` ${read("kernelArguments") ?? ""} `;
  if (/ idle=poll /.test(line)) return [];
  if (/ intel_idle\.max_cstate=0 /.test(line) && / processor\.max_cstate=[01] /.test(line)) return [];
  const bound = read("settings", "/dev/cpu_dma_latency");
  if (bound !== undefined && Number(bound) <= LONGEST_US) return [];
  const isolated = claims.find(({ role }) => role === "isolated")?.cpus ?? CpuSet.empty;
  const each = byCpus(read("settings", `${CPU}/cpu*/power/pm_qos_resume_latency_us`), isolated);
  // As the kernel has it, 0 is no bound and n/a is the tightest one.
  const deep = each.filter(
    ({ value }) => value !== "n/a" && (Number(value) === 0 || Number(value) > LONGEST_US),
  );
  const open = each.length === 0 ? isolated : deep.reduce((all, { cpus }) => all.union(cpus), CpuSet.empty);
  if (open.size === 0) return [];
  return [
    `isolated CPUs ${open.format()} might sleep so deep that waking up takes more than ${LONGEST_US} µs, expected resumeLatency or dmaLatency of CpuIdle to forbid it`,
  ];
}

/** A setting of all CPUs, or by CPUs as `0-1: powersave, 2-15: performance`: what it is of some. */
function byCpus(said: string | undefined, of: CpuSet): { readonly cpus: CpuSet; readonly value: string }[] {
  if (said === undefined || of.size === 0) return [];
  const groups = [...said.matchAll(/([\d,-]+): (.+?)(?=, [\d,-]+: |$)/g)].map(
    ([, list = "", value = ""]) => ({
      cpus: CpuSet.parse(list).intersect(of),
      value,
    }),
  );
  const all = groups.length === 0 ? [{ cpus: of, value: said }] : groups;
  return all.filter(({ cpus }) => cpus.size > 0);
}
