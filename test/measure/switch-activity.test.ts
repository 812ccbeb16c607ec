import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SwitchCounted, switchActivity } from "../../sdk/measure/switch-activity.ts";
import { parseSwitchCounts, switchCounts } from "../../sdk/observe/switch-counts.ts";
import { recorded, said } from "../observe/recorded.ts";

const counted = (name: string) =>
  parseSwitchCounts(recorded(`ovs/3.1.0/counters-${name}.txt`).stdout) as SwitchCounted;

describe("counters of a switch", () => {
  it("are read with the drops of each port and the cycles of each poll-mode thread", () => {
    const after = counted("after");
    expect(after).toMatchObject({ uptimeMs: 1_524_640, lostUpcalls: 13_049, misses: 1 });
    expect(Object.keys(after.ports).sort()).toEqual(["LOCAL", "n0", "n1", "n2", "vhu0"]);
    expect(after.ports["n1"]).toMatchObject({ ovs_tx_failure_drops: 7_140_417, rx_missed_errors: 0 });
    expect(after.ports["n1"]).not.toHaveProperty("rx_q0_packets");
    expect(after.ports["vhu0"]).toMatchObject({ ovs_tx_retries: 0 });
    expect([...after.cycles]).toEqual([[1, { busy: 18_194_634_749, used: 23_897_904_022 }]]);
  });

  it("are nothing of a machine without a switch, and of one that does not answer", () => {
    expect(switchCounts.parse(said(""))).toBeUndefined();
    expect(switchCounts.parse(said("@uptime 12.5\n"))).toBeUndefined();
  });

  it("of a release without cycles tell the rest", () => {
    const [text = ""] = recorded("ovs/3.1.0/counters-after.txt").stdout.split("pmd thread numa_id");
    expect(parseSwitchCounts(text)).toMatchObject({ lostUpcalls: 13_049, cycles: new Map() });
  });
});

describe("what a switch did meanwhile", () => {
  it("is what its counters grew by, by a recorded run", () => {
    expect(switchActivity(counted("lossy"), counted("after"))).toEqual({
      ...{ lostUpcalls: 0, misses: 0 },
      drops: { "ovs_tx_failure_drops of n1": 3_911_136 },
      retries: {},
      busy: { 1: 1 },
    });
    const first = switchActivity(counted("before"), counted("lossy"));
    expect(first).toMatchObject({
      ...{ lostUpcalls: 13_049, misses: 1 },
      drops: { "ovs_tx_failure_drops of n1": 3_229_281 },
    });
    expect(first.busy["1"]).toBeGreaterThan(0.6);
  });

  it("is of the time alone in which frames were sent", () => {
    const cycles = (busy: number, used: number) => new Map([[3, { busy, used }]]);
    const counts = (uptimeMs: number, more: Partial<SwitchCounted>): SwitchCounted => ({
      ...{ uptimeMs, lostUpcalls: 0, misses: 0, ports: {}, cycles: new Map(), ...more },
    });
    const [before, after] = [
      counts(1000, { cycles: cycles(0, 1000) }),
      counts(5000, { cycles: cycles(900, 5000) }),
    ];
    expect(switchActivity(before, after).busy).toEqual({ 3: 0.225 });
    expect(switchActivity(before, after, 1000).busy).toEqual({ 3: 0.9 });
    // A trial that came to nothing tells nothing of a thread.
    expect(switchActivity(before, after, 1).busy).toEqual({});
  });

  it("is never less than nothing, and never more than all of the time, also of a switch that began anew", () => {
    const count = fc.nat(1e9);
    const some = fc
      .record({
        uptimeMs: count,
        lostUpcalls: count,
        misses: count,
        drops: count,
        busy: count,
        idle: count,
      })
      .map(({ uptimeMs, lostUpcalls, misses, drops, busy, idle }) => ({
        ...{ uptimeMs, lostUpcalls, misses, ports: { p0: { rx_missed_errors: drops } } },
        cycles: new Map([[1, { busy, used: busy + idle }]]),
      }));
    fc.assert(
      fc.property(some, some, fc.option(fc.nat(100_000), { nil: undefined }), (before, after, sending) => {
        const { lostUpcalls, misses, drops, busy } = switchActivity(before, after, sending);
        expect(lostUpcalls).toBeGreaterThanOrEqual(0);
        expect(misses).toBeGreaterThanOrEqual(0);
        for (const growth of Object.values(drops)) expect(growth).toBeGreaterThan(0);
        for (const share of Object.values(busy)) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
