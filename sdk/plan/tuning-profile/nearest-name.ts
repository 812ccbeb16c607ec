/** The name that another was probably meant for: but for upper and lower case the same, or a few slips away. Undefined where none is near. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const far = Math.max(1, Math.floor(name.length / 3));
  const [nearest] = names
    .map((candidate) => ({ candidate, slips: slips(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.slips - b.slips);
  return nearest !== undefined && nearest.slips <= far ? nearest.candidate : undefined;
}

/** Letters missing, too many or wrong. */
function slips(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [column, wanted] of [...other].entries()) {
      const wrong = (row[column] ?? 0) + (letter === wanted ? 0 : 1);
      next.push(Math.min(wrong, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
