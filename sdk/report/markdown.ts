/** What Markdown, or HTML in it, would read as its own. */
const SPECIAL = /[\\`*<>|~&]|\](?=\()|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;
// Breaks of lines and of paragraphs, and what steers a terminal.
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** Text from outside within a line of Markdown, in a table too. */
export function markdownText(text: string): string {
  return text.replace(BREAKS, " ").replace(SPECIAL, (letter) => ENTITIES[letter] ?? `\\${letter}`);
}

const ENTITIES: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;" };

/** Text from outside as code within a line: its fence is longer than any in it. */
export function markdownCode(text: string): string {
  const line = text.replace(BREAKS, " ").replaceAll("|", "\\|");
  if (line.trim() === "") return "";
  const runs = (line.match(/`+/g) ?? []).map(({ length }) => length);
  const fence = "`".repeat(Math.max(0, ...runs) + 1);
  const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** A table; cells are Markdown already. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
