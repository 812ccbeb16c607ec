import { type PolicyCases, unknown } from "../../policies/testing.ts";
import { inForce, nothing, on, type Props, real, timed, tuned } from "./case.ts";
import { benchmark, testbed } from "./testbed.ts";

const fingerprint = (changes: Props, settings: Props = {}) => ({
  fingerprint: { ...inForce, ...changes, settings: { ...inForce.settings, ...settings } },
});

const budget = (more: Props = {}) => ({
  budgets: [{ metric: "guest.timer.latency", percentile: "99", maxNs: 20_000, ...more }],
});

/** What leaving a guest costs: of a hypercall the figures of 2014. */
const exits = (median = 1600, record: Props = {}) => {
  const hypercall = {
    ...{ name: "guest.exit.hypercall.cycles", unit: "cycles", percentiles: { 50: median } },
    interval95: { low: median - 10, high: median + 10 },
  };
  return { ...timed(record, hypercall, "exit-cost-run"), type: "nfvlab:bench:ExitCost" };
};

const linked = (link: Props, address = "0000:05:00.0") => ({
  ...{ address, numaNode: 0 },
  link: { speed: 8, lanes: 8, mostSpeed: 8, mostLanes: 8, ...link },
});

const served = (mode: string, folderMode: string) => ({
  ...{ path: "/run/nfvlab-vhost/vhu0.sock", mode, folderMode },
});

/** Cases of policies on what is in force and what was measured. */
export const casesOfEvidence: Readonly<Record<string, PolicyCases>> = {
  "pools-granted": {
    violates: {
      stack: real(
        {},
        on("host:Hugepages", "few", { numaNode: 0, size: "1GiB", count: 12, written: 12, intact: false }),
        on("host:Hugepages", "pool", { numaNode: 0, size: "2MiB", count: 300, written: 512, intact: false }),
      ),
    },
    passes: {
      stack: real(
        {},
        on("host:Hugepages", "pool", { numaNode: 0, size: "2MiB", count: 512, written: 512, intact: true }),
      ),
    },
    notApplicable: { stack: real() },
    unknown: {
      stack: real(
        {},
        on("host:Hugepages", "pool", {
          numaNode: 0,
          size: "2MiB",
          count: 512,
          written: 512,
          intact: unknown,
        }),
      ),
    },
  },
  "tuned-in-force": {
    violates: {
      stack: real(
        {},
        on("host:CpuFrequency", "frequency", { cpus: "1-9", governor: "powersave" }),
        on("host:CpuIdle", "idle", { cpus: "1-9", resumeLatency: "unlimited" }),
        on("host:CpuIdle", "shallow", { cpus: "21-29", resumeLatency: "20us" }),
        on("host:MemoryManagement", "memory", { transparentHugepages: "madvise", ksm: true }),
        on("host:Sysctls", "kernel", { values: { "kernel.numa_balancing": 1, "vm.stat_interval": 1 } }),
      ),
    },
    passes: {
      stack: real(
        {},
        on("host:CpuFrequency", "frequency", { cpus: "1-9", governor: "performance" }),
        on("host:CpuIdle", "idle", { cpus: "1-9", resumeLatency: "0us", dmaLatency: "20us" }),
        on("host:CpuIdle", "shallow", { cpus: "21-29", resumeLatency: "2us" }),
        on("host:MemoryManagement", "memory", { transparentHugepages: "never", ksm: false }),
        on("host:Sysctls", "kernel", { values: { "kernel.numa_balancing": 0, "vm.stat_interval": 1 } }),
        on("host:Sysctls", "other", { values: { "kernel.numa_balancing": "0" } }),
      ),
    },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, on("host:CpuIdle", "idle", { cpus: "1-9", resumeLatency: unknown })) },
  },
  "leased-cpus-alone": {
    violates: {
      stack: real(
        {},
        on("host:Lease", "lease", {
          parts: { cpus: "1-9" },
          strangers: ["stress-ng (4711) on CPU 3", "python3 (815) on CPUs 3-4"],
          held: false,
        }),
      ),
    },
    passes: {
      stack: real({}, on("host:Lease", "lease", { parts: { cpus: "1-9" }, strangers: [], held: true })),
    },
    notApplicable: { stack: real() },
    unknown: { stack: real({}, on("host:Lease", "lease", { parts: { cpus: "1-9" }, strangers: unknown })) },
  },
  "sockets-closed": {
    violates: {
      stack: real({ "vnf1-domain": { sockets: { east: served("757", "777") } } }),
    },
    passes: { stack: real({ "vnf1-domain": { sockets: { east: served("755", "770") } } }) },
    notApplicable: nothing,
    unknown: { stack: real({ "vnf1-domain": { sockets: unknown } }) },
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
  "switch-steady-while-measured": {
    violates: {
      stack: real(
        {},
        tuned,
        timed(
          fingerprint({
            switchOptions: {
              "pmd-auto-lb": "true",
              "pmd-sleep-max": "0,2:100",
              "pmd-maxsleep": "50",
              "tx-flush-interval": "10",
            },
          }),
        ),
      ),
    },
    passes: {
      stack: real(
        {},
        tuned,
        timed(
          fingerprint({
            switchOptions: { "pmd-auto-lb": "false", "pmd-sleep-max": "0,2:0", "tx-flush-interval": "0" },
          }),
        ),
      ),
    },
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
  "links-at-full": {
    violates: { stack: real({ "dut-facts": { nics: [linked({ lanes: 4 }), linked({}, "0000:06:00.0")] } }) },
    passes: { stack: real({ "dut-facts": { nics: [linked({}), linked({ speed: 2.5 }, "0000:06:00.0")] } }) },
    notApplicable: nothing,
    unknown: { stack: real({ "dut-facts": { nics: unknown } }) },
  },
  "hypercall-cost": {
    violates: { stack: real({}, exits(3195)) },
    passes: { stack: real({}, exits()) },
    notApplicable: { stack: real({}, timed(), exits(1600, { functional: true })) },
    unknown: { stack: real({}, exits(1600, { metrics: undefined })) },
  },
  "latency-budget": {
    violates: { stack: real({}, timed({}, { percentiles: { 99: 20_001 } })), config: budget() },
    passes: { stack: real({}, timed()), config: budget() },
    notApplicable: { stack: real({}, timed()) },
    unknown: { stack: real({}, timed({ metrics: undefined })), config: budget() },
  },
};
