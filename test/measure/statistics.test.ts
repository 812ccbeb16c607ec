import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mannWhitney } from "../../sdk/measure/mann-whitney.ts";
import { metricOf } from "../../sdk/measure/metric.ts";
import { quantileInterval, quantileOf, quantileRanks } from "../../sdk/measure/quantile.ts";
import { coefficientOfVariation, instabilityOf } from "../../sdk/measure/repetitions.ts";
import { steadinessOf, UNSTEADY_BY_CHANCE } from "../../sdk/measure/steady-state.ts";
import { PERCENTILES } from "../../sdk/schema/record.ts";
import { recordedLines } from "./recorded-lines.ts";
import { uniform } from "./simulated-device.ts";

interface Sampled {
  readonly values: readonly number[];
  readonly quantiles: readonly number[];
}
interface Tested {
  readonly one: readonly number[];
  readonly other: readonly number[];
  readonly p: number;
}
interface Bounded {
  readonly n: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

const lines = recordedLines<Sampled | Tested | Bounded>("numpy/2.4.6.txt");
const sampled = lines.filter((line) => "values" in line);
const tested = lines.filter((line) => "p" in line);
const bounded = lines.filter((line) => "share" in line);

describe("quantiles", () => {
  it("are those of NumPy on the same samples", () => {
    expect(sampled).toHaveLength(36);
    for (const { values, quantiles } of sampled)
      expect(PERCENTILES.map((percentile) => quantileOf(values, Number(percentile) / 100))).toEqual(
        quantiles,
      );
  });

  it("of a metric are those of NumPy to three digits, where it has enough samples to say them", () => {
    let known = 0;
    for (const { values, quantiles } of sampled) {
      const buckets = values.map((value) => [value, 1] as const);
      const metric = metricOf({ name: "latency", unit: "ns", direction: "lower" }, [
        { buckets, overflow: 0, max: Math.max(...values), expected: values.length },
      ]);
      expect(metric.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 6);
      for (const [index, percentile] of PERCENTILES.entries()) {
        const value = metric.percentiles[percentile];
        if (value === null || value === undefined) continue;
        known += 1;
        expect(Math.abs(value / quantiles[index]! - 1)).toBeLessThan(1e-3);
      }
    }
    expect(known).toBeGreaterThan(60);
  });

  it("have the intervals of the binomial distribution, as SciPy has it", () => {
    for (const { n, share, low, high } of bounded) {
      const values = Array.from({ length: n }, (_, index) => index + 1);
      expect(quantileInterval(values, share), `${share} of ${n}`).toEqual({
        low: Math.max(1, low),
        high: Math.min(n, high),
        isHeld: low >= 1 && high <= n,
      });
    }
  });

  it("have intervals that hold them as often as they say", () => {
    const random = uniform(5);
    const hits = Array.from({ length: 2000 }, () => {
      const { low, high } = quantileInterval(Array.from({ length: 60 }, random), 0.8);
      return low <= 0.8 && 0.8 <= high;
    }).filter(Boolean).length;
    expect(hits / 2000).toBeGreaterThan(0.94);
    expect(hits / 2000).toBeLessThan(0.99);
  });

  it("of one metric never lie above its maximum", () => {
    const value = fc.integer({ min: 1, max: 1e12 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), (values) => {
        const { max, percentiles, median } = metricOf({ name: "any", unit: "pps", direction: "higher" }, [
          {
            buckets: values.map((each) => [each, 1] as const),
            overflow: 0,
            max: Math.max(...values),
            expected: 0,
          },
        ]);
        for (const each of [median, ...Object.values(percentiles)])
          expect(each ?? 0).toBeLessThanOrEqual(max);
      }),
    );
  });
});

it("Mann and Whitney's test is SciPy's on the same samples", () => {
  expect(tested).toHaveLength(60);
  for (const { one, other, p } of tested) expect(mannWhitney(one, other)?.pValue).toBeCloseTo(p, 10);
});

// By SciPy 1.17.1's normal distribution, with and without ties.
it.each([
  [41, 41, 3, 1000, 0.8130495354741641],
  [60, 50, 9, 40, 0.036920623504690546],
  [200, 300, 5, 7, 2.0665674672836135e-68],
  [1000, 1000, 2, 1000, 0.8770680194824383],
])("Mann and Whitney's test of %i and %i values is SciPy's, in no time", (n, m, shift, modulus, p) => {
  const one = Array.from({ length: n }, (_, index) => (index * 7919) % modulus);
  const other = Array.from({ length: m }, (_, index) => ((index * 104729) % modulus) + shift);
  expect(mannWhitney(one, other)!.pValue / p).toBeCloseTo(1, 9);
});

describe("repetitions", () => {
  it("are unstable above three percent", () => {
    expect(coefficientOfVariation([1, 2, 3, 4])).toBeCloseTo(Math.sqrt(5 / 3) / 2.5, 12);
    expect(instabilityOf([100, 101, 99, 100])).toBeUndefined();
    expect(instabilityOf([100, 110, 90, 100])).toBe(
      "unstable: it varies by 8.2 % from repetition to repetition, at most 3 % is expected",
    );
    expect([coefficientOfVariation([]), coefficientOfVariation([0, 0])]).toEqual([0, 0]);
  });
});

describe("steadiness", () => {
  const random = uniform(9);
  const noise = (length: number, level: (index: number) => number) =>
    Array.from({ length }, (_, index) => level(index) * (1 + 0.004 * (random() - 0.5)));

  it("is from the beginning where nothing changes", () => {
    const { from, reason } = steadinessOf(noise(100, () => 1000));
    expect(reason).toBe("");
    expect(from).toBeLessThanOrEqual(50);
    expect(steadinessOf(Array.from({ length: 40 }, () => 7))).toEqual({ from: 0, reason: "" });
  });

  it("begins where the start-up ends", () => {
    const { from, reason } = steadinessOf(noise(200, (index) => 1000 - 600 * Math.exp(-index / 5)));
    expect(reason).toBe("");
    expect(from).toBeGreaterThanOrEqual(15);
    expect(from).toBeLessThanOrEqual(60);
  });

  it("is not there in a trend, nor where a level gives way to another", () => {
    expect(steadinessOf(noise(100, (index) => 1000 + 20 * index)).from).toBeUndefined();
    expect(steadinessOf(noise(100, (index) => (index < 70 ? 1000 : 700)))).toEqual({
      from: undefined,
      reason: "it fell after value 70 of 100",
    });
  });

  /** About normal, flat, and with a long tail. */
  const kinds: Readonly<Record<string, () => number>> = {
    normal: () => Array.from({ length: 12 }, random).reduce((sum, value) => sum + value, 0) - 6,
    uniform: random,
    exponential: () => -Math.log(random()),
  };
  it.each(Object.keys(kinds))("is denied to %s noise no oftener than it says", (kind) => {
    const series = 1500;
    for (const length of [20, 60, 240]) {
      const denied = Array.from({ length: series }, () =>
        steadinessOf(Array.from({ length }, () => 1000 + 10 * (kinds[kind] as () => number)())),
      ).filter(({ reason }) => reason !== "").length;
      // What chance has beyond its mean in one of a thousand rounds.
      const mean = UNSTEADY_BY_CHANCE * series;
      expect(denied).toBeLessThanOrEqual(mean + 3.1 * Math.sqrt(mean));
    }
  });

  it("is denied to a series that is lower by two deviations of its noise, for a sixth of its time", () => {
    const normal = kinds["normal"] as () => number;
    const denied = Array.from({ length: 200 }, () =>
      steadinessOf(
        Array.from(
          { length: 240 },
          (_, index) => 1000 + 10 * normal() - (index >= 120 && index < 160 ? 20 : 0),
        ),
      ),
    ).filter(({ reason }) => /^it fell after value 1[012]\d of 240$/.test(reason)).length;
    expect(denied).toBeGreaterThan(190);
  });

  it("is not told of few values", () => {
    expect(steadinessOf([1, 2, 3])).toEqual({
      from: undefined,
      reason: "3 values say nothing of steadiness, at least 20 are needed",
    });
  });
});

describe("ranks of the interval of a quantile", () => {
  /** P(X < k) of a binomial distribution, summed up from its smallest terms. */
  const below = (n: number, share: number, k: number) => {
    let [term, sum] = [(1 - share) ** n, 0];
    for (let i = 0; i < k; i++) {
      sum += term;
      term *= ((n - i) / (i + 1)) * (share / (1 - share));
    }
    return sum;
  };

  it("are the innermost that hold it, of any number of values", () => {
    const share = fc.constantFrom(0.1, 0.5, 0.9, 0.99, 0.999);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), share, (n, quantile) => {
        const { low, high } = quantileRanks(n, quantile);
        const rank = low ?? 0;
        expect(below(n, quantile, rank)).toBeLessThanOrEqual(0.025 + 1e-9);
        if (rank < n) expect(below(n, quantile, rank + 1)).toBeGreaterThan(0.025 - 1e-9);
        const above = high === undefined ? 0 : n - high + 1;
        expect(below(n, 1 - quantile, above)).toBeLessThanOrEqual(0.025 + 1e-9);
        if (above < n) expect(below(n, 1 - quantile, above + 1)).toBeGreaterThan(0.025 - 1e-9);
      }),
    );
  });

  it("are those of the normal distribution where there are very many", () => {
    const n = 1e9;
    const [mean, deviation] = [n * 0.9, Math.sqrt(n * 0.9 * 0.1)];
    const { low = 0, high = 0 } = quantileRanks(n, 0.9);
    expect((mean - low) / deviation).toBeCloseTo(1.96, 3);
    expect((high - mean) / deviation).toBeCloseTo(1.96, 3);
  });

  it("become an interval of each percentile of a metric, around it, where samples and range support one", () => {
    const random = uniform(3);
    const buckets = Array.from({ length: 20_000 }, () => [Math.round(1e6 * random()), 1] as const);
    const of = (overflow: number) =>
      metricOf({ name: "latency", unit: "ns", direction: "lower" }, [
        { buckets, overflow, max: 2e6, expected: 0 },
      ]);
    const { percentiles, percentileIntervals = {} } = of(0);
    expect(Object.keys(percentileIntervals).sort()).toEqual(["50", "90", "99", "99.9"]);
    for (const [percentile, { low, high }] of Object.entries(percentileIntervals)) {
      const value = percentiles[percentile as keyof typeof percentiles] ?? 0;
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
      expect(high / low).toBeLessThan(1.1);
    }
    // 15 beyond the range are among the highest 20: p99.9 is known, but not up to where it may lie.
    expect(of(15).percentiles["99.9"]).not.toBeNull();
    expect(Object.keys(of(15).percentileIntervals ?? {})).not.toContain("99.9");
  });
});
