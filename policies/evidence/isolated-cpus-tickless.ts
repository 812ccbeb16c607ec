import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { labPolicy } from "../lab-policy.ts";
import { keys, number, UNKNOWN } from "../property.ts";
import { isTimed, measurementsOf, ownOf } from "../records.ts";
import { judgeRecords } from "../tuned-machines.ts";

/** Share of the time above which a CPU was kept busy: below it, timers are its own work's. */
const BUSY = 0.8;
const TICKS = 2;
const DEVICES = 10;

const FIELDS = [
  ["timerPerSecond", TICKS, "timer ticks", BUSY],
  ["devicesPerSecond", DEVICES, "interrupts of devices", 0],
] as const;

/**
 * While something was measured, isolated CPUs that were busy had at most 2 timer ticks a second, and no isolated CPU more than 10 interrupts of devices.
 *
 * Each tick is some microseconds that a poll-mode thread or a vCPU does not run, a thousand times a second where the CPU is not tickless. The kernel leaves the tick
 * off only while a single task is there to run: a second one, a perf event or a POSIX timer brings it back, and no setting shows that. A CPU that sleeps between its timers,
 * as under cyclictest, is not judged by them.
 *
 * Set `nohzFull` of the boot arguments for these CPUs, one task on each (`leased-cpus-alone`), and IrqAffinity; then measure again.
 *
 * @severity low
 * @see https://docs.kernel.org/timers/no_hz.html
 */
export const isolatedCpusTickless = labPolicy({
  name: "isolated-cpus-tickless",
  description:
    "While something was measured, isolated CPUs that were busy had at most 2 timer ticks a second.",
  severity: "low",
  level: "advisory",
  checks: ["P22", "P23"],
  remediationSteps: "Make the CPUs tickless (nohz_full), keep a single task on each, and measure again.",
  url: "https://docs.kernel.org/timers/no_hz.html",
  notApplicable: (lab) =>
    measurementsOf(lab).some(
      ({ benchmark }) => isTimed(benchmark) && keys(benchmark, "record", "interrupts") !== undefined,
    )
      ? undefined
      : "this stack has no record with interrupts of isolated CPUs",
  judge: (lab, findings) =>
    judgeRecords(
      lab,
      findings,
      (benchmark) => {
        const cpus = keys(benchmark, "record", "interrupts");
        if (cpus === UNKNOWN)
          findings.pending(
            `record.interrupts of ${benchmark.name}`,
            "whether CPUs were tickless",
            benchmark.urn,
          );
        return typeof cpus !== "object"
          ? []
          : FIELDS.flatMap(([field, most, what, busyAtLeast]) => {
              const noisy = cpus.flatMap((cpu) => {
                const [rate, busy] = [read(benchmark, cpu, field), read(benchmark, cpu, "busy")];
                return rate > most && busy >= busyAtLeast ? [{ cpu: Number(cpu), rate }] : [];
              });
              if (noisy.length === 0) return [];
              const rates = Math.max(...noisy.map(({ rate }) => rate));
              const which = CpuSet.of(noisy.map(({ cpu }) => cpu)).format();
              return [
                `isolated CPUs ${which} had up to ${rates} ${what} a second${busyAtLeast > 0 ? " while they were busy" : ""}, expected at most ${most}`,
              ];
            });
      },
      ownOf,
    ),
});

function read(benchmark: PolicyResource, cpu: string, field: string): number {
  const value = number(benchmark, "record", "interrupts", cpu, field);
  return typeof value === "number" ? value : 0;
}
