/** One part of what a script of ours printed: it begins with a line of its mark. */
export interface Section {
  /** What stands behind the mark on that line. */
  readonly head: string;
  /** Those after it, up to the next part. */
  readonly lines: readonly string[];
}

/** The parts of a script's answer that begin with `@mark `, in their order; what stands before the first is none. */
export function sectionsOf(stdout: string, mark: string): Section[] {
  return stdout
    .split(new RegExp(`^@${mark} `, "m"))
    .slice(1)
    .map((section) => {
      const [head = "", ...lines] = section.split("\n");
      return { head, lines };
    });
}

/** A file that a script printed with `@mark ` before each line. */
export function fileIn(lines: readonly string[], mark = "text"): string {
  const before = `@${mark} `;
  return lines
    .flatMap((line) => (line.startsWith(before) ? [`${line.slice(before.length)}\n`] : []))
    .join("");
}
