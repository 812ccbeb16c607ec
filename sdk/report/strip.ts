import { fixed, told } from "./plot.ts";

const WIDTH = 150;
const HEIGHT = 18;
const EDGE = 7;

/** Values on a line, from `low` at its left end to `high` at its right. Both are above 0 where it is logarithmic. */
export interface Strip {
  readonly title: string;
  readonly description: string;
  readonly values: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly scale: "linear" | "logarithmic";
  /** Rings are somebody else's. */
  readonly mark: "dot" | "ring";
}

/** A row's values as marks on one line, to be set beneath those of other rows. */
export function drawStrip({ title, description, values, low, high, scale, mark }: Strip): string {
  const place = scale === "linear" ? (value: number) => value : (value: number) => Math.log(value);
  const [from, to] = [place(low), place(high)];
  const x = (value: number) =>
    EDGE + (to > from ? (place(value) - from) / (to - from) : 0.5) * (WIDTH - 2 * EDGE);
  const marks = values.map(
    (value) => `<circle class="${mark} s0" cx="${fixed(x(value))}" cy="${HEIGHT / 2}" r="3.5"/>`,
  );
  return `<svg class="strip" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${told(title, description)}<line class="grid" x1="${EDGE}" x2="${WIDTH - EDGE}" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}"/>${marks.join("")}</svg>`;
}
