import { axisOf } from "./axis.ts";
import { drawCurves } from "./charts.ts";
import { escapeText } from "./escape.ts";
import type { ReportedLoad, ReportedMetric } from "./experiment.ts";
import { latencyText, rateText } from "./figures.ts";
import { BOTTOM, fixed, horizontal, line, PLOT, renderChart, verticals } from "./plot.ts";

const SHOWN = ["50", "90", "99", "99.9", "max"] as const;
const STEPS = 4;

/** Latency of one frame size and direction under load: by load, and the whole distribution at each load. */
export function drawLoad(load: ReportedLoad): string {
  return `${drawByLoad(load)}${drawByPercentile(load)}`;
}

function drawByLoad({ frame, direction, points }: ReportedLoad): string {
  const placed = points.flatMap(({ percent, loadPps, metric }) =>
    loadPps === null ? [] : [{ percent, loadPps, metric }],
  );
  const most = Math.max(...placed.map(({ loadPps }) => loadPps));
  if (placed.length < 2 || most <= 0) return "";
  const lines = SHOWN.map((name) => ({
    name: name === "max" ? name : `p${name}`,
    points: placed.flatMap((point) => {
      const ns = latencyAt(point.metric, name);
      return ns === null ? [] : [{ ...point, ns }];
    }),
  })).filter((each) => each.points.length > 1);
  const axis = axisOf(lines.flatMap((each) => each.points.map(({ ns }) => ns)));
  const x = (pps: number) => PLOT.left + (pps / most) * (PLOT.width - PLOT.right - PLOT.left);
  const y = (ns: number) => BOTTOM - axis.at(ns) * (BOTTOM - PLOT.top);
  const title = `${frame}, ${direction}`;
  return renderChart({
    name: "load",
    title: `${title}: latency by load`,
    description: placed
      .map(
        ({ percent, loadPps, metric }) =>
          `At ${percent} % of the throughput, ${rateText(loadPps)}: median ${latencyText(metric.medianNs)}, max ${latencyText(metric.maxNs)}.`,
      )
      .join(" "),
    caption: `Latency by load, ${title}`,
    axis: "load, frames per second",
    legend: lines.map(({ name }) => name),
    parts: [
      ...axis.ticks.map((ns) => horizontal(y(ns), latencyText(ns))),
      ...verticals(
        Array.from({ length: STEPS + 1 }, (_, step) => (most * step) / STEPS).map((pps) => ({
          ...{ text: pps === 0 ? "0" : rateText(pps), x: x(pps) },
        })),
      ),
      ...lines.flatMap((each, index) => [
        line(
          each.points.map(({ loadPps, ns }) => [x(loadPps), y(ns)]),
          index,
        ),
        ...each.points.map(
          ({ percent, loadPps, ns }) =>
            `<circle class="dot s${index}" cx="${fixed(x(loadPps))}" cy="${fixed(y(ns))}" r="3.5"><title>${escapeText(each.name)} at ${percent} %, ${rateText(loadPps)}: ${latencyText(ns)}</title></circle>`,
        ),
      ]),
    ],
  });
}

function drawByPercentile({ frame, direction, points }: ReportedLoad): string {
  return drawCurves({
    name: `${frame}, ${direction}`,
    caption: `Latency by percentile, ${frame}, ${direction}`,
    series: points.map(({ percent, metric }) => ({ label: `at ${percent} % of the throughput`, metric })),
  });
}

function latencyAt({ percentiles, maxNs }: ReportedMetric, name: (typeof SHOWN)[number]): number | null {
  return name === "max" ? maxNs : (percentiles.find(([percentile]) => percentile === name)?.[1] ?? null);
}
