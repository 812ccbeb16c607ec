import { describe, expect, it } from "vitest";
import type { BenchmarkResults } from "../../components/benchmarks.ts";
import { comparePaths, type MeasuredPath } from "../../components/path-comparison.ts";
import type { PacketPath } from "../../sdk/units/packet-path.ts";
import { golden } from "./testbed.ts";

const through = (kind: "e1000" | "vhost-net"): PacketPath => ({
  stations: [
    { name: "generator", place: "user space", does: "sends" },
    { name: "vnf", place: "guest", does: "forwards" },
    { name: "sink", place: "user space", does: "receives" },
  ],
  segments: [
    { down: "af_packet", carrier: "linux-bridge", over: "in", up: kind },
    { down: kind, carrier: "linux-bridge", over: "out", up: "af_packet" },
  ],
});

const ring: PacketPath = {
  stations: [
    { name: "east", place: "guest", does: "sends" },
    { name: "west", place: "guest", does: "receives" },
  ],
  segments: [{ down: "ivshmem", carrier: "memory", over: "ring", up: "ivshmem" }],
};

const latency = (metric: string, percentiles: Readonly<Record<string, number>>, max: number) => ({
  [metric]: { unit: "ns", samples: 2000, percentiles, max },
});

const results = (
  metrics: BenchmarkResults["metrics"],
  more: Partial<BenchmarkResults> = {},
): BenchmarkResults => ({
  ...{ valid: true, functional: false, invalidReasons: [], inForce: "cafe", metrics },
  ...more,
});

const counted = (sent: number, received: number) => ({ sent, received, lost: sent - received });

const paths: Readonly<Record<string, MeasuredPath>> = {
  e1000: {
    path: through("e1000"),
    frames: { forward: counted(2000, 1990), reverse: null },
    results: results(latency("traffic.forward.latency", { "50": 410_000, "99": 2_300_000 }, 9_000_000)),
  },
  "vhost-net": {
    path: through("vhost-net"),
    frames: { forward: counted(2000, 2000), reverse: counted(2000, 1999) },
    results: results(latency("traffic.forward.latency", { "50": 61_000 }, 800_000), {
      ...{ functional: true, valid: false, invalidReasons: ["CPUs were throttled"], inForce: "beef" },
    }),
  },
  ring: {
    path: ring,
    frames: { forward: counted(2000, 2000), reverse: counted(2000, 2000) },
    results: results(latency("exchange.round-trip", { "50": 900, "99": 1_100 }, 12_000)),
  },
};

describe("paths side by side", () => {
  it("tell count, loss, latency and layers of each, and what speaks against comparing them", async () => {
    const { rows, text } = comparePaths(paths);
    expect(rows.map(({ name, sent, received, lost }) => [name, sent, received, lost])).toEqual([
      ["e1000", 2000, 1990, 10],
      ["vhost-net", 4000, 3999, 1],
      ["ring", 4000, 4000, 0],
    ]);
    expect(rows[1]).toMatchObject({ medianNs: 61_000, p99Ns: null, longestNs: 800_000 });
    expect(rows[2]).toMatchObject({ medianNs: 900, p99Ns: 1_100, changesOfPlace: 2 });
    // By vhost-net packets stay in the kernel, by a card of QEMU's they leave it on each side.
    expect((rows[0]?.changesOfPlace ?? 0) - (rows[1]?.changesOfPlace ?? 0)).toBe(2);
    await expect(text).toMatchFileSnapshot(golden("path-comparison"));
  });

  it("have no latency where frames bear no time", () => {
    const { rows } = comparePaths({
      pktgen: { path: ring, frames: { forward: counted(9, 9), reverse: null }, results: results({}) },
    });
    expect(rows[0]).toMatchObject({ sent: 9, medianNs: null, p99Ns: null, longestNs: null });
  });

  it.each([
    ["the same machine as it was", { systemUnderTest: "a", generator: "b" }, []],
    [
      "a machine that forwards by another set-up",
      { systemUnderTest: "c", generator: "b" },
      ["not all paths were measured with the same in force"],
    ],
  ])("go through %s", (_, othersInForce, caveats) => {
    const measured = (others: Readonly<Record<string, string>>) => ({
      ...{ path: ring, frames: { forward: counted(9, 9), reverse: null } },
      results: results({}, { othersInForce: others }),
    });
    expect(
      comparePaths({
        one: measured({ generator: "b", systemUnderTest: "a" }),
        other: measured(othersInForce),
      }).caveats,
    ).toEqual(caveats);
  });
});
