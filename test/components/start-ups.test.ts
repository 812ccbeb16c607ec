import { describe, expect, it } from "vitest";
import type { BenchmarkResults } from "../../components/benchmarks.ts";
import { startUps } from "../../components/start-ups.ts";
import { golden } from "./testbed.ts";

const started = (
  kind: string,
  ms: number,
  bytes?: number,
  more: Partial<BenchmarkResults> = {},
): BenchmarkResults => ({
  ...{ valid: true, functional: false, invalidReasons: [], inForce: "cafe" },
  metrics: {
    [`${kind}.boot`]: { unit: "ms", samples: 10, percentiles: { "50": ms }, max: 2 * ms },
    ...(bytes !== undefined && {
      [`${kind}.memory`]: { unit: "bytes", samples: 10, percentiles: { "50": bytes }, max: bytes },
    }),
  },
  ...more,
});

describe("starts side by side", () => {
  it("tell times and memory of guests and containers alike, and what speaks against them", async () => {
    const { rows, text } = startUps({
      lxc: started("container", 120, 6 * 1024 ** 2),
      vhost: started("guest", 2400, 300.5 * 1024 ** 2),
      e1000: started("guest", 2600, undefined, {
        ...{ functional: true, valid: false, invalidReasons: ["CPUs were throttled"] },
      }),
    });
    expect(rows[0]).toEqual({ name: "lxc", answerMs: 120, longestMs: 240, memoryBytes: 6 * 1024 ** 2 });
    expect(rows[2]?.memoryBytes).toBeNull();
    await expect(text).toMatchFileSnapshot(golden("start-ups"));
  });
});
