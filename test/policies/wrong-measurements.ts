import type { Declared } from "../../policies/testing.ts";
import { dut, inForce, type Props, real, timed, tuned } from "./case.ts";
import { cases } from "./cases.ts";
import { added, changed, row, type WrongProgram } from "./wrong-program.ts";

const load = (cpus: string) => ({
  subject: { kind: "guest", domain: "vnf1", cpus: "1" },
  coLoad: { kind: "cpu", cpus },
});
const record = (changes: Props, settings: Props = {}, more: Props = {}) =>
  timed({
    fingerprint: { ...inForce, ...changes, settings: { ...inForce.settings, ...settings } },
    ...more,
  });
/** Frames from a machine that nothing is claimed of, through the host of the worked reference; and a guest that goes to another machine and back. */
const found: Props = {
  ...inForce,
  isolatedCpus: "",
  clocksource: "hpet",
  switchOptions: { "pmd-auto-lb": "true" },
};
const forwarded = (systemUnderTest: Props, more: Props = {}) => {
  const { props } = timed(
    { fingerprint: found, others: { systemUnderTest }, asked: {}, ...more },
    {},
    "frames-run",
  );
  const machines = { host: { ...dut, name: "generator" }, systemUnderTest: dut };
  return { type: "nfvlab:bench:Traffic", name: "frames-run", props: { ...props, ...machines } };
};
const spare = { ...dut, name: "spare" };
const spareTuned: readonly Declared[] = [
  {
    type: "nfvlab:components:TunedHost",
    name: "spare",
    props: { reference: spare, cpus: { housekeeping: "0,10-20,30-39", isolated: "1-9,21-29" } },
  },
  { ...tuned, name: "spare-boot", props: { ...tuned.props, host: spare } },
  ...real()
    .filter(({ type }) => type === "nfvlab:host:Facts")
    .map((facts) => ({
      ...facts,
      name: "spare-facts",
      parent: "spare",
      props: { ...facts.props, host: spare },
    })),
];
const migrated = (destination: Props) => {
  const { props } = timed({ others: { destination }, asked: {} }, {}, "migration-run");
  return {
    type: "nfvlab:bench:LiveMigration",
    name: "migration-run",
    props: { ...props, destination: spare },
  };
};
const managementInterrupts = (count: number) => ({
  durationMs: 60_000,
  disturbances: { machineChecks: 0, throttles: 0, managementInterrupts: count },
});
const switched = (changes: Props) => ({ lostUpcalls: 0, drops: {}, retries: {}, busy: {}, ...changes });
const searched = (busy: number) => ({
  ...{ frame: "64", purpose: "search", loadPps: 1000, durationMs: 1000, faults: [] },
  ...{ intended: 1000, received: 1000 },
  switch: { lostUpcalls: 0, drops: {}, retries: {}, busy: { 8: busy } },
});
const migration = (percentiles: Props, max: number) => ({
  ...{ name: "guest.migration.downtime", samples: 10, percentiles, max },
  repetitions: Array.from({ length: 10 }, () => ({ samples: 1, min: max, median: max, max })),
});
const downtime = {
  budgets: [{ metric: "guest.migration.downtime", percentile: "max", maxNs: 10_000_000, minRepetitions: 10 }],
};
const exits = (median: number) => {
  const hypercall = {
    ...{ name: "guest.exit.hypercall.cycles", unit: "cycles", percentiles: { 50: median } },
    interval95: { low: median, high: median },
  };
  return { ...timed({}, hypercall, "exit-cost-run"), type: "nfvlab:bench:ExitCost" };
};
const p99 = { budgets: [{ metric: "guest.timer.latency", percentile: "99", maxNs: 20_000 }] };

/** Mistakes about measurements. */
export const wrongMeasurements: readonly WrongProgram[] = [
  changed(
    "poll-mode threads that sleep while latency is measured",
    "switch-steady",
    "br0-daemon",
    { pmdSleepMax: "100us" },
    tuned,
    timed(),
  ),
  changed(
    "a policer in the path that is measured",
    "switch-steady",
    "br0-uplink",
    { ingressPolicing: { rate: 1_000_000 } },
    tuned,
    timed(),
  ),
  added("load on a CPU that is measured", "co-load-apart", "bench:Cyclictest", load("2,11"), load("11")),
  added("load on a poll-mode thread's CPU", "co-load-apart", "bench:Cyclictest", load("8"), load("11")),
  row(
    "a generator on the system under test",
    "generator-apart",
    [...(cases["generator-apart"]?.violates.stack ?? [])],
    [...(cases["generator-apart"]?.passes.stack ?? [])],
  ),
  added(
    "fewer huge pages than asked for",
    "pools-granted",
    "host:Hugepages",
    { numaNode: 0, size: "1GiB", count: 12, written: 12, intact: false },
    { numaNode: 0, size: "1GiB", count: 12, written: 12, intact: true },
  ),
  added(
    "huge pages that somebody took",
    "pools-granted",
    "host:Hugepages",
    { numaNode: 1, size: "2MiB", count: 200, written: 256, intact: false },
    { numaNode: 1, size: "2MiB", count: 256, written: 256, intact: true },
  ),
  added(
    "a process of somebody else on a leased CPU",
    "leased-cpus-alone",
    "host:Lease",
    { parts: { cpus: "1-9,21-29" }, strangers: ["stress-ng (4711) on CPU 3"], held: true },
    { parts: { cpus: "1-9,21-29" }, strangers: [], held: true },
  ),
  changed("a vhost-user socket that everybody may write to", "sockets-closed", "vnf1-domain", {
    sockets: { east: { path: "/run/nfvlab-vhost/vhu0.sock", mode: "777", folderMode: "770" } },
  }),
  added(
    "idle states that wake up late",
    "tuned-in-force",
    "host:CpuIdle",
    { name: "isolated", cpus: "1-9,21-29", resumeLatency: "100us" },
    { name: "isolated", cpus: "1-9,21-29", resumeLatency: "0us" },
  ),
  changed("a switch without DPDK", "switch-in-force", "br0-daemon", { initialized: false }),
  row(
    "a measurement before the reboot",
    "nothing-pending",
    real({}, { ...tuned, props: { ...tuned.props, pending: ["nohz_full=1-9"] } }, timed()),
    real({}, tuned, timed()),
  ),
  row(
    "a measurement on CPUs that were not isolated",
    "isolated-while-measured",
    real({}, tuned, record({ isolatedCpus: "" })),
    real({}, tuned, timed()),
  ),
  row(
    "a measurement under a slow governor",
    "tuned-while-measured",
    real({}, tuned, record({}, { "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor": "powersave" })),
    real({}, tuned, timed()),
  ),
  row(
    "a measurement by another clock than the TSC",
    "tuned-while-measured",
    real({}, tuned, record({ clocksource: "hpet" })),
    real({}, tuned, timed()),
  ),
  row(
    "a measurement through a switch that balances its load",
    "switch-steady-while-measured",
    real({}, tuned, record({ switchOptions: { "pmd-auto-lb": "true" } })),
    real({}, tuned, timed()),
  ),
  row(
    "a system under test on another machine, whose CPUs were not isolated",
    "isolated-while-measured",
    real({}, tuned, forwarded({ ...inForce, isolatedCpus: "" })),
    real({}, tuned, forwarded(inForce)),
  ),
  row(
    "a system under test on another machine, with another clock than the TSC",
    "tuned-while-measured",
    real({}, tuned, forwarded({ ...inForce, clocksource: "hpet" })),
    real({}, tuned, forwarded(inForce)),
  ),
  row(
    "a system under test on another machine, whose switch balances its load",
    "switch-steady-while-measured",
    real({}, tuned, forwarded({ ...inForce, switchOptions: { "pmd-auto-lb": "true" } })),
    real({}, tuned, forwarded(inForce)),
  ),
  row(
    "a system under test on another machine, which waits for a reboot",
    "nothing-pending",
    real({}, { ...tuned, props: { ...tuned.props, pending: ["nohz_full=1-9"] } }, forwarded(inForce)),
    real({}, tuned, forwarded(inForce)),
  ),
  row(
    "traffic from another machine through a switch that had no room for some of it",
    "switch-lost-nothing",
    real({}, tuned, forwarded(inForce, { switch: switched({ lostUpcalls: 3 }) })),
    real({}, tuned, forwarded(inForce, { switch: switched({}) })),
  ),
  row(
    "a migration to a machine whose CPUs were not isolated",
    "isolated-while-measured",
    real({}, tuned, ...spareTuned, migrated({ ...inForce, isolatedCpus: "" })),
    real({}, tuned, ...spareTuned, migrated(inForce)),
  ),
  row(
    "a migration to a machine under a slow governor",
    "tuned-while-measured",
    real(
      {},
      tuned,
      ...spareTuned,
      migrated({
        ...inForce,
        settings: {
          ...inForce.settings,
          "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor": "powersave",
        },
      }),
    ),
    real({}, tuned, ...spareTuned, migrated(inForce)),
  ),
  row(
    "a measurement on isolated CPUs that are not tickless",
    "isolated-cpus-tickless",
    real({}, tuned, timed({ interrupts: { 2: { timerPerSecond: 250, devicesPerSecond: 0, busy: 1 } } })),
    real({}, tuned, timed({ interrupts: { 2: { timerPerSecond: 1, devicesPerSecond: 0, busy: 1 } } })),
  ),
  row(
    "a measurement under firmware that polls by management interrupts",
    "few-management-interrupts",
    real({}, tuned, record({ onlineCpus: "0-39" }, {}, managementInterrupts(40 * 60))),
    real({}, tuned, record({ onlineCpus: "0-39" }, {}, managementInterrupts(0))),
  ),
  row(
    "a throughput of a switch that has no room to spare",
    "poll-mode-headroom",
    real({}, tuned, timed({ trials: [searched(1)] })),
    real({}, tuned, timed({ trials: [searched(0.9)] })),
  ),
  row(
    "traffic through a switch that had no room for some of it",
    "switch-lost-nothing",
    real(
      {},
      tuned,
      timed({
        switch: { lostUpcalls: 0, drops: { "ovs_tx_failure_drops of vhu0": 3 }, retries: {}, busy: {} },
      }),
    ),
    real({}, tuned, timed({ switch: { lostUpcalls: 0, drops: {}, retries: {}, busy: {} } })),
  ),
  changed("a card in a slot that is too narrow", "links-at-full", "dut-facts", {
    nics: [
      {
        ...{ address: "0000:05:00.0", numaNode: 0 },
        link: { speed: 8, lanes: 4, mostSpeed: 8, mostLanes: 8 },
      },
    ],
  }),
  row(
    "a host that is a guest itself, where each exit costs many times as much",
    "hypercall-cost",
    real({}, tuned, exits(40_000)),
    real({}, tuned, exits(1600)),
  ),
  row(
    "a record of the boot before",
    "latency-budget",
    real({}, tuned, record({ bootId: "22222222-2222-4222-8222-222222222222" })),
    real({}, tuned, timed()),
    p99,
  ),
  row(
    "a record with wake-ups missing",
    "latency-budget",
    real({}, tuned, timed({ valid: false, invalidReasons: ["12 wake-ups missing"] })),
    real({}, tuned, timed()),
    p99,
  ),
  row(
    "a downtime limit given in seconds that were meant as milliseconds",
    "latency-budget",
    real({}, tuned, timed({}, migration({}, 100_000_000))),
    real({}, tuned, timed({}, migration({}, 9_000_000))),
    downtime,
  ),
];
