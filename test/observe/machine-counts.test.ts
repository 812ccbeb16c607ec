import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interruptsOf, memoryBandwidthOf } from "../../sdk/measure/machine-activity.ts";
import { type MachineCounts, machineCounts } from "../../sdk/observe/machine-counts.ts";
import { recorded, said } from "./recorded.ts";

/** Lines of a file as the batch gives them. */
const file = (path: string, text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `${path}:${line}\n`)
    .join("");

const interrupts = file("/proc/interrupts", recorded("procfs/6.12/interrupts.txt").stdout);
const stat = file(
  "/proc/stat",
  "cpu  9 9 9 9\ncpu0 10 0 10 80 0 0 0 0\ncpu1 1 0 1 98 0 0 0 0\ncpu2 5 0 0 5 0 0 0 0\ncpu3 0 0 0 10 0 0 0 0",
);
const uptime = file("/proc/uptime", "123.45 400.00");
/** As the manual of resctrl has them: https://docs.kernel.org/filesystems/resctrl.html */
const bandwidth = [
  "/sys/fs/resctrl/mon_data/mon_L3_00/mbm_total_bytes:1000",
  "/sys/fs/resctrl/mon_data/mon_L3_01/mbm_total_bytes:Unavailable",
  "/sys/fs/resctrl/vnf/mon_data/mon_L3_00/mbm_total_bytes:500",
].join("\n");

describe("what a machine counts", () => {
  it("is read by CPU, from recorded interrupts", () => {
    const counts = machineCounts.parse(said(uptime + interrupts + stat));
    expect(counts?.uptimeMs).toBe(123_450);
    expect(counts?.cpus.get(0)).toMatchObject({ timer: 82_024, busy: 20, total: 100 });
    expect(counts?.cpus.get(2)).toMatchObject({ timer: 81_357, busy: 5, total: 10 });
    // virtio2-input, virtio1-output.0, virtio0-req.2 and rtc0 came to CPU 2.
    expect(counts?.cpus.get(2)?.devices).toBe(1 + 782 + 7 + 339);
    expect(counts?.memoryBytes.size).toBe(0);
  });

  it("has the memory's traffic of all groups together, where it is counted", () => {
    const counts = machineCounts.parse(said(uptime + interrupts + stat + bandwidth));
    expect(counts?.memoryBytes).toEqual(new Map([["0", 1500]]));
  });

  it("is nothing where it does not say", () => {
    expect(machineCounts.parse(said(""))).toBeUndefined();
    expect(machineCounts.parse(said(interrupts + stat))).toBeUndefined();
  });
});

const counts = (uptimeMs: number, timer: number, busy: number, total: number): MachineCounts => ({
  ...{ uptimeMs, cpus: new Map([[2, { timer, devices: 0, busy, total }]]), memoryBytes: new Map() },
});

describe("what a machine did meanwhile", () => {
  it("is by the second, of the CPUs asked for", () => {
    expect(interruptsOf("1-3", counts(0, 100, 0, 0), counts(10_000, 1100, 900, 1000))).toEqual({
      2: { timerPerSecond: 100, devicesPerSecond: 0, busy: 0.9 },
    });
    const memory = (bytes: number, uptimeMs: number): MachineCounts => ({
      ...{ uptimeMs, cpus: new Map(), memoryBytes: new Map([["0", bytes]]) },
    });
    expect(memoryBandwidthOf(memory(1000, 0), memory(5000, 2000))).toEqual({ 0: 2000 });
    expect(memoryBandwidthOf(memory(5000, 0), memory(1000, 2000))).toEqual({});
  });

  it("is never less than nothing, and never more than all of the time", () => {
    const some = fc.record({ at: fc.nat(1e9), timer: fc.nat(1e9), busy: fc.nat(1e9), idle: fc.nat(1e9) });
    const from = ({ at, timer, busy, idle }: { at: number; timer: number; busy: number; idle: number }) =>
      counts(at, timer, busy, busy + idle);
    fc.assert(
      fc.property(some, some, (before, after) => {
        for (const { timerPerSecond, busy } of Object.values(interruptsOf("2", from(before), from(after)))) {
          expect(timerPerSecond).toBeGreaterThanOrEqual(0);
          expect(busy).toBeGreaterThanOrEqual(0);
          expect(busy).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
