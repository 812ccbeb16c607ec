import { escapeText } from "./escape.ts";
import type { ReportedLoss } from "./experiment.ts";
import { rateText } from "./figures.ts";
import { apart, BOTTOM, fixed, horizontal, PLOT, renderChart, verticals } from "./plot.ts";

/** Loss that is drawn lowest; less of it is drawn there too. */
const LEAST = 1e-6;
const RATIOS = [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5, LEAST];
/** Of the height, for trials that lost nothing: they lie below all that did, not at the end of their axis. */
const NOTHING = 28;
const STEPS = 4;

/** Loss of each trial by its load: what lost nothing on a line of its own, the rest logarithmic, and the throughput of each goal. */
export function drawLoss({ frame: size, trials, found }: ReportedLoss): string {
  const most = Math.max(...trials.map(({ loadPps }) => loadPps));
  if (trials.length === 0 || most <= 0) return "";
  const right = PLOT.width - PLOT.right;
  const least = leastOf(trials.map(({ loadPps }) => loadPps));
  const x = (pps: number) => PLOT.left + ((pps - least) / (most - least)) * (right - PLOT.left);
  const floor = BOTTOM - NOTHING;
  const y = (ratio: number) =>
    ratio <= 0
      ? BOTTOM - NOTHING / 2
      : floor + (Math.log10(Math.max(ratio, LEAST)) / Math.log10(LEAST) - 1) * (floor - PLOT.top);
  const marks = found.flatMap(({ goal, throughputPps }) =>
    throughputPps === null ? [] : [{ text: goal, x: Math.max(PLOT.left, x(throughputPps)) }],
  );
  const lossless = trials.filter(({ lossRatio }) => lossRatio <= 0).length;
  return renderChart({
    name: "loss",
    title: `${size}: loss by load`,
    description: [
      `${trials.length} trials up to ${rateText(most)}, of which ${lossless} lost nothing.`,
      ...found.map(({ goal, throughputPps }) =>
        throughputPps === null ? `${goal}: none.` : `${goal}: ${rateText(throughputPps)}.`,
      ),
    ].join(" "),
    caption: `Share of frames lost by load, ${size}; ${trials.length} trials`,
    axis: "load, frames per second",
    parts: [
      ...RATIOS.map((ratio) => horizontal(y(ratio), ratioText(ratio))),
      horizontal(y(0), "0"),
      ...verticals(
        Array.from({ length: STEPS + 1 }, (_, step) => least + ((most - least) * step) / STEPS).map(
          (pps) => ({
            ...{ text: pps === 0 ? "0" : rateText(pps), x: x(pps) },
          }),
        ),
      ),
      ...marks.map(
        (mark) =>
          `<line class="mark-line" x1="${fixed(mark.x)}" x2="${fixed(mark.x)}" y1="${PLOT.top}" y2="${BOTTOM}"/>`,
      ),
      ...apart([...marks].sort((one, other) => one.x - other.x)).map(
        (mark) =>
          `<text class="tick ink" x="${fixed(mark.x)}" y="${PLOT.top - 8}">${escapeText(mark.text)}</text>`,
      ),
      ...trials.map(
        ({ loadPps, lossRatio }) =>
          `<circle class="${lossRatio > 0 ? "dot lossy" : "dot s0"}" cx="${fixed(x(loadPps))}" cy="${fixed(y(lossRatio))}" r="3"><title>${rateText(loadPps)}: loss ${ratioText(lossRatio)}</title></circle>`,
      ),
    ],
  });
}

/** Where the axis begins: a search soon tries near what it looks for, and from nothing on it would be a dot. */
function leastOf(loads: readonly number[]): number {
  const [least, most] = [Math.min(...loads), Math.max(...loads)];
  return most > least && most - least < most / 2 ? least - (most - least) / 10 : 0;
}

function ratioText(ratio: number): string {
  if (ratio === 0) return "0";
  const percent = Number((ratio * 100).toPrecision(2));
  return `${percent < 0.001 ? percent.toExponential().replace("e-", "e−") : percent}\u00A0%`;
}
