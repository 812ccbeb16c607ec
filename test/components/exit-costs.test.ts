import { describe, expect, it } from "vitest";
import type { BenchmarkResults } from "../../components/benchmarks.ts";
import { exitCostTable } from "../../components/exit-costs.ts";
import { golden } from "./testbed.ts";

const timed = (name: string, cycles: number, ns?: number): BenchmarkResults["metrics"] => ({
  [`${name}.cycles`]: { unit: "cycles", samples: 9, percentiles: { "50": cycles }, max: cycles },
  ...(ns !== undefined && {
    [name]: { unit: "ns", samples: 9, percentiles: { "50": ns, "99": 2 * ns }, max: ns },
  }),
});
const results = (
  metrics: BenchmarkResults["metrics"],
  more: Partial<BenchmarkResults> = {},
): BenchmarkResults => ({
  ...{ valid: true, functional: false, invalidReasons: [], inForce: "cafe", metrics, ...more },
});

describe("a table of what exits cost", () => {
  it("has the figures of 2014 and their cores beside ours, and what speaks against it", async () => {
    const metrics = {
      ...timed("guest.exit.hypercall", 1600, 500),
      ...timed("host.getppid", 320, 100),
      ...timed("guest.exit.cpuid", 70),
    };
    const published = {
      of: "KVM Forum 2014, Haswell 3.2 GHz; getppid() in a guest",
      cycles: { "host.getppid": 1300, "guest.exit.hypercall": "1500-1600", "guest.vmfunc": 150 },
    };
    const invalid = { valid: false, invalidReasons: ["CPUs were throttled"], functional: true };
    const { rows, text } = exitCostTable(results(metrics, invalid), published);
    expect(rows.map(({ operation }) => operation)).toEqual([
      ...["host.getppid", "guest.exit.hypercall", "guest.exit.cpuid"],
    ]);
    // As the paper has it: 500 ns of 67.2 ns are 7.4 cores.
    expect(rows[1]).toEqual({
      operation: "guest.exit.hypercall",
      cycles: 1600,
      ns: 500,
      p99Ns: 1000,
      cores: 7.4,
    });
    expect(rows[2]).toMatchObject({ ns: null, cores: null });
    await expect(text).toMatchFileSnapshot(golden("exit-costs"));
  });

  it("has no column of what nobody published", () => {
    const { text, caveats } = exitCostTable(results(timed("guest.vmfunc", 150, 50)));
    expect(caveats).toEqual([]);
    expect(text).not.toContain("published");
    expect(text).toMatch(/^VMFUNC +150 +50 ns +100 ns +0\.7$/m);
  });
});
