import { type PolicyCases, unknown } from "../../policies/testing.ts";
import { inForce, nothing, on, type Props, real, timed, tuned } from "./case.ts";
import { benchmark, testbed } from "./testbed.ts";

const fingerprint = (changes: Props, settings: Props = {}) => ({
  fingerprint: { ...inForce, ...changes, settings: { ...inForce.settings, ...settings } },
});

const budget = (more: Props = {}) => ({
  budgets: [{ metric: "guest.timer.latency", percentile: "99", maxNs: 20_000, ...more }],
});

/** Cases of policies on what is in force and what was measured. */
export const casesOfEvidence: Readonly<Record<string, PolicyCases>> = {
  "pools-granted": {
    violates: {
      stack: real({}, on("host:Hugepages", "pool", { numaNode: 0, size: "2MiB", count: 512, written: 300 })),
    },
    passes: {
      stack: real({}, on("host:Hugepages", "pool", { numaNode: 0, size: "2MiB", count: 512, written: 512 })),
    },
    notApplicable: { stack: real() },
    unknown: {
      stack: real(
        {},
        on("host:Hugepages", "pool", { numaNode: 0, size: "2MiB", count: 512, written: unknown }),
      ),
    },
  },
  "switch-in-force": {
    violates: {
      stack: real({
        "br0-daemon": { initialized: false },
        "br0-uplink": { ofport: -1, up: false },
        "br0-vhu0": { ofport: 2, up: false },
      }),
    },
    passes: { stack: real({ "br0-daemon": { initialized: true }, "br0-uplink": { ofport: 1, up: true } }) },
    notApplicable: nothing,
    unknown: { stack: real({ "br0-daemon": { initialized: unknown } }) },
  },
  "isolated-while-measured": {
    violates: { stack: real({}, tuned, timed(fingerprint({ isolatedCpus: "1-9" }))) },
    passes: { stack: real({}, tuned, timed()) },
    notApplicable: { stack: testbed({ more: [benchmark({ functional: true })] }) },
    unknown: {
      stack: real({ dut: { cpus: { housekeeping: "0,10-20,30-39", isolated: unknown } } }, tuned, timed()),
    },
  },
  "tuned-while-measured": {
    violates: {
      stack: real(
        {},
        tuned,
        timed(
          fingerprint(
            { clocksource: "hpet" },
            {
              "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor": "powersave",
              "/sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us": "0-4: n/a, 5-39: 0",
              "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
              "/sys/kernel/mm/ksm/run": "1",
              "/proc/sys/kernel/numa_balancing": "1",
            },
          ),
        ),
      ),
    },
    passes: { stack: real({}, tuned, timed()) },
    notApplicable: { stack: testbed({ more: [benchmark({ functional: true })] }) },
    unknown: { stack: real({}, tuned, timed({ fingerprint: unknown })) },
  },
  "nothing-pending": {
    violates: {
      stack: real(
        {},
        on("host:BootArguments", "boot", { pending: ["nohz_full=1-9"] }),
        on("host:RealtimeKernel", "kernel", { running: false }),
        on("host:Reboot", "reboot", { rolledBack: true, verified: false }),
        on("host:ModuleParameters", "kvm", { module: "kvm", pending: ["halt_poll_ns"] }),
        timed(),
      ),
    },
    passes: {
      stack: real({}, tuned, on("host:Reboot", "reboot", { rolledBack: false, verified: true }), timed()),
    },
    notApplicable: { stack: testbed({ more: [benchmark({ functional: true })] }) },
    unknown: { stack: real({}, on("host:BootArguments", "boot", { pending: unknown }), timed()) },
  },
  "latency-budget": {
    violates: { stack: real({}, timed({}, { percentiles: { 99: 20_001 } })), config: budget() },
    passes: { stack: real({}, timed()), config: budget() },
    notApplicable: { stack: real({}, timed()) },
    unknown: { stack: real({}, timed({ metrics: undefined })), config: budget() },
  },
};
