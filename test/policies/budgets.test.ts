import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { latencyBudget } from "../../policies/evidence/latency-budget.ts";
import { type Declared, judge, textOf } from "../../policies/testing.ts";
import { type SearchOutcome, throughputEvidence } from "../../sdk/measure/throughput.ts";
import { dut, inForce, on, real, timed } from "./case.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/policies", `${name}.txt`);
const nothing = { violations: [], advice: [], about: [] };
const latency = "guest.timer.latency";
type Props = Readonly<Record<string, unknown>>;

const judged = (budget: Props, ...more: Declared[]) =>
  judge(latencyBudget, real({}, ...more), { budgets: [{ metric: latency, percentile: "99", ...budget }] });

const loaded = (metric: Props = {}, record: Props = {}, name = "loaded-run") =>
  timed({ coLoad: { kind: "cpu", busy: {} }, ...record }, metric, name);
const runs = (...medians: number[]) => ({
  repetitions: medians.map((median) => ({ samples: 1, min: median, median, max: median })),
});
const throughput = (metric: Props) =>
  timed(
    {},
    {
      name: "traffic.forward.throughput",
      unit: "pps",
      samples: 5,
      max: 1000,
      min: 990,
      mean: 995,
      ...metric,
    },
    "frames-run",
  );
const rate = { metric: "traffic.forward.throughput" };

describe("a budget", () => {
  it("bounds the minimum, the mean and the maximum", async () => {
    for (const [percentile, at] of [
      ["min", 1000],
      ["mean", 5000],
      ["max", 95_000],
    ] as const) {
      const metric = { min: 1000, mean: 5000 };
      expect(await judged({ percentile, maxNs: at }, timed({}, metric))).toEqual(nothing);
      expect((await judged({ percentile, maxNs: at - 1 }, timed({}, metric))).violations).toHaveLength(1);
    }
  });

  it("bounds polling, exits and boots of the jobs that measure them", async () => {
    const metrics = [
      [
        { percentile: "max", maxNs: 10_000 },
        { name: "host.polling.gap", unit: "ns", samples: 2e9, max: 11_000 },
      ],
      [
        { percentile: "max", max: 10 },
        { name: "guest.exits", unit: "1/s", samples: 60, max: 1200 },
      ],
      [
        { percentile: "max", max: 30_000 },
        { name: "guest.boot", unit: "ms", samples: 10, max: 31_250 },
      ],
    ] as const;
    const found = [];
    for (const [budget, metric] of metrics)
      found.push(await judged({ metric: metric.name, ...budget }, timed({}, metric, "latency-run")));
    await expect(found.map(textOf).join("")).toMatchFileSnapshot(golden("budget-latency"));
  });

  it("bounds rates from below and losses from above, in their own units", async () => {
    const lost = timed({}, { name: "traffic.forward.lost", unit: "count", samples: 3, max: 2 }, "frames-run");
    const found = [
      await judged({ ...rate, percentile: "min", min: 991 }, throughput({})),
      await judged({ metric: "traffic.forward.lost", percentile: "max", max: 0 }, lost),
      await judged({ ...rate, percentile: "max", maxNs: 1 }, throughput({})),
    ];
    await expect(found.map(textOf).join("")).toMatchFileSnapshot(golden("budget-units"));
    expect(await judged({ ...rate, percentile: "min", min: 990 }, throughput({}))).toEqual(nothing);
    for (const { violations } of found) expect(violations).toHaveLength(1);
  });

  it("takes the worse end of a median's interval: the lower one of what is to be high", async () => {
    const metric = { percentiles: { 50: 995 }, samples: 100, interval95: { low: 980, high: 999 } };
    expect(await judged({ ...rate, percentile: "50", min: 980 }, throughput(metric))).toEqual(nothing);
    const { violations } = await judged({ ...rate, percentile: "50", min: 981 }, throughput(metric));
    expect(violations[0]).toContain(
      "is 995 pps, 980 pps at the lower end of its 95 % interval, allowed 981 pps at least",
    );
  });

  it("takes the worse end of a percentile's interval, where the record has one", async () => {
    const metric = {
      percentiles: { 99: 20_000 },
      percentileIntervals: { 99: { low: 18_000, high: 24_000 } },
    };
    expect(await judged({ maxNs: 24_000 }, timed({}, metric))).toEqual(nothing);
    const { violations } = await judged({ maxNs: 23_999 }, timed({}, metric));
    expect(violations[0]).toContain(
      "is 20000 ns, 24000 ns at the upper end of its 95 % interval, allowed 23999 ns",
    );
  });

  it("is kept by every measured CPU by itself, where it says so", async () => {
    const cpu = (max: number, p99: number | null, samples = 60_000) => ({
      ...{ samples, min: 1000, max, percentiles: { 50: 2000, 99: p99 } },
    });
    const of = (more: Props = {}) =>
      timed(
        {},
        { percentiles: { 99: 3000 }, perCpu: { 2: cpu(9000, 2500), 10: cpu(90_000, 40_000), ...more } },
      );
    expect(await judged({ maxNs: 5000 }, of())).toEqual(nothing);
    expect(await judged({ maxNs: 40_000, eachCpu: true }, of())).toEqual(nothing);
    const found = [
      await judged({ maxNs: 5000, eachCpu: true }, of()),
      await judged({ percentile: "max", maxNs: 8000, eachCpu: true }, of()),
      await judged({ maxNs: 50_000, eachCpu: true }, of({ 3: cpu(9000, null, 12), 4: cpu(9000, null) })),
      await judged({ maxNs: 50_000, eachCpu: true }, timed({}, {})),
      await judged({ percentile: "mean", maxNs: 50_000, eachCpu: true }, of()),
    ];
    await expect(found.map(textOf).join("")).toMatchFileSnapshot(golden("budget-each-cpu"));
    expect(found.map(({ violations }) => violations.length)).toEqual([1, 2, 2, 1, 1]);
  });

  it("gates a throughput that was searched for by what is proven of it, its lower bound", async () => {
    const found = (lowerPps: number, throughputPps = lowerPps) => ({
      ndr: { kind: "regular" as const, throughputPps, lowerPps, upperPps: lowerPps + 50 },
    });
    const searched = (...outcomes: readonly SearchOutcome[]) => {
      const { metrics } = throughputEvidence("64", outcomes);
      return { ...timed({ metrics }, {}, "ndr-run"), type: "nfvlab:bench:Throughput" };
    };
    const gate = (percentile: string, min: number, metric = "throughput.64.ndr") => ({
      metric,
      percentile,
      min,
    });
    const one = searched(found(10_000, 9990));
    expect(await judged(gate("min", 9990), one)).toEqual(nothing);
    expect(await judged(gate("min", 10_000, "throughput.64.ndr.lower"), one)).toEqual(nothing);
    expect((await judged(gate("min", 9991), one)).violations).toEqual([
      expect.stringContaining("throughput.64.ndr min is 9990 pps, allowed 9991 pps at least"),
    ]);
    // Of six repetitions the interval's lower end is the least of all.
    const six = searched(...[10_000, 10_010, 10_020, 10_030, 10_040, 9500].map((pps) => found(pps)));
    expect(await judged(gate("median", 9500), six)).toEqual(nothing);
    expect((await judged(gate("median", 9501), six)).violations).toEqual([
      expect.stringContaining("9500 pps at the lower end of its 95 % interval"),
    ]);
  });

  it("waits for a measurement that was interrupted", async () => {
    const interrupted = { ...timed({}, {}, "ndr-run"), type: "nfvlab:bench:Throughput" };
    const none = { ...interrupted, props: { ...interrupted.props, record: null, ended: "interrupted" } };
    const { violations, advice, about } = await judged(
      { metric: "throughput.64.ndr", percentile: "min", min: 1 },
      none,
    );
    expect(violations).toEqual([]);
    expect([...advice, ...about].join(" ")).toContain("throughput.64.ndr (still to be measured: ndr-run)");
  });

  it("bounds the spread of repetitions, of as many as it asks for", async () => {
    const spread = { ...rate, percentile: "spread", max: 0.03, minRepetitions: 5 };
    expect(await judged(spread, throughput(runs(100, 101, 99, 100, 102)))).toEqual(nothing);
    const wide = await judged(spread, throughput(runs(100, 110, 90, 100, 102)));
    const few = await judged(spread, throughput(runs(100, 101, 99, 100)));
    await expect([wide, few].map(textOf).join("")).toMatchFileSnapshot(golden("budget-spread"));
    for (const { violations } of [wide, few]) expect(violations).toHaveLength(1);
  });

  it("is of the records that it means: by load, and by name", async () => {
    const both = [timed(), loaded({ percentiles: { 99: 50_000 } })];
    expect(await judged({ maxNs: 20_000, beside: "none" }, ...both)).toEqual(nothing);
    expect(await judged({ maxNs: 20_000, beside: "memory" }, ...both)).toEqual(nothing);
    expect(await judged({ maxNs: 20_000, benchmark: "guest-*" }, ...both)).toEqual(nothing);
    for (const which of [{ beside: "cpu" }, { beside: "any" }, { benchmark: "loaded-*" }, {}])
      expect((await judged({ maxNs: 20_000, ...which }, ...both)).about).toEqual(["loaded-run"]);
  });

  it("that nobody has calibrated only advises; a record that is no evidence is refused all the same", async () => {
    const budget = { maxNs: 19_999, advise: true };
    const { violations, advice } = await judged(budget, timed());
    expect(violations).toEqual([]);
    expect(advice).toEqual([expect.stringContaining("p99 is 20000 ns, allowed 19999 ns (budgets[0])")]);
    expect((await judged(budget, timed({ valid: false }))).violations).toHaveLength(1);
  });

  it("is refused where it bounds nothing", async () => {
    const found = [
      await judged({}, timed()),
      await judged({ against: { beside: "none" } }, loaded(), timed()),
    ];
    expect(found.map(({ violations }) => violations[0])).toEqual([
      "budgets[0]: observed no bound, expected maxNs, max, min or against; mend the policy's configuration.",
      "budgets[0]: against: observed no ratio, expected maxRatio or minRatio; mend the policy's configuration.",
    ]);
  });

  it("refuses a record of another machine", async () => {
    const { violations } = await judged(
      { maxNs: 1e9 },
      timed({ fingerprint: { ...inForce, machineId: "another" } }),
    );
    expect(violations).toEqual([
      expect.stringContaining("the record is of another machine, another, while dut-facts is of m"),
    ]);
  });
});

/** Frames that another machine sends through the real host. */
const forwarded = (systemUnderTest: Props, name = "frames-run", coLoad: Props = {}): Declared => {
  const record = { fingerprint: { ...inForce, hash: "generator's" }, others: { systemUnderTest } };
  const { props } = timed(
    { ...record, asked: {}, ...coLoad },
    { name: "traffic.forward.throughput", unit: "pps", mean: 950 },
    name,
  );
  const machines = { host: { ...dut, name: "generator" }, systemUnderTest: dut };
  return { type: "nfvlab:bench:Traffic", name, props: { ...props, ...machines } };
};

describe("a budget of what another machine forwards", () => {
  it("refuses a record of another boot of that machine, or of another machine", async () => {
    const budget = { ...rate, percentile: "mean", min: 1 };
    expect(await judged(budget, forwarded(inForce))).toEqual(nothing);
    const { violations } = await judged(
      budget,
      forwarded({ ...inForce, bootId: "22222222", machineId: "another" }),
    );
    expect(violations).toEqual([
      expect.stringContaining(
        "the record is stale, measured in boot 22222222, while dut runs boot 11111111 (dut-facts)",
      ),
      expect.stringContaining("the record is of another machine, another, while dut-facts is of m"),
    ]);
  });

  it("takes no baseline of another set-up of that machine", async () => {
    const budget = { ...rate, percentile: "mean", beside: "any", against: { beside: "none", maxRatio: 3 } };
    const beside = { coLoad: { kind: "cpu", busy: {} } };
    const of = (hash: string) =>
      judged(budget, forwarded({ ...inForce, hash }), forwarded(inForce, "loaded-run", beside));
    expect(await of(inForce.hash)).toEqual(nothing);
    expect((await of("bbbbbbbbbbbbbbbb")).violations).toEqual([
      expect.stringContaining(
        "its baseline frames-run is of another set-up on dut: observed bbbbbbbbbbbb, expected aaaaaaaaaaaa, the record's",
      ),
    ]);
  });

  it("takes a stored value for what was in force there too", async () => {
    const stored = (against: Props) =>
      judged(
        {
          ...rate,
          percentile: "mean",
          against: { value: 1000, minRatio: 0.95, inForce: "generator's", ...against },
        },
        forwarded(inForce),
      );
    expect(await stored({ othersInForce: { systemUnderTest: inForce.hash } })).toEqual(nothing);
    const said = [await stored({}), await stored({ othersInForce: { systemUnderTest: "bbbbbbbbbbbbbbbb" } })];
    expect(said.flatMap(({ violations }) => violations)).toEqual([
      expect.stringContaining(
        "the baseline says not what was in force on dut: observed no against.othersInForce.systemUnderTest, expected a fingerprint's hash",
      ),
      expect.stringContaining(
        "the baseline is of another set-up on dut: observed bbbbbbbbbbbb (against.othersInForce.systemUnderTest), expected aaaaaaaaaaaa, the record's",
      ),
    ]);
  });
});

describe("a budget against a baseline", () => {
  const growth = { beside: "any", against: { beside: "none", maxRatio: 3 } };
  const subject = { kind: "guest", domain: "vnf", cpus: "0" };

  it("holds a record under load against that of the same subject without", async () => {
    const of = (p99: number) => judged(growth, timed(), loaded({ percentiles: { 99: p99 } }));
    expect(await of(60_000)).toEqual(nothing);
    const found = await of(60_001);
    expect(found.about).toEqual(["loaded-run"]);
    await expect(textOf(found)).toMatchFileSnapshot(golden("budget-ratio"));
  });

  it("says where there is none, more than one, or one that is no evidence", async () => {
    const elsewhere = timed();
    const other = { ...elsewhere, props: { ...elsewhere.props, subject: { ...subject, cpus: "1" } } };
    const found = [
      await judged(growth, loaded(), other),
      await judged(growth, loaded(), timed(), timed({}, {}, "again-run")),
      await judged(growth, loaded(), timed({ valid: false, invalidReasons: ["12 wake-ups missing"] })),
      await judged(growth, loaded(), timed({}, { samples: 12 })),
      await judged(growth, loaded(), timed({ fingerprint: { ...inForce, hash: "bbbbbbbbbbbbbbbb" } })),
    ];
    await expect(found.map(textOf).join("")).toMatchFileSnapshot(golden("budget-no-baseline"));
    for (const { violations } of found) expect(violations).toHaveLength(1);
  });

  it("waits for one that is still to be measured", async () => {
    const planned = on("bench:Cyclictest", "guest-timers-run", { subject });
    const { violations, advice } = await judged(growth, loaded(), planned);
    expect(violations).toEqual([]);
    expect(advice[0]).toMatch(
      /^record of guest-timers-run isn't known yet, so what guest\.timer\.latency p99 of loaded-run/,
    );
  });

  it("names one of another benchmark", async () => {
    const against = { benchmark: "low-*", maxRatio: 5 };
    const low = timed({}, { percentiles: { 99: 10_000 } }, "low-run");
    const high = (p99: number) =>
      judged({ benchmark: "high-*", against }, low, timed({}, { percentiles: { 99: p99 } }, "high-run"));
    expect(await high(50_000)).toEqual(nothing);
    expect((await high(50_001)).violations).toHaveLength(1);
  });

  it("takes a stored value for what was in force when it was taken, and for nothing else", async () => {
    const stored = (against: Props) =>
      judged(
        { ...rate, percentile: "mean", against: { value: 1000, minRatio: 0.95, ...against } },
        throughput({ mean: 950 }),
      );
    expect(await stored({ inForce: inForce.hash })).toEqual(nothing);
    const found = [
      await stored({ inForce: inForce.hash, minRatio: 0.96 }),
      await stored({ inForce: "bbbbbbbbbbbbbbbb" }),
      await stored({}),
    ];
    await expect(found.map(textOf).join("")).toMatchFileSnapshot(golden("budget-stored-baseline"));
    for (const { violations } of found) expect(violations).toHaveLength(1);
  });
});
