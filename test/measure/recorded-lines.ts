import { readFileSync } from "node:fs";

/** What a script under reference/ printed: JSON, a value a line, below a header that says what printed it. */
export function recordedLines<T>(path: string): T[] {
  const text = readFileSync(new URL(`../fixtures/${path}`, import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => JSON.parse(line) as T);
}
