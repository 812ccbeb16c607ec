/** Columns that are as wide as their widest cell, the last without blanks at its end. */
export function table(rows: readonly (readonly string[])[], { indent = 0, gap = 3 } = {}): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map(
    (row) =>
      " ".repeat(indent) +
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join(" ".repeat(gap))
        .trimEnd(),
  );
}
