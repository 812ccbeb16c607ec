import { axisOf } from "./axis.ts";
import { escapeText } from "./escape.ts";
import type { ReportedMetric } from "./experiment.ts";
import { countText, latencyText } from "./figures.ts";
import { apart, BOTTOM, fixed, frame, horizontal, PLOT, vertical } from "./plot.ts";

const TICKS = [50, 90, 99, 99.9, 99.99, 99.999];
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
      const what = `${latencyText(Math.round(fromNs))} to ${latencyText(Math.round(toNs))}: ${countText(count)}`;
      return `<rect class="bar" x="${fixed(from + 0.5)}" y="${fixed(y(count))}" width="${fixed(Math.max(1, x(toNs) - from - 1))}" height="${fixed(BOTTOM - y(count))}"><title>${what}</title></rect>`;
    });
  const beyond =
    overflow === 0
      ? ""
      : `<rect class="bar beyond" x="${right + 40}" y="${fixed(y(overflow))}" width="26" height="${fixed(BOTTOM - y(overflow))}"><title>beyond the range, up to ${latencyText(maxNs)}: ${countText(overflow)}</title></rect><text class="tick" x="${right + 53}" y="${fixed(y(overflow) - 5)}">${countText(overflow)}</text><text class="tick" x="${right + 53}" y="${BOTTOM + 16}">beyond</text>`;
  const marks = markedPercentiles(percentiles).map(([percentile, ns]) => ({
    text: `p${percentile}`,
    x: x(ns),
  }));
  return frame(
    "histogram",
    `${name}: samples by latency`,
    [
      ...grid,
      ...axis.ticks.filter((ns) => x(ns) <= right).map((ns) => vertical(x(ns), latencyText(ns))),
      ...bars,
      beyond,
      ...apart(marks).map(
        (mark) =>
          `<line class="mark-line" x1="${fixed(mark.x)}" x2="${fixed(mark.x)}" y1="${PLOT.top}" y2="${BOTTOM}"/><text class="tick ink" x="${fixed(mark.x)}" y="${PLOT.top - 6}">${escapeText(mark.text)}</text>`,
      ),
    ],
    `samples by latency; ${countText(samples)} in all`,
  );
}

/** Latency over percentiles, both axes logarithmic: the tail is what matters, so it gets the room. */
export function drawCurve({ name, curve, maxNs, minNs, samples, overflow }: ReportedMetric): string {
  if (curve.length < 2) return "";
  const axis = axisOf([minNs, maxNs, ...curve.map(([, ns]) => ns)]);
  const last = Math.max(nines(99), ...curve.map(([percentile]) => nines(percentile)));
  const right = PLOT.width - PLOT.right;
  const x = (percentile: number) => PLOT.left + (nines(percentile) / last) * (right - PLOT.left);
  const y = (ns: number) => BOTTOM - axis.at(ns) * (BOTTOM - PLOT.top);
  const path = curve
    .map(([percentile, ns], index) => `${index === 0 ? "M" : "L"}${fixed(x(percentile))} ${fixed(y(ns))}`)
    .join("");
  return frame(
    "curve",
    `${name}: latency by percentile`,
    [
      ...axis.ticks.map((ns) => horizontal(y(ns), latencyText(ns))),
      ...TICKS.filter((tick) => nines(tick) <= last + 1e-9).map((tick) => vertical(x(tick), `p${tick}`)),
      `<line class="mark-line" x1="${PLOT.left}" x2="${right}" y1="${fixed(y(maxNs))}" y2="${fixed(y(maxNs))}"/><text class="tick ink start" x="${PLOT.left + 6}" y="${fixed(y(maxNs) - 5)}">max ${latencyText(maxNs)}</text>`,
      overflow === 0 ? "" : unknown(x((100 * (samples - overflow)) / samples), right),
      `<path class="line" d="${path}"/>`,
      ...curve.map(
        ([percentile, ns]) =>
          `<circle class="dot" cx="${fixed(x(percentile))}" cy="${fixed(y(ns))}" r="2.5"><title>p${percentile}: ${latencyText(ns)}</title></circle>`,
      ),
    ],
    `latency by percentile of ${countText(samples)} samples`,
  );
}

/** The percentiles that lie among the samples beyond the range, where there is a maximum but no curve. */
function unknown(from: number, right: number): string {
  if (from >= right) return "";
  const width = right - from;
  const text =
    width > 90
      ? `<text class="tick" x="${fixed(from + width / 2)}" y="${BOTTOM - 8}">beyond the range</text>`
      : "";
  return `<rect class="unknown" x="${fixed(from)}" y="${PLOT.top}" width="${fixed(width)}" height="${BOTTOM - PLOT.top}"/>${text}`;
}

/** 1 at p90, 2 at p99. */
function nines(percentile: number): number {
  return -Math.log10(1 - Math.min(percentile, 99.9999) / 100);
}

function markedPercentiles(percentiles: ReportedMetric["percentiles"]): (readonly [string, number])[] {
  return percentiles.flatMap(([name, ns]) => (ns === null ? [] : [[name, ns] as const]));
}
