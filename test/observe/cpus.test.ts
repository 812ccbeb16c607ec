import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpusOf, cpuTopology } from "../../sdk/observe/cpus.ts";
import { type ListedCpu, listedCpus } from "../../sdk/observe/lscpu.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { recorded, said } from "./recorded.ts";

const machine = (name: string) => ({
  listed: listedCpus.parse(recorded(`lscpu/2.38.1/${name}.txt`)),
  topology: cpuTopology.parse(recorded(`sysfs/6.12/${name}.txt`)),
});

describe("two sockets with two threads a core, one CPU offline", () => {
  const { listed, topology } = machine("two-sockets");
  const cpus = cpusOf(listed, topology);

  test("what the kernel leaves alone", () => {
    expect(topology.online.format()).toBe("0-14");
    expect(topology.isolated.format()).toBe("2-7,10-15");
    expect(topology.nohzFull.format()).toBe("2-7,10-15");
    expect(topology.simultaneousMultithreading).toBe(true);
  });

  test("siblings and last-level caches", () => {
    expect(cpus[8]).toEqual({
      ...{ cpu: 8, online: true, package: 1, core: 4, numaNode: 1 },
      ...{ siblings: "8-9", lastLevelCache: "8-14" },
    });
    expect(cpus[14]).toMatchObject({ siblings: "14", lastLevelCache: "8-14" });
  });

  test("of a CPU that is offline only its number is known", () => {
    expect(cpus[15]).toEqual({
      ...{ cpu: 15, online: false, package: -1, core: -1, numaNode: -1 },
      ...{ siblings: "15", lastLevelCache: "15" },
    });
  });

  test("each cache once", () => {
    expect(topology.caches.filter(({ level }) => level === 3)).toEqual([
      { level: 3, type: "Unified", sizeKib: 16384, cpus: "0-7" },
      { level: 3, type: "Unified", sizeKib: 16384, cpus: "8-14" },
    ]);
    expect(topology.caches.map(({ level, type }) => `L${level} ${type}`)).toEqual([
      ...Array(8).fill("L1 Data"),
      ...Array(8).fill("L1 Instruction"),
      ...Array(8).fill("L2 Unified"),
      ...Array(2).fill("L3 Unified"),
    ]);
  });
});

test("one node with several last-level caches: each CPU knows its own", () => {
  const { listed, topology } = machine("many-caches");
  expect(cpusOf(listed, topology).map(({ numaNode, lastLevelCache }) => [numaNode, lastLevelCache])).toEqual(
    ["0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7"].map((cache) => [0, cache]),
  );
  expect(topology.nohzFull.format()).toBe("");
});

/**
 * A processor of core complexes as sysfs shows it: threads numbered in two rounds, an L3 for each complex.
 * Format: Documentation/ABI/testing/sysfs-devices-system-cpu of Linux.
 */
function complexes(count: number, cores: number): { text: string; listed: ListedCpu[] } {
  const all = count * cores;
  const threads = (core: number) => CpuSet.of([core, core + all]);
  const lines = Array.from({ length: 2 * all }, (_, cpu) => {
    const core = cpu % all;
    const complex = Math.floor(core / cores);
    const shared = CpuSet.of(
      Array.from({ length: cores }, (_, index) => [...threads(complex * cores + index)]).flat(),
    );
    const folder = `/sys/devices/system/cpu/cpu${cpu}`;
    const cache = (index: number, level: number, type: string, size: string, cpus: CpuSet) =>
      [`level:${level}`, `type:${type}`, `size:${size}`, `shared_cpu_list:${cpus}`].map(
        (line) => `${folder}/cache/index${index}/${line}`,
      );
    return [
      `${folder}/topology/thread_siblings_list:${threads(core)}`,
      `${folder}/cpufreq/scaling_governor:${cpu % 2 === 0 ? "performance" : "schedutil"}`,
      ...cache(0, 1, "Data", "32K", threads(core)),
      ...cache(1, 1, "Instruction", "32K", threads(core)),
      ...cache(2, 2, "Unified", "1M", threads(core)),
      ...cache(3, 3, "Unified", "32768K", shared),
    ];
  }).flat();
  const listed = Array.from({ length: 2 * all }, (_, cpu) => ({
    ...{ cpu, online: true, core: cpu % all, package: 0, numaNode: 0 },
  }));
  return { text: [`/sys/devices/system/cpu/online:0-${2 * all - 1}`, ...lines].join("\n"), listed };
}

test("core complexes: last-level caches part the CPUs, siblings share theirs, whatever the order of the files", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.func(fc.integer()),
      (count, cores, order) => {
        const { text, listed } = complexes(count, cores);
        const shuffled = text
          .split("\n")
          .sort((a, b) => order(a) - order(b))
          .join("\n");
        const topology = cpuTopology.parse(said(shuffled));
        const cpus = cpusOf(listed, topology);
        const caches = new Set(cpus.map(({ lastLevelCache }) => lastLevelCache));
        expect(caches.size).toBe(count);
        expect([...caches].reduce((sum, cache) => sum + CpuSet.parse(cache).size, 0)).toBe(2 * count * cores);
        for (const { cpu, siblings, lastLevelCache, governor } of cpus) {
          expect(CpuSet.parse(siblings).isSubsetOf(CpuSet.parse(lastLevelCache))).toBe(true);
          expect(CpuSet.parse(siblings).has(cpu)).toBe(true);
          expect(governor).toBe(cpu % 2 === 0 ? "performance" : "schedutil");
        }
        expect(topology.caches).toHaveLength(3 * count * cores + count);
        expect(topology.caches.find(({ level }) => level === 2)?.sizeKib).toBe(1024);
      },
    ),
    { numRuns: 40 },
  );
});

test.each([
  ["  (null)", ""],
  ["(null)", ""],
  ["", ""],
  ["2-7", "2-7"],
  ["2-7 \r", "2-7"],
])("nohz_full as %j is %j", (content, expected) => {
  const topology = cpuTopology.parse(
    said(`/sys/devices/system/cpu/online:0-7\n/sys/devices/system/cpu/nohz_full:${content}\n`),
  );
  expect(topology.nohzFull.format()).toBe(expected);
});

test("a kernel that shows no topology still has its CPUs", () => {
  const topology = cpuTopology.parse(said("/sys/devices/system/cpu/online:0-1\n"));
  expect(
    cpusOf(
      [
        { cpu: 0, online: true },
        { cpu: 1, online: true },
      ],
      topology,
    )[1],
  ).toEqual({
    ...{ cpu: 1, online: true, package: -1, core: -1, numaNode: 0, siblings: "1", lastLevelCache: "1" },
  });
});

test("no CPU online is no answer", () => {
  expect(() => cpuTopology.parse(said("/proc/version:Linux\n"))).toThrow(
    expect.objectContaining({ code: "parse", observed: '"/proc/version:Linux"' }),
  );
});
