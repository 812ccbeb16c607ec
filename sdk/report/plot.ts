import { escapeText } from "./escape.ts";

/** The box that each chart is drawn in. */
export const PLOT = { width: 480, height: 260, left: 64, right: 28, top: 26, bottom: 44 } as const;
/** Where its axis is. */
export const BOTTOM = PLOT.height - PLOT.bottom;

/** Marks whose texts don't run into each other; of two that do, the first stays. */
export function apart(marks: readonly { text: string; x: number }[]): { text: string; x: number }[] {
  let free = Number.NEGATIVE_INFINITY;
  return marks.filter(({ text, x }) => {
    const half = (text.length * 7) / 2 + 2;
    if (x - half < free) return false;
    free = x + half;
    return true;
  });
}

/** A line across, with its value. */
export function horizontal(y: number, text: string): string {
  return `<line class="grid" x1="${PLOT.left}" x2="${PLOT.width - PLOT.right}" y1="${fixed(y)}" y2="${fixed(y)}"/><text class="tick end" x="${PLOT.left - 8}" y="${fixed(y + 4)}">${text}</text>`;
}

/** A line upwards, with its value. */
export function vertical(x: number, text: string): string {
  return `<line class="grid" x1="${fixed(x)}" x2="${fixed(x)}" y1="${PLOT.top}" y2="${BOTTOM}"/><text class="tick" x="${fixed(x)}" y="${BOTTOM + 16}">${text}</text>`;
}

/**
 * The chart itself.
 *
 * @param axis what is along its lower side
 */
export function frame(name: string, title: string, parts: readonly string[], axis: string): string {
  return `<svg class="${name}" viewBox="0 0 ${PLOT.width} ${PLOT.height}" role="img" aria-label="${escapeText(title)}">${parts.join("")}<text class="tick" x="${(PLOT.left + PLOT.width - PLOT.right) / 2}" y="${PLOT.height - 8}">${escapeText(axis)}</text></svg>`;
}

/** A coordinate to a tenth of a pixel. */
export function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}
