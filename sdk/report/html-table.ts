import { escapeText } from "./escape.ts";

/** A table, as HTML. */
export interface Table {
  /** What styles it. */
  readonly kind: string;
  /** What it is called, for whom can't see where it stands. Shown above it where `shown` says so. */
  readonly caption: string;
  readonly shown?: boolean;
  /** Plain texts; the first column names the rows. */
  readonly head?: readonly string[];
  /** Whole rows, with their cells. */
  readonly rows: readonly string[];
}

/** A table that scrolls by itself where it is wider than the page, by the keyboard too. */
export function renderTable({ kind, caption, shown = false, head = [], rows }: Table): string {
  const name = escapeText(caption);
  const [corner = "", ...columns] = head;
  const first = corner === "" ? "<td></td>" : `<th scope="col">${escapeText(corner)}</th>`;
  const others = columns.map((column) => `<th scope="col">${escapeText(column)}</th>`).join("");
  const top = head.length === 0 ? "" : `<thead><tr>${first}${others}</tr></thead>`;
  const title = shown ? `<caption>${name}</caption>` : "";
  return scrolling(
    caption,
    `<table class="${kind}"${shown ? "" : ` aria-label="${name}"`}>${title}${top}<tbody>${rows.join("")}</tbody></table>`,
  );
}

/** A part that scrolls to the side where the page is too narrow for it. */
export function scrolling(label: string, content: string): string {
  return `<div class="scroll" role="group" tabindex="0" aria-label="${escapeText(label)}">${content}</div>`;
}
