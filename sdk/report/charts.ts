import { axisOf } from "./axis.ts";
import { escapeText } from "./escape.ts";
import type { ReportedMetric } from "./experiment.ts";
import { countText, latencyText } from "./figures.ts";
import { apart, BOTTOM, fixed, horizontal, line, PLOT, renderChart, SERIES, verticals } from "./plot.ts";

const TICKS = [50, 90, 99, 99.9, 99.99, 99.999, 99.9999];
/** Room for the bar of samples beyond the range. */
const BEYOND = 76;

/** How many samples took how long, both axes logarithmic: one slow sample in a million is as visible as the crowd. */
export function drawHistogram({ name, bins, samples, overflow, percentiles, maxNs }: ReportedMetric): string {
  if (bins.length === 0) return "";
  const right = PLOT.width - PLOT.right - (overflow > 0 ? BEYOND : 0);
  const axis = axisOf(bins.flatMap(({ fromNs, toNs }) => [fromNs, toNs]));
  const x = (ns: number) => PLOT.left + axis.at(ns) * (right - PLOT.left);
  const most = Math.max(overflow, ...bins.map(({ count }) => count));
  const decades = Math.max(1, Math.ceil(Math.log10(most + 1)));
  // A count of one is a visible bar, so zero is half a decade below it.
  const y = (count: number) =>
    count === 0 ? BOTTOM : BOTTOM - ((Math.log10(count) + 0.5) / (decades + 0.5)) * (BOTTOM - PLOT.top);
  const grid = Array.from({ length: decades + 1 }, (_, power) => 10 ** power).map((count) =>
    horizontal(y(count), countText(count)),
  );
  const bars = bins
    .filter(({ count }) => count > 0)
    .map(({ fromNs, toNs, count }) => {
      const from = x(fromNs);
      return `<rect class="bar" x="${fixed(from + 0.5)}" y="${fixed(y(count))}" width="${fixed(Math.max(1, x(toNs) - from - 1))}" height="${fixed(BOTTOM - y(count))}"><title>${rangeText(fromNs, toNs)}: ${countText(count)}</title></rect>`;
    });
  const beyond =
    overflow === 0
      ? ""
      : `<rect class="bar beyond" x="${right + 40}" y="${fixed(y(overflow))}" width="26" height="${fixed(BOTTOM - y(overflow))}"><title>beyond the range, up to ${latencyText(maxNs)}: ${countText(overflow)}</title></rect><text class="tick" x="${right + 53}" y="${fixed(y(overflow) - 5)}">${countText(overflow)}</text><text class="tick" x="${right + 53}" y="${BOTTOM + 16}">beyond</text>`;
  const marks = knownPercentiles(percentiles).map(([percentile, ns]) => ({
    text: `p${percentile}`,
    x: x(ns),
  }));
  const fullest = bins.reduce((one, other) => (other.count > one.count ? other : one));
  return renderChart({
    name: "histogram",
    title: `${name}: samples by latency`,
    description: `${countText(bins.filter(({ count }) => count > 0).length)} bins have samples; the fullest is ${rangeText(fullest.fromNs, fullest.toNs)} with ${countText(fullest.count)} of ${countText(samples)}. Beyond the range: ${countText(overflow)}.`,
    caption: `Samples by latency, ${countText(samples)} in all`,
    axis: "latency",
    parts: [
      ...grid,
      ...verticals(
        axis.ticks.map((ns) => ({ text: latencyText(ns), x: x(ns) })).filter((tick) => tick.x <= right),
      ),
      ...bars,
      beyond,
      ...apart(marks).map(
        (mark) =>
          `<line class="mark-line" x1="${fixed(mark.x)}" x2="${fixed(mark.x)}" y1="${PLOT.top}" y2="${BOTTOM}"/><text class="tick ink" x="${fixed(mark.x)}" y="${PLOT.top - 8}">${escapeText(mark.text)}</text>`,
      ),
    ],
  });
}

/** Latency over percentiles, both axes logarithmic: the tail is what matters, so it gets the room. */
export function drawCurve(metric: ReportedMetric): string {
  const { name, curve, maxNs, samples, overflow } = metric;
  if (curve.length < 2) return "";
  const { x, y, right, grid } = percentileAxes([metric]);
  const known = TICKS.filter((tick) => nines(tick) <= nines(curve.at(-1)?.[0] ?? 0));
  return renderChart({
    name: "curve",
    title: `${name}: latency by percentile`,
    description: describeCurve(metric),
    caption: `Latency by percentile of ${countText(samples)} samples`,
    axis: "percentile",
    parts: [
      ...grid,
      `<line class="mark-line" x1="${PLOT.left}" x2="${right}" y1="${fixed(y(maxNs))}" y2="${fixed(y(maxNs))}"/><text class="tick ink start" x="${PLOT.left + 6}" y="${fixed(y(maxNs) - 6)}">max ${latencyText(maxNs)}</text>`,
      overflow === 0 ? "" : unknown(x((100 * (samples - overflow)) / samples), right),
      line(
        curve.map(([percentile, ns]) => [x(percentile), y(ns)]),
        0,
      ),
      ...curve
        .filter(([percentile]) => known.includes(percentile))
        .map(
          ([percentile, ns]) =>
            `<circle class="dot s0" cx="${fixed(x(percentile))}" cy="${fixed(y(ns))}" r="3.5"><title>p${percentile}: ${latencyText(ns)}</title></circle>`,
        ),
    ],
  });
}

/** Several distributions on the same axes. */
export interface Overlay {
  /** What they are of. */
  readonly name: string;
  readonly caption: string;
  /** As many as can be told apart; the rest is left out. */
  readonly series: readonly { readonly label: string; readonly metric: ReportedMetric }[];
}

/** Latency over percentiles of several measurements, and their maxima as rings on the right. */
export function drawCurves({ name, caption, series }: Overlay): string {
  const shown = series.filter(({ metric }) => metric.curve.length > 1).slice(0, SERIES);
  if (shown.length < 2) return "";
  const { x, y, right, grid } = percentileAxes(shown.map(({ metric }) => metric));
  return renderChart({
    name: "curve",
    title: `${name}: latency by percentile of ${shown.length} measurements`,
    description: shown.map(({ label, metric }) => `${label}: ${describeCurve(metric)}`).join(" "),
    caption,
    axis: "percentile; rings on the right are maxima",
    legend: shown.map(({ label }) => label),
    parts: [
      ...grid,
      ...shown.map(({ metric }, index) =>
        line(
          metric.curve.map(([percentile, ns]) => [x(percentile), y(ns)]),
          index,
        ),
      ),
      ...shown.map(
        ({ label, metric }, index) =>
          `<circle class="ring s${index}" cx="${right}" cy="${fixed(y(metric.maxNs))}" r="4"><title>${escapeText(label)}, max ${latencyText(metric.maxNs)}</title></circle>`,
      ),
    ],
  });
}

function percentileAxes(metrics: readonly ReportedMetric[]) {
  const axis = axisOf(
    metrics.flatMap(({ minNs, maxNs, curve }) => [minNs, maxNs, ...curve.map(([, ns]) => ns)]),
  );
  const last = Math.max(
    nines(99),
    ...metrics.flatMap(({ curve }) => curve.map(([percentile]) => nines(percentile))),
  );
  const right = PLOT.width - PLOT.right;
  const x = (percentile: number) => PLOT.left + (nines(percentile) / last) * (right - PLOT.left);
  const y = (ns: number) => BOTTOM - axis.at(ns) * (BOTTOM - PLOT.top);
  const grid = [
    ...axis.ticks.map((ns) => horizontal(y(ns), latencyText(ns))),
    ...verticals(
      TICKS.filter((tick) => nines(tick) <= last + 1e-9).map((tick) => ({ text: `p${tick}`, x: x(tick) })),
    ),
  ];
  return { x, y, right, grid };
}

/** What a curve says, in words. */
function describeCurve({ percentiles, minNs, maxNs }: ReportedMetric): string {
  const known = knownPercentiles(percentiles).map(([percentile, ns]) => `p${percentile} ${latencyText(ns)}`);
  return `${[`min ${latencyText(minNs)}`, ...known, `max ${latencyText(maxNs)}`].join(", ")}.`;
}

function rangeText(fromNs: number, toNs: number): string {
  return `${latencyText(Math.round(fromNs))} to ${latencyText(Math.round(toNs))}`;
}

/** The percentiles that lie among the samples beyond the range, where there is a maximum but no curve. */
function unknown(from: number, right: number): string {
  if (from >= right) return "";
  const width = right - from;
  const text =
    width > 130
      ? `<text class="tick" x="${fixed(from + width / 2)}" y="${BOTTOM - 8}">beyond the range</text>`
      : "";
  return `<rect class="unknown" x="${fixed(from)}" y="${PLOT.top}" width="${fixed(width)}" height="${BOTTOM - PLOT.top}"/>${text}`;
}

/** 1 at p90, 2 at p99. */
function nines(percentile: number): number {
  return -Math.log10(1 - Math.min(percentile, 99.9999) / 100);
}

function knownPercentiles(percentiles: ReportedMetric["percentiles"]): (readonly [string, number])[] {
  return percentiles.flatMap(([name, ns]) => (ns === null ? [] : [[name, ns] as const]));
}
