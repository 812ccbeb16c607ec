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

/** What a switch did, as a record tells it. */
const switched = (changes: Props = {}) => ({
  ...{ lostUpcalls: 0, drops: {}, retries: { "ovs_tx_retries of vhu0": 12 }, busy: { 8: 0.71 } },
  ...changes,
});

const trial = (loadPps: number, changes: Props = {}) => ({
  ...{ frame: "64", purpose: "search", loadPps, durationMs: 1000, faults: [], switch: switched() },
  ...{ intended: loadPps, received: loadPps, ...changes },
});

const counted = (managementInterrupts: unknown, durationMs = 600_000) => ({
  ...{ ...fingerprint({ onlineCpus: "0-39" }), durationMs },
  disturbances: { machineChecks: 0, throttles: 0, managementInterrupts },
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
  "isolated-cpus-tickless": {
    violates: {
      stack: real(
        {},
        tuned,
        timed({
          interrupts: {
            2: { timerPerSecond: 1000.2, devicesPerSecond: 0, busy: 1 },
            3: { timerPerSecond: 999.8, devicesPerSecond: 0, busy: 0.98 },
            4: { timerPerSecond: 1, devicesPerSecond: 812.5, busy: 0.1 },
          },
        }),
      ),
    },
    passes: {
      stack: real(
        {},
        tuned,
        timed({
          interrupts: {
            2: { timerPerSecond: 2, devicesPerSecond: 10, busy: 1 },
            3: { timerPerSecond: 5000, devicesPerSecond: 0, busy: 0.2 },
          },
        }),
      ),
    },
    notApplicable: { stack: real({}, tuned, timed()) },
    unknown: { stack: real({}, tuned, timed({ interrupts: unknown })) },
  },
  "few-management-interrupts": {
    violates: { stack: real({}, tuned, timed(counted(800))) },
    passes: { stack: real({}, tuned, timed(counted(400)), timed(counted(40, 1000), {}, "short-run")) },
    notApplicable: { stack: real({}, tuned, timed(counted(null))) },
    unknown: { stack: real({}, tuned, timed({ disturbances: unknown })) },
  },
  "switch-lost-nothing": {
    violates: {
      stack: real(
        {},
        tuned,
        timed({ switch: switched({ lostUpcalls: 3, drops: { "ovs_tx_failure_drops of vhu0": 17 } }) }),
        timed(
          {
            trials: [
              trial(9_000_000, { received: 8_000_000, switch: switched({ lostUpcalls: 1_000_000 }) }),
              trial(4_000_000),
              trial(2_000_000, {
                purpose: "latency",
                switch: switched({ drops: { "rx_missed_errors of p0": 5 } }),
              }),
            ],
          },
          {},
          "ndr-run",
        ),
      ),
    },
    passes: {
      stack: real(
        {},
        tuned,
        timed({ switch: switched() }),
        timed(
          {
            trials: [
              trial(9_000_000, { received: 8_000_000, switch: switched({ lostUpcalls: 1_000_000 }) }),
              trial(4_000_000),
              trial(3_000_000, {
                faults: ["saturated generator"],
                switch: switched({ lostUpcalls: 1 }),
              }),
            ],
          },
          {},
          "ndr-run",
        ),
      ),
    },
    notApplicable: { stack: real({}, tuned, timed()) },
    unknown: { stack: real({}, tuned, timed({ switch: unknown })) },
  },
  "poll-mode-headroom": {
    violates: {
      stack: real(
        {},
        tuned,
        timed({
          trials: [
            trial(9_000_000, { received: 8_999_999, switch: switched({ busy: { 8: 1 } }) }),
            trial(4_000_000, { switch: switched({ busy: { 8: 0.973, 9: 0.4 } }) }),
            trial(4_000_000),
          ],
        }),
      ),
    },
    passes: {
      stack: real(
        {},
        tuned,
        timed({
          trials: [
            trial(9_000_000, { received: 8_999_999, switch: switched({ busy: { 8: 1 } }) }),
            trial(4_000_000, { switch: switched({ busy: { 8: 0.95 } }) }),
          ],
        }),
      ),
    },
    notApplicable: { stack: real({}, tuned, timed()) },
    unknown: { stack: real({}, tuned, timed({ trials: unknown })) },
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
