import fc from "fast-check";

/** One thing that is wrong with a text: where, as a share of its length, and what. */
interface Mutation {
  readonly kind: (typeof KINDS)[number];
  readonly at: number;
  readonly other: number;
  readonly text: string;
}

const KINDS = [
  "cut",
  "drop-line",
  "repeat-line",
  "swap-lines",
  "number",
  "value",
  "drop-word",
  "character",
  "insert",
  "drop-span",
] as const;

/** What stands where a number is expected, of tools that had none, or too large a one. */
const NUMBERS = [
  "0",
  "-1",
  "",
  "nan",
  "-nan",
  "inf",
  "1e999",
  "99999999999999999999",
  "0x10",
  "1.5",
  "-0",
  "N/A",
];
/** What stands where JSON has another kind of value. */
const VALUES = ["null", "[]", "{}", '""', '"text"', "true", "-1", "1e999", "[null]", '{"a":null}'];
const CHARACTERS = [
  "\u0000",
  "\n",
  "\r\n",
  "\t",
  ":",
  '"',
  "{",
  "]",
  "<",
  "é",
  "\u{1F600}",
  "%",
  "/",
  "=",
  ",",
];

const texts: Readonly<Record<(typeof KINDS)[number], readonly string[]>> = {
  ...{
    cut: [""],
    "drop-line": [""],
    "repeat-line": [""],
    "swap-lines": [""],
    "drop-word": [""],
    "drop-span": [""],
  },
  ...{ number: NUMBERS, value: VALUES, character: CHARACTERS, insert: [...CHARACTERS, ...NUMBERS] },
};

const share = fc.integer({ min: 0, max: 999_999 }).map((millionths) => millionths / 1e6);

/** Up to four mutations of one text. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc
    .constantFrom(...KINDS)
    .chain((kind) =>
      fc.record({ kind: fc.constant(kind), at: share, other: share, text: fc.constantFrom(...texts[kind]) }),
    ),
  { minLength: 1, maxLength: 4 },
);

export function mutated(text: string, all: readonly Mutation[]): string {
  return all.reduce(apply, text);
}

function apply(text: string, { kind, at, other, text: put }: Mutation): string {
  const index = Math.floor(at * text.length);
  const lines = text.split("\n");
  const [line, second] = [Math.floor(at * lines.length), Math.floor(other * lines.length)];
  switch (kind) {
    case "cut":
      return text.slice(0, index);
    case "drop-line":
      return lines.toSpliced(line, 1).join("\n");
    case "repeat-line":
      return lines.toSpliced(second, 0, lines[line] ?? "").join("\n");
    case "swap-lines":
      return lines
        .with(line, lines[second] ?? "")
        .with(second, lines[line] ?? "")
        .join("\n");
    case "number":
      return nextMatch(text, /-?\d+(\.\d+)?/g, index, put);
    case "value":
      return nextMatch(text, /(?<=[:[,]\s*)("[^"\n]*"|-?\d[\d.]*|null|true|false|\[\]|\{\})/g, index, put);
    case "drop-word":
      return nextMatch(text, /[^\s"{}[\],:]+/g, index, "");
    case "character":
      return text.slice(0, index) + put + text.slice(index + 1);
    case "insert":
      return text.slice(0, index) + put + text.slice(index);
    case "drop-span":
      return text.slice(0, index) + text.slice(index + Math.floor(other * 80));
  }
}

/** Replaces the first match from here on, or the first of all. */
function nextMatch(text: string, pattern: RegExp, from: number, put: string): string {
  pattern.lastIndex = from;
  let match = pattern.exec(text);
  if (match === null) {
    pattern.lastIndex = 0;
    match = pattern.exec(text);
  }
  return match === null ? text : text.slice(0, match.index) + put + text.slice(match.index + match[0].length);
}
