import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  mbufBytes,
  mempoolsOf,
  type PooledPort,
  portMbufs,
  sharedMbufs,
  switchBytes,
} from "../../sdk/plan/cpu-planner/mempool.ts";

const megabytes = (count: number) => Math.floor(count / 1e6);
const queues = (rxQueues: number, pmds: number) => ({
  rxQueues,
  rxDescriptors: 2048,
  txQueues: pmds + 1,
  txDescriptors: 2048,
});
const port = (name: string, mtu: number, numaNode = 0): PooledPort => ({
  name,
  mtu,
  numaNode,
  ...queues(1, 1),
});

describe("the memory of OVS-DPDK", () => {
  it.each([
    [1500, 3008, 788],
    [1800, 3008, 788],
    [6000, 7104, 1862],
    [9000, 10176, 2667],
  ])("is that of the manual for a shared pool of MTU %i", (mtu, size, expected) => {
    expect(mbufBytes(mtu)).toBe(size);
    expect(megabytes(sharedMbufs(mtu) * mbufBytes(mtu))).toBe(expected);
  });

  it.each([
    [1, 1, 1500, 22_560, 67],
    [1, 2, 6000, 24_608, 174],
    // The manual's third example multiplies one queue by the burst where it has two, and so says 26656.
    [2, 2, 9000, 26_688, 271],
  ])(
    "is that of the algorithm for a port with %i queues, %i PMDs, MTU %i",
    (rxQueues, pmds, mtu, mbufs, expected) => {
      expect(portMbufs(queues(rxQueues, pmds))).toBe(mbufs);
      expect(megabytes(mbufs * mbufBytes(mtu))).toBe(expected);
    },
  );

  it("has the small shared pool only where the buffer is too small for 1500", () => {
    expect([64, 998, 999, 1499, 1500].map(sharedMbufs)).toEqual([16_384, 16_384, 262_144, 262_144, 262_144]);
  });

  it("has a pool for each buffer size and node, or for each port", () => {
    const ports = [port("a", 1500), port("b", 1800), port("c", 9000), port("d", 1500, 1)];
    expect(mempoolsOf(ports, "shared").map(({ ports: users }) => users.join())).toEqual(["a,b", "c", "d"]);
    expect(mempoolsOf(ports, "per-port").map(({ ports: users }) => users.join())).toEqual([
      "a",
      "b",
      "c",
      "d",
    ]);
  });

  it("asks for a quarter and 64 MiB more than its pools, and for nothing without any", () => {
    const { needed, advised } = switchBytes(mempoolsOf([port("a", 1500)], "shared"));
    expect(needed).toBe(262_144 * 3008);
    expect(advised / 2 ** 20).toBe(1004);
    expect(switchBytes([])).toEqual({ needed: 0, advised: 0 });
  });

  it("never shrinks as packets, queues or ports grow", () => {
    const mtu = fc.integer({ min: 68, max: 9702 });
    fc.assert(
      fc.property(mtu, mtu, fc.integer({ min: 1, max: 64 }), (a, b, count) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)];
        expect(mbufBytes(large)).toBeGreaterThanOrEqual(mbufBytes(small));
        expect(mbufBytes(small)).toBeGreaterThanOrEqual(small + 26 + 128);
        expect(mbufBytes(small) % 64).toBe(0);
        expect(portMbufs(queues(count + 1, 1))).toBeGreaterThan(portMbufs(queues(count, 1)));
      }),
    );
  });
});
