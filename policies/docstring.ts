/** What a policy's docstring says, in its order: what holds, why, what to change, where it comes from. */
export interface Docstring {
  readonly holds: string;
  /** Paragraphs. */
  readonly why: readonly string[];
  /** The last paragraph: which properties to change. */
  readonly change: string;
  readonly severity: string;
  readonly source: string;
}

const BEFORE_POLICY = /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport const \w+ = labPolicy\(/;

/**
 * Reads the docstring of a policy's file.
 *
 * @throws Error where there is none, or where it lacks a part
 */
export function docstringOf(file: string, text: string): Docstring {
  const [, body] = BEFORE_POLICY.exec(text) ?? [];
  if (body === undefined) throw new Error(`${file}: observed no docstring before labPolicy(…), expected one`);
  const lines = body.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const tags = lines.flatMap((line) => (line.startsWith("@") ? [line] : []));
  const paragraphs = lines
    .filter((line) => !line.startsWith("@"))
    .join("\n")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replaceAll("\n", " "))
    .filter((paragraph) => paragraph !== "");
  const tag = (name: string) => tags.find((line) => line.startsWith(`@${name} `))?.slice(name.length + 2);
  const [holds, ...rest] = paragraphs;
  const [severity, source] = [tag("severity"), tag("see")];
  const change = rest.pop();
  if (
    holds === undefined ||
    change === undefined ||
    rest.length === 0 ||
    severity === undefined ||
    source === undefined
  )
    throw new Error(
      `${file}: observed ${paragraphs.length} paragraphs and ${tags.join(", ") || "no tags"}, expected what holds, why, what to change, @severity and @see`,
    );
  return { holds, why: rest, change, severity, source };
}
