import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { medianInterval, medianOf } from "../../sdk/measure/median.ts";
import { metricOf, ofCpus } from "../../sdk/measure/metric.ts";
import { recordOf } from "../../sdk/measure/record.ts";
import { throughputEvidence } from "../../sdk/measure/throughput.ts";
import { type Fingerprint, ResultRecord } from "../../sdk/schema/record.ts";

const facts = { name: "host.timer.latency", unit: "ns" as const, direction: "lower" as const };
const repetition = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 50 })), {
    minLength: 1,
    maxLength: 30,
  })
  .map((buckets) => ({
    buckets,
    overflow: 0,
    max: Math.max(...buckets.map(([value]) => value)),
    expected: buckets.reduce((sum, [, count]) => sum + count, 0),
  }));
const runs = fc.array(repetition, { minLength: 1, maxLength: 8 });

describe("a metric", () => {
  it("has percentiles that rise, between minimum and maximum", () => {
    fc.assert(
      fc.property(runs, (repetitions) => {
        const metric = metricOf(facts, repetitions);
        const known = Object.values(metric.percentiles).filter(
          (value) => value !== null && value !== undefined,
        ) as number[];
        expect(known).toEqual([...known].sort((a, b) => a - b));
        // Three significant digits.
        for (const value of known) expect(value).toBeLessThanOrEqual(metric.max * 1.001 + 1);
      }),
    );
  });

  it("does not depend on the order of repetitions", () => {
    fc.assert(
      fc.property(runs, (repetitions) => {
        const { histogram, percentiles, samples } = metricOf(facts, repetitions);
        expect(metricOf(facts, [...repetitions].reverse())).toMatchObject({
          histogram,
          percentiles,
          samples,
        });
      }),
    );
  });

  it("says nothing of a percentile that too few samples support", () => {
    const of = (count: number) =>
      metricOf(facts, [{ buckets: [[1000, count]], overflow: 0, max: 1000, expected: count }]).percentiles;
    expect(of(99)).toMatchObject({ "50": 1000, "90": null });
    expect(of(100)["90"]).not.toBeNull();
    expect(of(999)["99"]).toBeNull();
    expect(of(1000)["99"]).not.toBeNull();
    expect(of(9999)["99.9"]).toBeNull();
    expect(of(10000)["99.9"]).not.toBeNull();
  });

  it("does not know percentiles among those beyond the range", () => {
    const metric = metricOf(facts, [{ buckets: [[1000, 850]], overflow: 150, max: 9e9, expected: 1000 }]);
    expect(metric.percentiles).toMatchObject({ "50": 1000, "90": null, "99": null });
    expect(metric.max).toBe(9e9);
    expect(metric.samples).toBe(1000);
  });

  it("has no median and no mean that leave out what lies beyond the range", () => {
    const beyond = { buckets: [[1000, 100]] as const, overflow: 900, max: 5e6, expected: 1000 };
    expect(metricOf(facts, [beyond])).toMatchObject({
      ...{ median: 5e6, mean: (1000 * 100 + 900 * 5e6) / 1000 },
      percentiles: { "50": null },
      repetitions: [{ median: 5e6, samples: 1000 }],
    });
    const known = { ...beyond, mean: 1_080_100 };
    expect(metricOf(facts, [known]).mean).toBe(1_080_100);
    // A tool's own mean is rounded: where all samples are known it is theirs.
    expect(metricOf(facts, [{ ...known, overflow: 0 }]).mean).toBe(1000);
    const most = metricOf(facts, [{ ...beyond, buckets: [[1000, 600]], overflow: 400 }]);
    expect([most.median, most.percentiles["50"]]).toEqual([1000, 1000]);
  });

  it("tells each CPU by itself, all its repetitions together", () => {
    const of = (cpu: number, ns: number, count: number) => ({
      ...{ cpu, overflow: 0, max: ns },
      buckets: [[ns, count]] as const,
    });
    const repetitions = [
      [of(3, 9000, 600), of(2, 1000, 600)],
      [of(2, 2000, 600), of(3, 8000, 600), { ...of(4, 7000, 1), overflow: 2, max: 99_000 }],
    ].map((cpus) => ({ ...ofCpus(cpus), expected: 0 }));
    const { perCpu, samples } = metricOf(facts, repetitions);
    expect(samples).toBe(2403);
    expect(Object.keys(perCpu ?? {})).toEqual(["2", "3", "4"]);
    expect(perCpu?.[2]).toMatchObject({ samples: 1200, min: 1000, max: 2000, percentiles: { "50": 1000 } });
    expect(perCpu?.[3]).toMatchObject({ samples: 1200, min: 8000, max: 9000 });
    expect(perCpu?.[4]).toMatchObject({ samples: 3, min: 7000, max: 99_000, percentiles: { "50": null } });
    expect(metricOf(facts, [{ ...ofCpus([]), expected: 1 }]).perCpu).toBeUndefined();
  });

  it("of CPUs is what it is of their samples in one", () => {
    const cpu = fc.tuple(fc.integer({ min: 0, max: 3 }), repetition);
    fc.assert(
      fc.property(fc.array(fc.array(cpu, { minLength: 1, maxLength: 4 }), { minLength: 1 }), (runs) => {
        const { perCpu = {}, ...whole } = metricOf(
          facts,
          runs.map((cpus) => ({
            ...ofCpus(
              cpus.map(([number, { buckets, overflow, max }]) => ({ cpu: number, buckets, overflow, max })),
            ),
            expected: 0,
          })),
        );
        const each = Object.values(perCpu);
        expect(each.reduce((sum, { samples }) => sum + samples, 0)).toBe(whole.samples);
        expect(Math.max(...each.map(({ max }) => max))).toBe(whole.max);
        expect(Math.min(...each.map(({ min }) => min))).toBe(whole.min);
      }),
    );
  });

  it("is of as many different values as a day has seconds, and more", () => {
    const values = 300_000;
    const buckets = Array.from({ length: values }, (_, index) => [index + 1, 1] as const);
    expect(metricOf(facts, [{ buckets, overflow: 0, max: values, expected: values }])).toMatchObject({
      ...{ min: 1, max: values, mean: (values + 1) / 2, missing: 0 },
    });
  });
});

describe("the median's interval", () => {
  it("holds the median, and is the range below six values", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 40 }), (values) => {
        const { low, high, method } = medianInterval(values);
        expect(low).toBeLessThanOrEqual(medianOf(values));
        expect(high).toBeGreaterThanOrEqual(medianOf(values));
        expect(method).toBe(values.length < 6 ? "range" : "order-statistics");
      }),
    );
  });

  it.each([
    [6, 1, 6],
    [10, 2, 9],
    [20, 6, 15],
  ])("of %d values runs from the %dth to the %dth, as the binomial tables say", (n, low, high) => {
    expect(medianInterval(Array.from({ length: n }, (_, index) => index + 1))).toMatchObject({ low, high });
  });
});

describe("a record", () => {
  const before = { hash: "a", bootId: "1", kernel: "6.12", guests: {} } as Fingerprint;
  const measure = (change: object = {}, missing = 0) =>
    recordOf({
      kind: "cyclictest",
      subject: "dut",
      metrics: [
        metricOf(facts, [{ buckets: [[1000, 1000 - missing]], overflow: 0, max: 1000, expected: 1000 }]),
      ],
      before,
      after: before,
      tool: { command: ["cyclictest"], version: "2.60" },
      startedAt: "2026-01-01T00:00:00Z",
      durationMs: 1,
      functional: false,
      ...change,
    });

  it("is valid where nothing is against it", () => {
    expect(measure()).toMatchObject({ valid: true, invalidReasons: [] });
  });

  it("is invalid where the machine's clock stood still meanwhile", () => {
    const at = (uptimeMs: number) => ({ uptimeMs, cpus: new Map(), memoryBytes: new Map() });
    const still = { ...before, isolatedCpus: "" };
    const within = (ms: number) =>
      measure({
        ...{ before: still, after: still, durationMs: 60_000 },
        counts: { before: at(5000), after: at(5000 + ms) },
      }).invalidReasons;
    expect([within(60_400), within(59_900)]).toEqual([[], []]);
    expect(within(20_000)).toEqual([
      "the machine's clock stood still or went slowly: it counted 20 s while 60 s passed",
    ]);
    expect(within(-4000)).toHaveLength(1);
  });

  it("is one that can be read, and invalid, where a search came to no figure", () => {
    const { metrics, faults } = throughputEvidence("64", [
      { ndr: "three trials in a row were worth nothing" },
    ]);
    const record = measure({ metrics, faults });
    expect(record).toMatchObject({
      ...{ metrics: [], valid: false },
      invalidReasons: ["64 ndr: three trials in a row were worth nothing", "the run came to no figure"],
    });
    expect(ResultRecord.shape.metrics.parse(record.metrics)).toEqual([]);
  });

  it("is invalid where fewer samples came than the percentile asked for needs", () => {
    const of = (samples: number, percentile?: "50" | "99.9") =>
      measure({
        metrics: [
          metricOf({ ...facts, percentile }, [
            { buckets: [[1000, samples]], overflow: 0, max: 1000, expected: 0 },
          ]),
        ],
      }).invalidReasons;
    expect(of(9999, "99.9")).toEqual([
      "host.timer.latency: too few samples, 9999 of the 10000 that the percentile asked for needs",
    ]);
    expect([of(10_000, "99.9"), of(1, "50"), of(1)]).toEqual([[], [], []]);
  });

  it("is invalid where something changed meanwhile, a wake-up is missing, or there is no sample", () => {
    const after = { ...before, hash: "b", kernel: "6.1", settings: { "/a": "1", "/b": "2", "/c": "3" } };
    expect(measure({ after }).invalidReasons).toEqual([
      "what was in force changed while it ran: kernel: 6.12, then 6.1; settings./a: not there, then 1; settings./b: not there, then 2; and 1 more",
    ]);
    expect(measure({}, 50).invalidReasons[0]).toMatch(/50 of 1000 samples never came/);
    const beyond = (overflow: number) =>
      measure({
        metrics: [metricOf(facts, [{ buckets: [[1, 1000 - overflow]], overflow, max: 9, expected: 1000 }])],
      }).invalidReasons;
    expect(beyond(500)).toEqual([]);
    expect(beyond(501)).toEqual([
      "host.timer.latency: 501 of 1000 samples lie beyond the histogram's range, so nobody knows their median",
    ]);
    expect(
      measure({ metrics: [metricOf(facts, [{ buckets: [], overflow: 0, max: 0, expected: 10 }])] }).valid,
    ).toBe(false);
  });
});
