// What XML 1.0 can't hold, not even escaped; half a surrogate pair among it.
const UNSPEAKABLE = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

/** Text from outside for HTML and SVG, in content and in quoted attributes. */
export function escapeText(text: string): string {
  return text
    .replace(UNSPEAKABLE, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A name of parts, which a line may break behind each of, and nowhere else. */
export function escapeName(name: string): string {
  return escapeText(name).replace(/[._/:-](?=[^._/:-])/g, "$&<wbr>");
}
