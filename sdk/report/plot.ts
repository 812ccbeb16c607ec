import { escapeText } from "./escape.ts";

/** The box that each chart is drawn in. */
export const PLOT = { width: 400, height: 240, left: 62, right: 24, top: 26, bottom: 44 } as const;
/** Where its axis is. */
export const BOTTOM = PLOT.height - PLOT.bottom;
/** How many lines of one chart can be told apart. */
export const SERIES = 6;

/** Marks whose texts neither run into each other nor leave the chart; of two that do, the first stays. */
export function apart(marks: readonly { text: string; x: number }[]): { text: string; x: number }[] {
  let free = Number.NEGATIVE_INFINITY;
  return marks.flatMap(({ text, x: at }) => {
    const half = (text.length * 7.6) / 2 + 2;
    const x = Math.min(at, PLOT.width - half);
    if (x - half < free) return [];
    free = x + half;
    return [{ text, x }];
  });
}

/** A line across, with its value. */
export function horizontal(y: number, text: string): string {
  return `<line class="grid" x1="${PLOT.left}" x2="${PLOT.width - PLOT.right}" y1="${fixed(y)}" y2="${fixed(y)}"/><text class="tick end" x="${PLOT.left - 8}" y="${fixed(y + 4)}">${text}</text>`;
}

/** Lines upwards with their values, where these don't run into each other. */
export function verticals(marks: readonly { text: string; x: number }[]): string[] {
  const named = apart(marks);
  return [
    ...marks.map(
      ({ x }) => `<line class="grid" x1="${fixed(x)}" x2="${fixed(x)}" y1="${PLOT.top}" y2="${BOTTOM}"/>`,
    ),
    ...named.map(({ text, x }) => `<text class="tick" x="${fixed(x)}" y="${BOTTOM + 16}">${text}</text>`),
  ];
}

/** A chart with what is said around it. Texts are plain. */
export interface Chart {
  /** Its kind, for its style. */
  readonly name: string;
  /** What it shows, and of what. */
  readonly title: string;
  /** What can be seen in it, for those who don't see it. */
  readonly description: string;
  readonly caption: string;
  /** What is along its lower side. */
  readonly axis: string;
  readonly parts: readonly string[];
  /** What its lines are, in the order of their colours. */
  readonly legend?: readonly string[];
}

export function renderChart({ name, title, description, caption, axis, parts, legend = [] }: Chart): string {
  const middle = (PLOT.left + PLOT.width - PLOT.right) / 2;
  return [
    `<figure class="chart"><figcaption>${escapeText(caption)}</figcaption>`,
    `<svg class="${name}" viewBox="0 0 ${PLOT.width} ${PLOT.height}" role="img">${told(title, description)}${parts.join("")}<text class="tick" x="${middle}" y="${PLOT.height - 8}">${escapeText(axis)}</text></svg>`,
    renderLegend(legend.map((text, index) => ({ text, key: `line s${index}` }))),
    "</figure>",
  ].join("");
}

/** Name and description of a picture. */
export function told(title: string, description: string): string {
  return `<title>${escapeText(title)}</title><desc>${escapeText(description)}</desc>`;
}

/**
 * What colours and lines stand for, beneath a picture.
 *
 * @param keys texts, and the classes that their samples are styled by
 */
export function renderLegend(keys: readonly { readonly text: string; readonly key: string }[]): string {
  if (keys.length === 0) return "";
  const items = keys.map(({ text, key }) => {
    const sample = key.startsWith("line")
      ? `<path class="${key}" d="M1 6H25"/>`
      : `<rect class="${key}" x="1" y="1" width="24" height="10"/>`;
    return `<li><svg class="key" viewBox="0 0 26 12" aria-hidden="true">${sample}</svg> ${escapeText(text)}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** A line through these points, in the colour of its number. */
export function line(points: readonly (readonly [x: number, y: number])[], series: number): string {
  const path = points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${fixed(x)} ${fixed(y)}`);
  return `<path class="line s${series}" d="${path.join("")}"/>`;
}

/** A coordinate to a tenth of a pixel. */
export function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}
