import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { experimentOf } from "../../sdk/cli/experiment.ts";
import type { StateResource } from "../../sdk/cli/state-resource.ts";
import { binsOf } from "../../sdk/measure/bins.ts";
import { metricOf, single } from "../../sdk/measure/metric.ts";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { benchmark, hostFacts, recordOf, resources, urn } from "./state.ts";

const of = (state: readonly StateResource[]) => experimentOf("lab", "rack", "2026-03-02", state, []);

function only<T>(list: readonly T[]): T {
  const [item] = list;
  if (item === undefined || list.length > 1) throw new Error(`one is expected, not ${list.length}`);
  return item;
}

const measured = (repetition: Partial<Parameters<typeof recordOf>[0][number]>) =>
  recordOf([{ buckets: [[2_000, 10]], overflow: 0, max: 2_000, expected: 10, ...repetition }]);

describe("the machines of a state", () => {
  const [dut, peer] = of(resources).hosts;

  it("are those whose facts are there, by the name that ids begin with", () => {
    expect(of(resources).hosts.map(({ name }) => name)).toEqual(["dut", "peer"]);
    expect(dut?.description).toBe("Xeon, Linux 6.12.48");
  });

  it("have their own switch, ports and guests, though the state has their connections encrypted", () => {
    expect(dut?.bridges).toEqual([
      {
        name: "br0",
        addresses: ["198.18.0.1/24"],
        ports: [
          { name: "vhu0", kind: "dpdkvhostuserclient", peer: "", socket: "/run/vhu0.sock", up: true },
          { name: "uplink", kind: "dpdk", peer: "0000:5e:00.0", up: false },
        ],
      },
    ]);
    expect(dut?.guests).toEqual([
      {
        name: "vnf",
        memory: "256MiB",
        numaNode: 1,
        vcpuPins: ["3"],
        running: true,
        nics: [{ name: "east", address: "198.18.0.2/24", socket: "/run/vhu0.sock" }],
      },
    ]);
    expect(peer).toMatchObject({ bridges: [], guests: [] });
  });

  it("have CPUs with their cores and who uses them, and pools on their nodes", () => {
    expect(dut?.nodes).toEqual([
      {
        node: 0,
        cpus: [
          { cpu: 0, core: 0, role: "housekeeping" },
          { cpu: 1, core: 1, role: "isolated" },
        ],
        hugepages: [],
      },
      {
        node: 1,
        cpus: [
          { cpu: 2, core: 0, role: "pmd" },
          { cpu: 3, core: 1, role: "vcpu", guest: { name: "vnf", vcpu: 0 } },
        ],
        hugepages: ["512 × 2MiB"],
      },
      { node: 2, cpus: [], hugepages: [] },
    ]);
    expect(peer?.nodes[0]?.cpus.map(({ role }) => role)).toEqual(["other", "other"]);
  });

  it("don't have what was replaced and waits to be deleted", () => {
    expect(JSON.stringify(of(resources))).not.toContain("br9");
  });

  it("are told apart where one is called like a part of the other's ids", () => {
    const { hosts } = of([hostFacts("dut"), hostFacts("ovs"), ...resources]);
    expect(hosts.find(({ name }) => name === "ovs")?.bridges).toEqual([]);
  });

  it("tell no secret", () => {
    expect(JSON.stringify(of(resources))).not.toMatch(/ciphertext|4dabf18193072939515e22adb298388d/);
  });

  it("are none in a state of none", () => {
    expect(of([])).toEqual({
      project: "lab",
      stack: "rack",
      madeAt: "2026-03-02",
      hosts: [],
      inspections: [],
      paths: [],
      records: [],
      verdicts: [],
    });
  });
});

describe("the paths of a state", () => {
  const path = {
    stations: [
      { name: "gen", place: "user space", does: "sends" },
      { name: "vnf", place: "guest", does: "receives" },
    ],
    segments: [{ down: "virtio-user", carrier: "ovs-dpdk", over: "br0", up: "vhost-user" }],
  };
  const component: StateResource = {
    ...{ urn: urn("nfvlab:components:TrafficBenchmark", "pv"), type: "nfvlab:components:TrafficBenchmark" },
    outputs: { path },
  };
  const counts = (sent: number, received: number) => ({
    ...{ planned: sent, sent, received, lost: sent - received, duplicated: 0, reordered: 0 },
  });
  const run = (frames: object): StateResource => ({
    ...{ urn: urn("nfvlab:bench:Traffic", "pv-run"), type: "nfvlab:bench:Traffic", id: "dut/traffic/pv" },
    outputs: { frames, record: measured({}) },
  });

  it("have the frames of both directions, as their run counted them", () => {
    const found = of([component, run({ forward: counts(100, 98), reverse: counts(50, 50) })]).paths;
    expect(only(found)).toMatchObject({
      ...{ name: "pv", path, functional: false, valid: true },
      frames: { sent: 150, received: 148, lost: 2 },
    });
  });

  it.each(["traffic.forward.latency", "exchange.round-trip"])("have %s as their latency", (name) => {
    const buckets = Array.from({ length: 1000 }, (_, index) => [1000 * (index + 1), 1] as const);
    const { metrics, ...rest } = measured({ buckets, max: 1_000_000, expected: 1000 });
    const record = { ...rest, metrics: [{ ...only(metrics), name }] };
    const frames = { forward: counts(1000, 1000), reverse: null };
    const { latency } = only(of([component, { ...run({}), outputs: { frames, record } }]).paths);
    expect(latency?.longestNs).toBe(1_000_000);
    expect(latency?.medianNs).toBeCloseTo(500_000, -4);
    expect(latency?.p99Ns).toBeCloseTo(990_000, -4);
    const few = { ...record, metrics: [{ ...only(record.metrics), percentiles: { 50: 500_000, 99: null } }] };
    const [path] = of([component, { ...run({}), outputs: { frames, record: few } }]).paths;
    expect(path?.latency).toEqual({
      ...{ medianNs: 500_000, p99Ns: null, longestNs: 1_000_000, variationNs: null },
    });
  });

  it("have how far the latency of one frame in a thousand lies above the least", () => {
    const { metrics, ...rest } = measured({});
    const latency = { ...only(metrics), name: "traffic.forward.latency" };
    const pdv = { ...latency, name: "traffic.forward.latency.pdv", percentiles: { "99.9": 3_000 } };
    const record = { ...rest, metrics: [latency, pdv] };
    const frames = { forward: counts(1000, 1000), reverse: null };
    const [path] = of([component, { ...run({}), outputs: { frames, record } }]).paths;
    expect(path?.latency?.variationNs).toBe(3_000);
  });

  it("are drawn before anything was sent, and left out where they are none", () => {
    expect(only(of([component]).paths)).not.toHaveProperty("frames");
    const counted = only(of([component, run({ forward: counts(1, 1), reverse: null })]).paths);
    expect(counted).not.toHaveProperty("latency");
    expect(of([{ ...component, outputs: { path: { stations: "many" } } }]).paths).toEqual([]);
  });
});

describe("the inspections of a state", () => {
  const row = (knob: string, verdict: string) => ({
    ...{ knob, wanted: "10", effective: "1", configured: "", pending: false, verdict },
    ...{ note: "", source: "tuned", reason: "fewer workers" },
  });
  const inspection = {
    knobs: [row("sysctls.vm.stat_interval", "differs")],
    firmware: [row("firmware.turbo", "not verifiable here")],
    ...{ machine: "", rivals: [], summary: "0 of 1 setting as wanted; 1 differs", explanation: "" },
    counts: { asWanted: 0, differs: 1, pending: 0, notOnThisMachine: 0, notVerifiable: 0 },
  };
  const looked = (outputs: Record<string, unknown>): StateResource => ({
    ...{
      urn: urn("nfvlab:components:HostInspection", "dut"),
      type: "nfvlab:components:HostInspection",
      outputs,
    },
  });

  it("come with every setting, those of the firmware last", () => {
    const { host, summary, settings } = only(of([looked({ inspection })]).inspections);
    expect([host, summary]).toEqual(["dut", "0 of 1 setting as wanted; 1 differs"]);
    expect(settings).toEqual([
      {
        ...{ name: "sysctls.vm.stat_interval", wanted: "10", effective: "1", configured: "" },
        ...{ verdict: "differs", note: "" },
      },
      expect.objectContaining({ name: "firmware.turbo", verdict: "not verifiable here" }),
    ]);
  });

  it("are left out where they are not known yet, or of another version", () => {
    expect(of([looked({}), looked({ inspection: { ...inspection, knobs: "many" } })]).inspections).toEqual(
      [],
    );
  });
});

describe("the tuning of a state", () => {
  const component = (name: string, outputs: Record<string, unknown>): StateResource => ({
    ...{ urn: urn("nfvlab:components:TunedHost", name), type: "nfvlab:components:TunedHost", outputs },
  });
  const on = (type: string, outputs: Record<string, unknown>, name = "dut"): StateResource => ({
    ...{ urn: urn(`nfvlab:host:${type}`, type), type: `nfvlab:host:${type}`, id: `${name}/${type}`, outputs },
  });
  const tuned = (wanted: object, ...others: StateResource[]) =>
    only(of([hostFacts("dut"), component("dut", { wanted }), ...others]).inspections);

  it("has each setting with what the state has in force, and what the next boot brings", () => {
    const wanted = {
      profile: "nfv",
      resources: {
        bootArguments: { arguments: { nohzFull: "2-3", skewTick: true } },
        sysctls: { values: { "vm.stat_interval": 120, "vm.swappiness": 10 } },
        memoryManagement: { transparentHugepages: "never" },
        cpuIdle: { cpus: "2-3", resumeLatency: "0us", dmaLatency: "20us" },
        workqueues: { cpus: "0-1" },
        irqBalance: { bannedCpus: "3,2" },
        systemdCpus: { cpuAffinity: "0-1", allowedCpus: { system: "0-1" } },
        kernelThreads: { threads: { ksoftirqd: { policy: "fifo", priority: 2 } } },
        moduleParameters: [{ module: "kvm", parameters: { halt_poll_ns: 0, tdp_mmu: false } }],
        swap: {},
      },
      hugepages: [{ numaNode: 1, size: "2MiB", count: 512 }],
    };
    const { host, summary, settings } = tuned(
      wanted,
      on("BootArguments", { configured: true, effective: ["nohz_full=2-3"], pending: ["skew_tick=1"] }),
      on("Sysctls", { values: { "vm.stat_interval": 120, "vm.swappiness": 60 }, persisted: true }),
      on("MemoryManagement", { transparentHugepages: "never", persisted: true }),
      on("CpuIdle", { cpus: "2-3", resumeLatency: "0us", dmaLatency: "20us", persisted: false }),
      on("IrqBalance", { presence: "running", effective: null, configured: "2-3", pending: true }),
      on("SystemdCpus", {
        effective: { manager: "0-1", system: "0-3" },
        configured: { manager: "0-1", system: "0-1" },
      }),
      on("KernelThreads", { threads: { ksoftirqd: { policy: "fifo", priority: 2 } }, persisted: true }),
      on("ModuleParameters", {
        ...{ module: "kvm", configured: { halt_poll_ns: "0", tdp_mmu: "N" } },
        ...{ effective: { halt_poll_ns: "0", tdp_mmu: "Y" }, pending: ["tdp_mmu"] },
      }),
      on("Swap", { effective: [], configured: [] }),
      on("Hugepages", { numaNode: 1, size: "2MiB", count: 500 }),
      // Another machine's are no evidence of this one.
      on("Workqueues", { cpus: "0-1", persisted: true }, "peer"),
    );
    expect([host, summary]).toEqual([
      "dut",
      "by the stack's state beside profile nfv, 9 of 16 settings as wanted",
    ]);
    const rows = settings.map(({ name, wanted: asked, effective, configured, verdict }) =>
      [name, asked, effective, configured, verdict].join(" | "),
    );
    expect(rows).toEqual([
      "bootArguments.nohz_full | nohz_full=2-3 | nohz_full=2-3 | nohz_full=2-3 | as wanted",
      "bootArguments.skew_tick | skew_tick=1 |  | skew_tick=1 | pending",
      "sysctls.vm.stat_interval | 120 | 120 | 120 | as wanted",
      "sysctls.vm.swappiness | 10 | 60 | 10 | differs",
      "memoryManagement.transparentHugepages | never | never | never | as wanted",
      "cpuIdle.resumeLatency | 0us of CPU 2-3 | 0us of CPU 2-3 |  | as wanted",
      "cpuIdle.dmaLatency | 20us | 20us |  | as wanted",
      "workqueues.cpus | 0-1 |  |  | differs",
      "swap | off | off | off | as wanted",
      "irqBalance.bannedCpus | 3,2 |  | 3,2 | pending",
      "systemdCpus.cpuAffinity | 0-1 | 0-1 | 0-1 | as wanted",
      "systemdCpus.allowedCpus.system | 0-1 | 0-3 | 0-1 | differs",
      'kernelThreads.ksoftirqd | {"policy":"fifo","priority":2} | {"policy":"fifo","priority":2} | {"policy":"fifo","priority":2} | as wanted',
      "moduleParameters.kvm.halt_poll_ns | 0 | 0 | 0 | as wanted",
      "moduleParameters.kvm.tdp_mmu | N | Y | N | pending",
      "hugepages.node1/2MiB | 512 | 500 |  | differs",
    ]);
  });

  it("says why there is none", () => {
    const why = (state: StateResource[]) => only(of(state).inspections);
    expect(why([hostFacts("dut")])).toEqual({
      ...{ host: "dut", settings: [] },
      summary: "no settings: no TunedHost tunes it, and no HostInspection has looked at it",
    });
    expect(tuned({ resources: {} }).summary).toMatch(/^no settings: its TunedHost has no tuning, sysctls/);
    expect(why([hostFacts("dut"), component("dut", {})]).summary).toMatch(/another version wrote its state/);
  });

  it("is what an inspection found, where one has looked", () => {
    const inspection = {
      ...{ knobs: [], firmware: [], machine: "", rivals: [], summary: "0 of 0 settings", explanation: "" },
      counts: { asWanted: 0, differs: 0, pending: 0, notOnThisMachine: 0, notVerifiable: 0 },
    };
    const looked = {
      ...{ urn: urn("nfvlab:components:HostInspection", "dut"), type: "nfvlab:components:HostInspection" },
      outputs: { inspection },
    };
    expect(tuned({ resources: { swap: {} } }, looked).summary).toBe("0 of 0 settings");
  });
});

describe("the records of a state", () => {
  it("come with figures, command and what was in force, by dotted names", () => {
    const { name, command, metrics, inForce } = only(of([benchmark(measured({}))]).records);
    expect(name).toBe("host-timers");
    expect(command).toBe("cyclictest --quiet (cyclictest 2.60)");
    expect(only(metrics)).toMatchObject({ samples: 10, minNs: 2_000, maxNs: 2_000, overflow: 0 });
    expect(inForce).toMatchObject({
      hash: "5c1fe0b7",
      microcode: "unknown",
      "settings./proc/sys/vm/swappiness": "60",
      "hugepages.node1/2MiB": "512",
    });
  });

  it("are shown as invalid where they can't be read, with the field and how to get a new one", () => {
    const { fingerprint, ...rest } = measured({});
    const { switchState, ...older } = fingerprint;
    const record = only(of([benchmark({ ...rest, fingerprint: older })]).records);
    expect(record).toMatchObject({ name: "host-timers", kind: "Cyclictest", valid: false, metrics: [] });
    expect(record.invalidReasons).toEqual([
      "the record in the state can't be read by this version (fingerprint.switchState); measure again: " +
        `pulumi up --replace '${urn("nfvlab:bench:Cyclictest", "host-timers-run")}'`,
    ]);
    expect(only(of([benchmark(undefined)]).records).valid).toBe(false);
  });

  it("keep their own reasons", () => {
    const record = recordOf([{ buckets: [[2_000, 1]], overflow: 0, max: 2_000, expected: 9 }], {
      valid: false,
      invalidReasons: ["8 of 9 samples never came"],
    });
    expect(only(of([benchmark(record)]).records).invalidReasons).toEqual(["8 of 9 samples never came"]);
  });
});

describe("what a search came to", () => {
  const metric = (name: string, ...values: number[]) =>
    metricOf({ name, unit: "pps", direction: "higher" }, values.map(single));
  const trial = { purpose: "search", durationMs: 1000, intended: 1000, faults: [] as string[] } as const;
  const found = measured({});
  const searched = {
    ...{ ...found, remarks: ["64 ndr: unstable"] },
    metrics: [
      ...found.metrics,
      metric("throughput.64.ndr", 900, 950),
      metric("throughput.64.ndr.lower", 910, 960),
      metric("throughput.imix.ndr", 300),
    ],
    trials: [
      { ...trial, frame: "64", purpose: "self-test", loadPps: 5000, received: 1000 },
      { ...trial, frame: "64", loadPps: 1000, received: 750, faults: ["saturated generator"] },
      { ...trial, frame: "64", loadPps: 1000, received: 990 },
      { ...trial, frame: "imix", loadPps: 300, received: 1000 },
      { ...trial, frame: "64", loadPps: 910, received: 1000 },
      { ...trial, frame: "64", purpose: "latency", loadPps: 450, received: 1000 },
    ],
  } as ResultRecord;

  it("is loss by load of each frame size, by the trials that count, with the least throughput of all repetitions", () => {
    const { losses, remarks, metrics } = only(of([benchmark(searched)]).records);
    expect(remarks).toEqual(["64 ndr: unstable"]);
    expect(metrics.map(({ name }) => name)).toEqual(found.metrics.map(({ name }) => name));
    expect(losses).toEqual([
      {
        frame: "64 bytes",
        trials: [
          { loadPps: 1000, lossRatio: 0.01 },
          { loadPps: 910, lossRatio: 0 },
        ],
        found: [{ goal: "ndr", throughputPps: 900, lowerPps: 910, upperPps: null }],
      },
      {
        frame: "imix",
        trials: [{ loadPps: 300, lossRatio: 0 }],
        found: [{ goal: "ndr", throughputPps: 300, lowerPps: null, upperPps: null }],
      },
    ]);
  });

  it("is nothing of a record without trials, and there is none of a measurement that was interrupted", () => {
    expect(only(of([benchmark(found)]).records).losses).toEqual([]);
    expect(of([benchmark(null)]).records).toEqual([]);
  });
});

describe("latency under load", () => {
  const latency = (frame: string, percent: number, direction: string) =>
    metricOf({ name: `latency.${frame}.${percent}.${direction}`, unit: "ns", direction: "lower" }, [
      { buckets: [[percent * 100, 50]], overflow: 0, max: percent * 100, expected: 50 },
    ]);
  const trial = (frame: string, loadPps: number) => ({
    frame,
    purpose: "latency" as const,
    loadPps,
    durationMs: 1000,
    intended: 9,
    received: 9,
    faults: [],
  });
  const loaded = recordOf([], {
    metrics: [
      ...[10, 90].flatMap((percent) => [
        latency("64", percent, "forward"),
        latency("64", percent, "reverse"),
      ]),
      ...[10, 90].map((percent) => latency("imix", percent, "forward")),
    ],
    trials: [trial("64", 100), trial("64", 900), trial("imix", 30), trial("imix", 270)],
  });
  const loads = (record: ResultRecord) =>
    only(of([benchmark(record)]).records).loads.map(({ frame, direction, points }) => [
      `${frame} ${direction}`,
      ...points.map(({ percent, loadPps, metric }) => [percent, loadPps, metric.medianNs]),
    ]);

  it("is told by frame size and direction, each share with the load of its trial", () => {
    expect(loads(loaded)).toEqual([
      ["64 bytes forward", [10, 100, 1000], [90, 900, 9000]],
      ["64 bytes reverse", [10, 100, 1000], [90, 900, 9000]],
      ["imix forward", [10, 30, 1000], [90, 270, 9000]],
    ]);
  });

  it("has no load where the trials don't fit the shares", () => {
    const few = { ...loaded, trials: [trial("64", 100), trial("imix", 30), trial("imix", 270)] };
    expect(loads(few)[0]).toEqual(["64 bytes forward", [10, null, 1000], [90, null, 9000]]);
  });
});

describe("what was measured once in each repetition", () => {
  it("is a figure, not a distribution", () => {
    const record = recordOf([], {
      metrics: [
        metricOf(
          { name: "guest.migration.total", unit: "ns", direction: "lower" },
          [3e6, 1e6, 2e6].map(single),
        ),
        metricOf({ name: "exits", unit: "1/s", direction: "lower" }, [
          { buckets: [[5, 100]], overflow: 0, max: 5, expected: 100 },
        ]),
      ],
    });
    const { metrics, figures } = only(of([benchmark(record)]).records);
    expect(metrics).toEqual([]);
    expect(figures.map(({ name, unit, each }) => [name, unit, each])).toEqual([
      ["guest.migration.total", "ns", [3e6, 1e6, 2e6]],
      ["exits", "1/s", [5]],
    ]);
    expect(figures[0]).toMatchObject({ median: 2e6, min: 1e6, max: 3e6 });
  });

  it("has the phases of each migration beside it", () => {
    const events = [
      { event: "MIGRATION", status: "setup", afterUs: 0 },
      { event: "MIGRATION_PASS", afterUs: 9_000 },
      { event: "MIGRATION", status: "failed", afterUs: 20_000 },
    ];
    const record = { ...measured({}), migrations: [{ outcome: "failed" as const, events }] };
    expect(only(of([benchmark(record)]).records).migrations).toEqual([
      {
        outcome: "failed",
        phases: [
          { kind: "setup", fromNs: 0, toNs: 9e6 },
          { kind: "pass", pass: 1, fromNs: 9e6, toNs: 20e6 },
        ],
      },
    ]);
  });
});

describe("a way that packets took", () => {
  const path = {
    stations: [
      { name: "east", place: "guest", does: "sends" },
      { name: "west", place: "guest", does: "receives" },
    ],
    segments: [{ down: "ivshmem", carrier: "memory", over: "ring", up: "ivshmem" }],
  };
  const there = { planned: 9, sent: 9, received: 8, lost: 1, duplicated: 0, reordered: 0 };
  const back = { planned: 8, sent: 8, received: 8, lost: 0, duplicated: 0, reordered: 0 };

  it.each(["nfvlab:bench:Traffic", "nfvlab:bench:Exchange"])(
    "is counted by %s, both directions together",
    (type) => {
      const component = "nfvlab:components:Frames";
      const record = recordOf([{ buckets: [[2_000, 1]], overflow: 0, max: 2_000, expected: 1 }]);
      const { paths } = of([
        { type: component, urn: urn(component, "ring"), inputs: {}, outputs: { path } },
        {
          ...{ type, urn: urn(type, "ring-run"), inputs: {} },
          outputs: { record, frames: { forward: there, reverse: back } },
        },
      ] as StateResource[]);
      expect(paths).toEqual([
        {
          name: "ring",
          path,
          functional: record.functional,
          valid: record.valid,
          frames: { sent: 17, received: 16, lost: 1 },
        },
      ]);
    },
  );
});

describe("the percentile curve of a record", () => {
  const curveOf = (repetition: Parameters<typeof measured>[0]) =>
    only(only(of([benchmark(measured(repetition))]).records).metrics).curve;

  it("ends where fewer than one sample lies beyond", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => [(index + 1) * 10, 1] as const);
    const curve = curveOf({ buckets: hundred, max: 1_000 });
    expect(curve.at(-1)).toEqual([99, 990]);
    expect(curve.find(([percentile]) => percentile === 50)).toEqual([50, 500]);
  });

  it("counts samples beyond the range among all, and ends before them", () => {
    const ninety = Array.from({ length: 90 }, (_, index) => [(index + 1) * 10, 1] as const);
    const curve = curveOf({ buckets: ninety, overflow: 10, max: 5_000 });
    // Of a hundred samples the 50th is the 50th that was recorded, not the median of the ninety.
    expect(curve.find(([percentile]) => percentile === 50)).toEqual([50, 500]);
    expect(curve.at(-1)).toEqual([90, 900]);
  });

  it("is empty where every sample lies beyond the range", () => {
    expect(curveOf({ buckets: [], overflow: 5, max: 5_000 })).toEqual([]);
  });
});

describe("the bins of a histogram", () => {
  const buckets = fc.array(fc.tuple(fc.integer({ min: 1, max: 1e8 }), fc.integer({ min: 1, max: 1000 })), {
    maxLength: 40,
  });
  const histogramOf = (list: readonly (readonly [number, number])[]) =>
    metricOf({ name: "x", unit: "ns", direction: "lower" }, [
      { buckets: list, overflow: 0, max: Math.max(1, ...list.map(([value]) => value)), expected: 0 },
    ]).histogram;

  it("hold every sample once, adjoin, and hold each where it belongs", () => {
    fc.assert(
      fc.property(buckets, (list) => {
        const bins = binsOf(histogramOf(list));
        const total = list.reduce((sum, [, count]) => sum + count, 0);
        expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(total);
        for (const [index, bin] of bins.entries()) {
          expect(bin.toNs / bin.fromNs).toBeCloseTo(10 ** 0.1, 6);
          const next = bins[index + 1];
          if (next !== undefined) expect(next.fromNs).toBeCloseTo(bin.toNs, 3);
        }
        // Three significant digits: a value at an edge may be in the next bin.
        for (const [value] of list)
          expect(
            bins.some(
              ({ fromNs, toNs, count }) =>
                count > 0 && fromNs <= value * 1.001 + 1 && toNs >= value * 0.999 - 1,
            ),
          ).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("are none of nothing", () => {
    expect(binsOf(histogramOf([]))).toEqual([]);
  });
});
