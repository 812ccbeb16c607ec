import { describe, expect, it } from "vitest";
import { metricOf } from "../../sdk/measure/metric.ts";
import { recordOf } from "../../sdk/measure/record.ts";
import { planCoLoad, recordedCoLoad } from "../../sdk/plan/co-load.ts";
import type { CoLoad } from "../../sdk/schema/benchmarks.ts";
import type { HostFacts } from "../../sdk/schema/facts.ts";
import type { Fingerprint } from "../../sdk/schema/record.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { factsOf, twoSockets } from "./cpu-planner-machines.ts";

const facts = factsOf(twoSockets) as HostFacts;
const GIB = 2 ** 30;
const machine = { name: "dut", facts, stressNg: "0.18.12", space: { total: 100 * GIB, free: 50 * GIB } };
const measurement = { unit: "nfvlab-1234abcd-timers", measured: CpuSet.parse("2-3"), seconds: 90 };
const plan = (load: CoLoad, change: Partial<typeof machine> = {}) =>
  planCoLoad(load, { ...machine, ...change }, measurement);

describe("load beside a measurement", () => {
  it("is one instance a CPU, each in a unit of its own that ends by itself", () => {
    const { units, start, leastBusy, command } = plan({ kind: "cpu", cpus: "4-5" });
    expect(units).toEqual(["nfvlab-1234abcd-timers-load-4.service", "nfvlab-1234abcd-timers-load-5.service"]);
    expect(start.map(({ purpose }) => purpose)).toEqual(["load CPU 4 with cpu", "load CPU 5 with cpu"]);
    expect(start[1]?.argv).toEqual([
      ...["systemd-run", "--unit=nfvlab-1234abcd-timers-load-5", "--collect", "--quiet"],
      ...["--property=RuntimeMaxSec=90", "--property=CPUAffinity=5"],
      ...["--property=RuntimeDirectory=nfvlab-1234abcd-timers-load-5", "--property=KillMode=mixed"],
      ...["--property=TimeoutStopSec=20", "--property=OOMScoreAdjust=1000"],
      "--property=ExecStopPost=/bin/cat /run/nfvlab-1234abcd-timers-load-5/metrics.yaml",
      ...["stress-ng", "--cpu", "1", "--cpu-method", "all", "--taskset", "5", "--timeout", "90s"],
      ...["--metrics-brief", "--yaml", "/run/nfvlab-1234abcd-timers-load-5/metrics.yaml"],
    ]);
    expect(command.join(" ")).toBe("stress-ng --cpu 1 --cpu-method all --taskset 4 --timeout 90s");
    expect(leastBusy).toBe(0.95);
  });

  it("of memory shares the free memory of each node among its instances there, and no more", () => {
    const { start } = plan({ kind: "memory", cpus: "4-5,10", memoryPercent: 25 });
    const amounts = start.map(({ argv }) => argv[argv.indexOf("--vm-bytes") + 1]);
    const free = (node: number) => (facts.numaNodes[node]?.memoryFreeKib ?? 0) / 1024;
    expect(amounts).toEqual([
      ...[`${Math.floor(free(0) / 8)}m`, `${Math.floor(free(0) / 8)}m`, `${Math.floor(free(1) / 4)}m`],
    ]);
    for (const { argv } of start) expect(argv.join(" ")).toMatch(/--property=MemoryMax=\d+M /);
  });

  it("of input and output writes files of bounded size in a folder that goes with it", () => {
    const [step] = plan({ kind: "io", cpus: "4" }).start;
    const text = step?.argv.join(" ");
    expect(text).toContain("--hdd 1 --hdd-bytes 64m");
    expect(text).toContain("--temp-path /var/tmp/nfvlab-1234abcd-timers-load-4");
    expect(text).toContain("--property=ExecStopPost=/bin/rm -rf /var/tmp/nfvlab-1234abcd-timers-load-4");
  });

  it.each([
    [
      "a measured CPU",
      { kind: "cpu", cpus: "3-4" },
      {},
      /load on CPU 3-4, and CPU 3 is measured, expected CPUs of other cores/,
    ],
    [
      "the other thread of a measured core",
      { kind: "cpu", cpus: "5,23" },
      {},
      /and CPU 23 shares its core with 3/,
    ],
    ["a CPU that is not there", { kind: "cpu", cpus: "99" }, {}, /CPU 99 is not online on dut/],
    [
      "a machine without stress-ng",
      { kind: "cpu", cpus: "5" },
      { stressNg: undefined },
      /observed no stress-ng/,
    ],
    [
      "a disk that is nearly full",
      { kind: "io", cpus: "5" },
      { space: { total: 100 * GIB, free: 20 * GIB } },
      /20480 MiB free, expected at least 20544 MiB/,
    ],
    ["a disk that nobody knows", { kind: "io", cpus: "5" }, { space: undefined }, /no answer from df/],
    [
      "a node without free memory",
      { kind: "memory", cpus: "5" },
      { facts: { ...facts, numaNodes: facts.numaNodes.map((node) => ({ ...node, memoryFreeKib: 20_000 })) } },
      /9 MiB for each of 1, expected at least 16 MiB/,
    ],
  ] as const)("is refused on %s", (_, load, change, message) => {
    expect(() => plan(load, change as Partial<typeof machine>)).toThrow(message);
  });

  it("may lie on what is measured where the program says so", () => {
    expect(plan({ kind: "cpu", cpus: "3,23", overlap: "allow" }).cpus.format()).toBe("3,23");
  });
});

describe("the record of a measurement beside load", () => {
  const fingerprint = { hash: "1", bootId: "2" } as Fingerprint;
  const latency = { name: "host.timer.latency", unit: "ns", direction: "lower" } as const;
  const recordWith = (busy: number, running: readonly string[], kind: CoLoad["kind"] = "cpu") => {
    const load = plan({ kind, cpus: "4-5" });
    const coLoad = recordedCoLoad(load, {
      busy: (cpu) => (cpu === 4 ? 1 : busy),
      running: running.map((unit) => `${measurement.unit}-load-${unit}.service\n`).join(""),
      operations: 12,
    });
    return recordOf({
      ...{ kind: "cyclictest", subject: "dut", before: fingerprint, after: fingerprint },
      metrics: [metricOf(latency, [{ buckets: [[1000, 10]], overflow: 0, max: 1000, expected: 10 }])],
      ...{ tool: { command: [], version: "" }, startedAt: "", durationMs: 1, functional: false, coLoad },
    });
  };

  it("says how busy each CPU was kept", () => {
    const { coLoad, valid } = recordWith(0.97123456, ["4", "5"]);
    expect(coLoad).toMatchObject({
      cpus: "4-5",
      busy: { 4: 1, 5: 0.9712 },
      ended: "",
      operations: 12,
      version: "0.18.12",
    });
    expect(valid).toBe(true);
  });

  it("is not valid where the load was not there, or ended before", () => {
    expect(recordWith(0.431, ["4", "5"]).invalidReasons).toEqual([
      "the cpu load was not there: CPU 5 was busy for 43.1 % of the time, at least 95 % is expected",
    ]);
    expect(recordWith(1, ["4"]).invalidReasons).toEqual([
      "the cpu load on CPU 5 ended before the measurement did",
    ]);
  });

  it("asks no share of a load that waits for its disk", () => {
    expect(recordWith(0.1, ["4", "5"], "io").valid).toBe(true);
    expect(recordWith(0.1, ["4"], "io").valid).toBe(false);
  });
});
