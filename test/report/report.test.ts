import { join } from "node:path";
import fc from "fast-check";
import { XMLValidator } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { renderBaseline } from "../../sdk/report/baseline.ts";
import { drawCurve, drawHistogram } from "../../sdk/report/charts.ts";
import type {
  Experiment,
  ReportedFigure,
  ReportedHost,
  ReportedMetric,
  ReportedRecord,
} from "../../sdk/report/experiment.ts";
import { renderFigures } from "../../sdk/report/figure-table.ts";
import { renderReport } from "../../sdk/report/html.ts";
import { drawLoad } from "../../sdk/report/load-chart.ts";
import { drawLoss } from "../../sdk/report/loss-chart.ts";
import { renderMigrations } from "../../sdk/report/migrations.ts";
import { BOTTOM, PLOT } from "../../sdk/report/plot.ts";
import { renderPublished } from "../../sdk/report/published-figures.ts";
import { renderSummary } from "../../sdk/report/terminal.ts";
import { drawHost } from "../../sdk/report/topology.ts";
import { workedExperiment } from "./worked-experiment.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/report", name);
const RIGHT = PLOT.width - PLOT.right;
const places = { report: ".nfvlab/reports/rack.html" };
const { baseline: _baseline, ...unheld } = workedExperiment;
const empty: Experiment = {
  ...unheld,
  hosts: [],
  inspections: [],
  paths: [],
  records: [],
  verdicts: [],
};

function first<T>(list: readonly T[]): T {
  const [item] = list;
  if (item === undefined) throw new Error("the worked experiment has one");
  return item;
}
const host: ReportedHost = first(workedExperiment.hosts);
const record: ReportedRecord = first(workedExperiment.records);
const metric: ReportedMetric = first(record.metrics);

const withRecords = (...records: readonly ReportedRecord[]): Experiment => ({ ...workedExperiment, records });

/** The same data with every text changed that comes from outside; words of the report's own vocabulary stay. */
function named<T>(data: T, name: (text: string) => string): T {
  const own = new Set([
    "role",
    "kind",
    "level",
    "method",
    "place",
    "down",
    "up",
    "carrier",
    "unit",
    "outcome",
    "verdict",
  ]);
  const change = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return own.has(key) ? value : name(value);
    if (Array.isArray(value)) return value.map((item) => change(item, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([field, item]) => [
        key === "inForce" ? name(field) : field,
        change(item, field),
      ]),
    );
  };
  return change(data, "") as T;
}

function svgsOf(html: string): string[] {
  return html.match(/<svg[\s\S]*?<\/svg>/g) ?? [];
}

describe("the worked experiment", () => {
  it("is summed up in the terminal", async () => {
    await expect(renderSummary(workedExperiment, places)).toMatchFileSnapshot(golden("terminal.txt"));
  });
  it("is drawn", async () => {
    await expect(`${drawHost(host)}\n`).toMatchFileSnapshot(golden("topology.svg"));
  });
  it("is reported", async () => {
    await expect(renderReport(workedExperiment)).toMatchFileSnapshot(golden("report.html"));
  });
});

describe("the report", () => {
  it("has how latency varies in the table of all latencies, and draws no curve of it", () => {
    const varied = { ...record, metrics: ["latency", "latency.pdv"].map((name) => ({ ...metric, name })) };
    const html = renderReport(withRecords(varied)).replaceAll("<wbr>", "");
    expect(html).toContain('<span class="note">latency.pdv</span>');
    expect(html).toContain("latency: samples by latency");
    expect(html).not.toContain("latency.pdv: samples by latency");
  });

  it("loads nothing from anywhere", () => {
    const html = renderReport(workedExperiment);
    expect(html).not.toMatch(/\b(src|srcset|data|action|poster|xlink:href)\s*=/i);
    // Links lead to parts of the page itself.
    expect(html.match(/\bhref\s*=\s*"[^#]/gi)).toBeNull();
    expect(html).not.toMatch(/url\(|@import|<(script|link|iframe|object|embed|img|base|form)\b/i);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it("has every text from outside escaped", () => {
    const evil = `<script>alert("1")</script>&'<img src=x onerror='y'>`;
    const html = renderReport(named(workedExperiment, (text) => `${text}${evil}`));
    expect(html.match(/<(script|img)/g)).toBeNull();
    // Each & begins an entity.
    expect(html.match(/&(?!(amp|lt|gt|quot|#39);)/g)).toBeNull();
    expect(html).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;");
    // No quote from outside ends an attribute: what is left of a tag without its attributes is its name.
    for (const tag of html.match(/<[a-z][^>]*>/g) ?? [])
      expect(tag.replace(/ [a-zA-Z0-9-]+="[^"]*"/g, "")).toMatch(/^<[a-z0-9]+\/?>$/);
  });

  it("has well-formed drawings whatever things are called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.boolean(), (text, emulated) => {
        const changed = named(workedExperiment, () => text);
        const html = renderReport({ ...changed, hosts: changed.hosts.map((one) => ({ ...one, emulated })) });
        const svgs = svgsOf(html);
        expect(svgs.length).toBeGreaterThan(20);
        for (const svg of svgs) {
          expect(XMLValidator.validate(svg)).toBe(true);
          // Validators let pass what XML 1.0 can't hold.
          const unspeakable = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
          expect(unspeakable.exec(svg)).toBeNull();
        }
      }),
      { numRuns: 25 },
    );
  });

  it("of nothing claims nothing", () => {
    const html = renderReport(empty);
    expect(html).toContain(`<p class="standing open">– no policy was judged, nothing was measured</p>`);
    expect(html).toContain("No machine of this stack has told its facts.");
    expect(html).toContain("Nothing was measured.");
    expect(html).toContain("No policy was judged.");
    expect(html).not.toMatch(/<table|<svg|In force|hold\b/);
    const text = renderSummary(empty, places);
    expect(text).toContain("measured   nothing\n");
    expect(text).toContain("policies   none was judged\n");
  });

  it("without records still has testbed and policies", () => {
    const html = renderReport({ ...unheld, records: [], paths: [] });
    expect(html).toContain("1 mandatory policy is violated, nothing was measured");
    expect(svgsOf(html)).toHaveLength(1);
    expect(html).toContain("latency-budget");
  });

  it("is good only where all policies hold and all results are valid", () => {
    const held = workedExperiment.verdicts.filter(({ passed }) => passed);
    expect(renderReport({ ...withRecords(record), verdicts: held })).toContain(
      `<p class="standing good">✓ all 4 policies hold, the one result is valid</p>`,
    );
    const advised = workedExperiment.verdicts.filter(({ passed, level }) => passed || level === "advisory");
    expect(renderReport({ ...withRecords(record), verdicts: advised })).toContain(
      `<p class="standing good">✓ 4 of 5 policies hold, the others advise`,
    );
    expect(renderReport({ ...withRecords(record, { ...record, valid: false }), verdicts: held })).toContain(
      `<p class="standing bad">✗ all 4 policies hold, 1 of 2 results is invalid</p>`,
    );
  });

  it("counts a policy once, however much it found", () => {
    const found = first(workedExperiment.verdicts);
    const text = renderSummary({ ...workedExperiment, verdicts: [found, found, found] }, places);
    expect(text).toContain("policies   0 of 1 hold\n");
    expect(text.match(/violated latency-budget/g)).toHaveLength(3);
  });

  it("shows why a record is invalid, also one that has no figures", () => {
    const reasons = ["what was in force changed while it ran", "host.timer.latency: no sample"];
    for (const metrics of [record.metrics, []]) {
      const experiment = withRecords({
        ...record,
        valid: false,
        invalidReasons: reasons,
        metrics,
        inForce: {},
      });
      const html = renderReport(experiment);
      const text = renderSummary(experiment, places);
      for (const reason of reasons) {
        expect(html).toContain(`Invalid: ${reason}`);
        expect(text).toContain(`        invalid: ${reason}\n`);
      }
      expect(html).toContain(`<span class="mark invalid">invalid</span>`);
      expect(text).toContain("[INVALID]");
    }
  });

  it("says of a functional record that its figures mean nothing", () => {
    const experiment = withRecords({ ...record, functional: true });
    expect(renderReport(experiment)).toContain("<strong>Functional results.</strong>");
    expect(renderSummary(experiment, places)).toContain("    functional: taken on an emulated server.");
    expect(renderReport(withRecords(record))).not.toContain("Functional");
  });

  it("tells what was in force for whom, where it differed", () => {
    const html = renderReport(workedExperiment);
    const row = html.split("\n").find((line) => line.includes("<caption>Guests</caption>"));
    expect(row).toContain(`<code>absent</code> <span class="note">host-timers, host-timers-untuned</span>`);
    expect(row).toContain(
      `<span class="note">guest-timers, vnf-to-bridge, ndr, migration-as-it-is, migration-tuned</span>`,
    );
    expect(html).toContain(`<th scope="row">isolatedCpus</th><td><code>2-3</code></td>`);
  });
});

describe("the histogram", () => {
  it("has a bar of its own for what lies beyond its range", () => {
    const svg = drawHistogram({ ...metric, overflow: 4, maxNs: 184_089_000 });
    expect(svg).toContain("beyond the range, up to 184\u00A0ms: 4");
    expect(svg.match(/class="bar beyond"/g)).toHaveLength(1);
    expect(drawHistogram(metric)).not.toContain("beyond");
  });

  it("draws a bar for every bin that has samples, higher for more, inside its frame", () => {
    const bar = /class="bar" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g;
    const bars = [...drawHistogram(metric).matchAll(bar)].map((match) => match.slice(1).map(Number));
    const full = metric.bins.filter(({ count }) => count > 0);
    expect(bars).toHaveLength(full.length);
    const heights = bars.map(([, , , height = 0]) => height);
    const byCount = full.map(({ count }, index) => [count, heights[index] ?? 0] as const);
    for (const [count, height] of byCount)
      for (const [other, lower] of byCount) if (other < count) expect(lower).toBeLessThan(height);
    for (const [x = 0, y = 0, width = 0, height = 0] of bars) {
      expect(x).toBeGreaterThanOrEqual(PLOT.left);
      expect(x + width).toBeLessThanOrEqual(RIGHT + 0.1);
      expect(y).toBeGreaterThanOrEqual(PLOT.top);
      expect(y + height).toBeCloseTo(BOTTOM, 0);
    }
  });

  it("is left out where every sample lies beyond, and so is the curve", () => {
    const lost = { ...metric, bins: [], curve: [], overflow: metric.samples };
    expect(drawHistogram(lost)).toBe("");
    expect(drawCurve(lost)).toBe("");
  });
});

describe("the chart of loss by load", () => {
  const point = fc.record({
    loadPps: fc.double({ min: 1, max: 2e8, noNaN: true }),
    lossRatio: fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 1, noNaN: true })),
  });
  const found = [{ goal: "ndr", throughputPps: 5, lowerPps: 5, upperPps: 6 }];
  const circles = (svg: string) =>
    [...svg.matchAll(/class="(dot[^"]*)" cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, kind, x, y]) => ({
      isLossy: kind === "dot lossy",
      x: Number(x),
      y: Number(y),
    }));

  it("has a point for each trial inside its frame, higher for more loss, what lost nothing below all that did", () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 30 }), (trials) => {
        const points = circles(drawLoss({ frame: "64 bytes", trials, found: [] }));
        expect(points).toHaveLength(trials.length);
        for (const [index, { isLossy, x, y }] of points.entries()) {
          const { loadPps, lossRatio } = trials[index]!;
          expect(isLossy).toBe(lossRatio > 0);
          expect(x).toBeGreaterThanOrEqual(PLOT.left);
          expect(x).toBeLessThanOrEqual(RIGHT);
          expect(y).toBeGreaterThanOrEqual(PLOT.top);
          expect(y).toBeLessThanOrEqual(BOTTOM);
          for (const [other, { x: otherX, y: otherY }] of points.entries()) {
            if (trials[other]!.loadPps < loadPps) expect(otherX).toBeLessThanOrEqual(x);
            if (trials[other]!.lossRatio < lossRatio) expect(otherY).toBeGreaterThanOrEqual(y);
            if (trials[other]!.lossRatio === 0 && lossRatio > 0) expect(otherY).toBeGreaterThan(y);
          }
        }
      }),
    );
  });

  it("marks the throughput of each goal, and names those whose names don't run into each other", () => {
    const trials = [{ loadPps: 10, lossRatio: 0 }];
    const near = [...found, { goal: "pdr", throughputPps: 5.01, lowerPps: 5, upperPps: 6 }];
    const svg = drawLoss({ frame: "64 bytes", trials, found: near });
    expect(svg.match(/class="mark-line"/g)).toHaveLength(2);
    expect([svg.includes(">ndr</text>"), svg.includes(">pdr</text>")]).toEqual([true, false]);
    expect(drawLoss({ frame: "64 bytes", trials: [], found })).toBe("");
  });
});

describe("latency under load", () => {
  const load = first(workedExperiment.records.flatMap(({ loads }) => loads));

  it("has a line for each percentile over the loads, never falling from one percentile to the next", () => {
    const svg = drawLoad(load);
    expect(svg).toContain(`<svg class="load"`);
    const heights = [0, 1, 2, 3, 4].map((series) =>
      [...svg.matchAll(new RegExp(`class="dot s${series}" cx="[\\d.]+" cy="([\\d.]+)"`, "g"))].map(([, y]) =>
        Number(y),
      ),
    );
    for (const [series, ys] of heights.entries()) {
      expect(ys).toHaveLength(load.points.length);
      for (const [at, y] of ys.entries()) expect(y).toBeLessThanOrEqual(heights[series - 1]?.[at] ?? BOTTOM);
    }
    for (const { percent } of load.points) expect(svg).toContain(`at ${percent} % of the throughput`);
  });

  it("is drawn by percentile alone where the record does not tell the loads", () => {
    const svg = drawLoad({ ...load, points: load.points.map((point) => ({ ...point, loadPps: null })) });
    expect(svg).not.toContain(`<svg class="load"`);
    expect(svg).toContain(`<svg class="curve"`);
  });

  it("is in the report at its record, not once more as a histogram", () => {
    const html = renderReport(withRecords(...workedExperiment.records.filter(({ name }) => name === "ndr")));
    expect(html).toContain(`<svg class="load"`);
    expect(html).not.toContain(`<svg class="histogram"`);
  });
});

describe("migrations", () => {
  const tuned = first(workedExperiment.records.filter(({ name }) => name === "migration-tuned"));

  it("lie one below the other, each part as long as it took and none beyond its row", () => {
    const html = renderMigrations("x", tuned.migrations, tuned.figures);
    const bars = [
      ...html.matchAll(
        /<title>([^<]*)<\/title><rect class="phase ([a-z-]+)" x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g,
      ),
    ].map(([, title, kind, x, y, width]) => ({
      title,
      kind,
      x: Number(x),
      y: Number(y),
      width: Number(width),
    }));
    expect(bars).toHaveLength(tuned.migrations.flatMap(({ phases }) => phases).length);
    for (const [index, bar] of bars.entries()) {
      const next = bars[index + 1];
      if (next?.y === bar.y) expect(next.x).toBeGreaterThanOrEqual(bar.x);
      expect(bar.x + bar.width).toBeLessThan(800);
      expect(bar.width).toBeGreaterThanOrEqual(2);
    }
    expect(html).toContain("<title>guest stopped: 7\u00A0ms</title>");
    expect(html).toContain(">3.04\u00A0s, not converged</text>");
  });

  it("are told by all who saw them: a mark for each that came to its end", () => {
    const html = renderMigrations("x", [], tuned.figures);
    for (const who of ["QEMU: downtime", "libvirt: standstill", "traffic: outage"])
      expect(html).toContain(who);
    expect(html.match(/<circle/g)).toHaveLength(9);
    expect(renderMigrations("x", [], tuned.figures.slice(0, 2))).toBe("");
  });

  it("are as many as can be read, and the rest is said to be there", () => {
    const html = renderMigrations("x", Array.from({ length: 9 }, () => tuned.migrations).flat(), []);
    expect(html).toContain("16 more are in the record");
    expect(html).toContain(">20, back</text>");
    expect(html).not.toContain(">21, there</text>");
  });
});

describe("the baseline", () => {
  const baseline = workedExperiment.baseline!;
  const pair = first(baseline.pairs);

  it("says first what else is different, then the figures with what can be told of them", () => {
    const html = renderBaseline(baseline, workedExperiment.records);
    const at = (text: string) => html.indexOf(text);
    expect(at("kernelArguments: isolcpus=2-3, then isolcpus=3")).toBeGreaterThan(0);
    expect(at("<table")).toBeGreaterThan(at("kernelArguments"));
    expect(html).toMatch(/<tr class="better">.*✓ better/);
    expect(html).toContain("Measured before, not now: oslat.");
    expect(renderBaseline(undefined, workedExperiment.records)).toBe("");
  });

  it("draws both on the same axes where it is known how they were distributed", () => {
    expect(renderBaseline(baseline, workedExperiment.records).match(/<svg class="curve"/g)).toHaveLength(1);
    expect(renderBaseline(baseline, [])).not.toContain("<svg");
  });

  it("shows why nothing can be told, and no more of a long list than can be read", () => {
    const environment = Array.from({ length: 200 }, (_, index) => `item${index}: 1, then 2`);
    const comparison = { ...pair.comparison, environment, caveats: ["the record before is not valid: busy"] };
    const html = renderBaseline({ ...baseline, pairs: [{ ...pair, comparison }] }, []);
    expect(html).toContain("Nothing can be told: the record before is not valid: busy");
    expect(html).toContain("and 188 more");
    expect(html).not.toContain("item12:");
  });
});

describe("published figures", () => {
  it("stand beside what has the same metric, with what they were measured on", () => {
    const html = renderReport(workedExperiment);
    expect(html).toContain("OPNFV KVM4NFV: Fast Live Migration");
    expect(html).toContain("Measured on other hardware: two servers, Xeon E5-2699 v3");
    for (const text of ["2.27\u00A0s", "654\u00A0ms", "26\u00A0ms", "5\u00A0ms"])
      expect(html).toContain(`<td>${text}</td>`);
  });

  it("stand beside the median of a distribution too", () => {
    const html = renderPublished([
      { ...record, metrics: [{ ...metric, name: "guest.exit.hypercall", medianNs: 731 }] },
    ]);
    expect(html).toContain("KVM Forum 2014");
    expect(html).toContain("<td>500\u00A0ns</td>");
    expect(html).toContain("<td>731\u00A0ns, p99 4\u00A0µs</td>");
    expect(html).not.toContain("guest.vmfunc");
  });

  it("are left out where nothing of the kind was measured, in the same unit", () => {
    expect(renderPublished(workedExperiment.records.filter(({ kind }) => kind !== "live-migration"))).toBe(
      "",
    );
    const [migrated] = workedExperiment.records.filter(({ kind }) => kind === "live-migration");
    const figures = migrated!.figures.map((each) => ({ ...each, unit: "count" as const }));
    expect(renderPublished([{ ...migrated!, figures }])).toBe("");
  });
});

describe("figures of repetitions", () => {
  const figure: ReportedFigure = {
    ...{ name: "guest.exits", unit: "1/s", median: 11, min: 10, max: 14, each: [10, 11, 14] },
    interval: { low: 10, high: 14, method: "range" },
  };

  it("have a mark for each, from the least on the left to the most on the right", () => {
    const html = renderFigures({ ...record, figures: [figure] });
    const marks = [...html.matchAll(/<circle class="dot s0" cx="([\d.]+)"/g)].map(([, x]) => Number(x));
    expect(marks).toEqual([7, 41, 143]);
    expect(html).toContain("3 repetitions: 10/s, 11/s, 14/s.");
  });

  it("of one repetition have no interval, and none is drawn", () => {
    const html = renderFigures({ ...record, figures: [{ ...figure, each: [11] }] });
    expect(html).not.toMatch(/<circle|interval/);
  });
});

describe("the percentile curve", () => {
  it("marks the percentiles that lie beyond the histogram's range", () => {
    const lost = { ...metric, overflow: metric.samples / 10, curve: metric.curve.slice(0, 6) };
    const [, from = 0, width = 0] =
      /class="unknown" x="([\d.]+)" y="26" width="([\d.]+)"/.exec(drawCurve(lost)) ?? [];
    // From p90, halfway to p99, to the end.
    expect(Number(from)).toBeCloseTo((PLOT.left + RIGHT) / 2, 0);
    expect(Number(from) + Number(width)).toBeCloseTo(RIGHT, 0);
    expect(drawCurve(metric)).not.toContain("unknown");
  });

  it("stays inside its frame and never falls, whatever was measured", () => {
    const values = fc.array(fc.integer({ min: 0, max: 1e12 }), { minLength: 2, maxLength: 15 });
    fc.assert(
      fc.property(values, (unsorted) => {
        const sorted = unsorted.toSorted((a, b) => a - b);
        const percentiles = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999];
        const curve = sorted.map((ns, index) => [percentiles[index] ?? 100, ns] as const);
        const svg = drawCurve({ ...metric, curve, minNs: sorted[0] ?? 0, maxNs: sorted.at(-1) ?? 0 });
        const path = /class="line s0" d="([^"]*)"/.exec(svg)?.[1] ?? "";
        const points = path
          .split(/[ML]/)
          .slice(1)
          .map((point) => point.split(" ").map(Number));
        expect(points).toHaveLength(sorted.length);
        let last = { x: 0, y: Number.POSITIVE_INFINITY };
        for (const [x = Number.NaN, y = Number.NaN] of points) {
          expect(x).toBeGreaterThanOrEqual(Math.max(PLOT.left, last.x));
          expect(x).toBeLessThanOrEqual(RIGHT);
          expect(y).toBeGreaterThanOrEqual(PLOT.top);
          expect(y).toBeLessThanOrEqual(Math.min(BOTTOM, last.y));
          last = { x, y };
        }
      }),
    );
  });
});

describe("the drawing of a machine", () => {
  const cpus = Array.from({ length: 40 }, (_, cpu) => ({ cpu, core: cpu % 20, role: "isolated" as const }));
  const guests = Array.from({ length: 4 }, (_, index) => ({
    ...first(host.guests),
    name: `vnf${index}`,
    nics: [{ name: "east", address: "", socket: `/run/${index}.sock` }],
  }));
  const ports = guests.map(({ nics }, index) => ({
    name: `vhu${index}`,
    kind: "dpdkvhostuserclient",
    peer: "",
    socket: first(nics).socket,
    up: index !== 3,
  }));
  const bridges = [{ name: "br0", addresses: [], ports }];

  it("ties guests to ports that have their sockets", () => {
    const svg = drawHost({ ...host, guests: guests.slice(0, 3), bridges });
    expect(svg.match(/class="link/g)).toHaveLength(3);
    expect(drawHost({ ...host, bridges: [] })).not.toContain('class="link');
  });

  it("names guests at ports instead where there are too many for lines", () => {
    const svg = drawHost({ ...host, guests, bridges });
    expect(svg).not.toContain('class="link');
    expect(svg.match(/>east · vhost-user</g)).toHaveLength(3);
    for (const { name } of guests) expect(svg).toContain(`>to ${name}<`);
    expect(svg).toMatch(/>DOWN · east · vhost[^<]*</);
  });

  it("lets no box overlap another of its kind or leave the drawing", () => {
    const svg = drawHost({
      ...host,
      guests,
      bridges: [...bridges, { name: "br1", addresses: [], ports: [...ports, ...ports, ...ports] }],
      nodes: [0, 1, 2].map((node) => ({ node, cpus, hugepages: [] })),
    });
    const [, , width = 0, height = 0] = (/viewBox="([^"]*)"/.exec(svg)?.[1] ?? "").split(" ").map(Number);
    for (const kind of ["guest", "bridge", "port", "node", "cpu"]) {
      const rect = `class="${kind}[^"]*">(?:<title>[^<]*</title>)?<rect(?: class="[a-z]+")? x="([-\\d.]+)" y="([\\d.]+)" width="([\\d.]+)" height="([\\d.]+)"`;
      const boxes = [...svg.matchAll(new RegExp(rect, "g"))].map((match) => {
        const [x = 0, y = 0, wide = 0, high = 0] = match.slice(1).map(Number);
        return { left: x, right: x + wide, top: y, bottom: y + high };
      });
      expect(boxes.length, kind).toBeGreaterThan(1);
      for (const [index, box] of boxes.entries()) {
        expect(box.left).toBeGreaterThanOrEqual(-2);
        expect(box.right).toBeLessThanOrEqual(width - 2);
        expect(box.bottom).toBeLessThanOrEqual(height);
        for (const other of boxes.slice(index + 1)) {
          const isApart =
            box.right <= other.left + 0.2 ||
            other.right <= box.left + 0.2 ||
            box.bottom <= other.top + 0.2 ||
            other.bottom <= box.top + 0.2;
          expect(isApart, `${kind} ${JSON.stringify([box, other])}`).toBe(true);
        }
      }
    }
  });

  it("says what each CPU is for in words, and outlines each role in its own way", () => {
    const roles = ["housekeeping", "pmd", "vcpu", "isolated", "other"] as const;
    const svg = drawHost({
      ...host,
      nodes: [{ node: 0, cpus: roles.map((role, cpu) => ({ cpu, core: cpu, role })), hugepages: [] }],
    });
    for (const phrase of ["housekeeping", "poll-mode thread", "vCPU of a guest", "isolated, free"])
      expect(svg).toContain(`>${phrase}</text>`);
    for (const word of ["house", "PMD", "vCPU", "free"]) expect(svg).toContain(`>${word}</text>`);
  });
});

describe("the summary in the terminal", () => {
  it("keeps sentences within 100 columns", () => {
    const reason = "x ".repeat(200).trim();
    const text = renderSummary(withRecords({ ...record, valid: false, invalidReasons: [reason] }), places);
    const long = text.split("\n").filter((line) => line.length > 100);
    expect(long).toEqual([]);
  });

  it("lets no name steer the terminal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const text = renderSummary(
          named(workedExperiment, () => `${name}\u001b[2J\u0007\r`),
          places,
        );
        expect(text).not.toMatch(/[^\P{Cc}\n]/u);
      }),
    );
  });

  it("has a line for every CPU of a large machine", () => {
    const cpus = Array.from({ length: 128 }, (_, cpu) => ({ cpu, core: cpu, role: "isolated" as const }));
    const text = renderSummary(
      { ...workedExperiment, hosts: [{ ...host, nodes: [{ node: 0, cpus, hugepages: ["8 × 1GiB"] }] }] },
      places,
    );
    for (const { cpu } of cpus) expect(text).toContain(` ${cpu}.`);
    for (const line of text.split("\n").slice(0, 12)) expect(line.length).toBeLessThanOrEqual(112);
  });
});
