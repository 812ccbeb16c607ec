import { describe, expect, it } from "vitest";
import { busyShare, cpuTimes } from "../../sdk/observe/cpu-times.ts";
import { loadFolderSpace, parseOperations, stressNgVersion } from "../../sdk/observe/stress-ng.ts";
import { recorded, said } from "./recorded.ts";

describe("the times of CPUs", () => {
  const before = cpuTimes.parse(recorded("procfs/6.18/stat-before.txt"));
  const after = cpuTimes.parse(recorded("procfs/6.18/stat-after.txt"));

  it("tell how busy each was between two looks", () => {
    expect([...before.keys()]).toEqual([0, 1]);
    expect(busyShare(1, before, after)).toBeGreaterThan(0.99);
    expect(busyShare(0, before, after)).toBeGreaterThan(0);
    expect(busyShare(0, before, after)).toBeLessThanOrEqual(1);
  });

  it("are no load where there is no such CPU, or no time has passed", () => {
    expect(busyShare(2, before, after)).toBe(0);
    expect(busyShare(1, before, before)).toBe(0);
    expect(busyShare(1, after, before)).toBe(0);
  });

  it("count waiting for input and output as idle", () => {
    const stat = (idle: number, iowait: number, steal: number) =>
      cpuTimes.parse(said(`/proc/stat:cpu  0\n/proc/stat:cpu0 10 0 10 ${idle} ${iowait} 0 0 ${steal} 0 0\n`));
    expect(busyShare(0, stat(0, 0, 0), stat(25, 25, 50))).toBe(0.5);
  });

  it("are asked for again where nothing of them can be read", () => {
    expect(() => cpuTimes.parse(said("/proc/stat:btime 1\n"))).toThrow("the times of the CPUs");
  });
});

describe("what stress-ng tells", () => {
  it("is found between the lines of its log", () => {
    const { stdout } = recorded("stress-ng/0.15.06/cpu.txt");
    expect(parseOperations(stdout)).toBe(4464);
    expect(parseOperations(`${stdout}\n${stdout}`)).toBe(2 * 4464);
  });

  // Debian 13's is built so that it writes a line of the wrong depth.
  it("is found in YAML that is none", () => {
    expect(parseOperations(recorded("stress-ng/0.19.02/cpu.txt").stdout)).toBe(3735);
  });

  it.each([
    ["nothing", "", null],
    ["no metrics", "---\nsystem-info:\n  run-by: root\n...\n", null],
    ["what its clock could not give", "---\nmetrics:\n  - stressor: vm\n    bogo-ops: .nan\n...\n", null],
    ["infinities as C prints them", "---\nmetrics:\n  - stressor: vm\n    bogo-ops: +Inf\n...\n", null],
    ["an infinity of YAML", "---\nmetrics:\n  - stressor: vm\n    bogo-ops: .inf\n...\n", null],
    ["one of two", "---\nmetrics:\n  - bogo-ops: 1.2e4\n  - bogo-ops: .nan\n...\n", 12_000],
    ["none at all", "---\nmetrics:\n...\n", null],
  ])("is a sum of finite numbers: %s", (_, text, operations) => {
    expect(parseOperations(text)).toBe(operations);
  });

  it("is its version, where it is installed", () => {
    expect(
      stressNgVersion.parse(said("stress-ng, version 0.15.06 (gcc 12.2.0, x86_64 Linux 6.18.44)\n")),
    ).toBe("0.15.06");
    expect(
      stressNgVersion.parse({ code: 127, stdout: "", stderr: "sh: stress-ng: not found" }),
    ).toBeUndefined();
  });

  it("has room for its files, as df says", () => {
    const space = loadFolderSpace.parse(recorded("stress-ng/0.15.06/df.txt"));
    expect(space?.total).toBeGreaterThan(space?.free ?? 0);
    expect(loadFolderSpace.parse(said(""))).toBeUndefined();
  });
});
