import { posix } from "node:path";
import type { ProgramPlace } from "../report/review.ts";

/** A program's own files, by their paths from the project's folder, the main one first. */
export type ProgramFiles = ReadonlyMap<string, string>;

/**
 * Where a program says `new Class("name")`. The engine can't tell: of a program that is compiled as it is loaded it knows neither lines nor,
 * at the top of a module, the file. Where the same stands in several places, or the name is put together, the program's main file is named without a line.
 */
export function placeIn(files: ProgramFiles, type: string, name: string): ProgramPlace {
  const declared = `new ${type}(${JSON.stringify(name)})`;
  const [main = ""] = files.keys();
  const found = [...files].flatMap(([file, text]) =>
    declarations(text).flatMap((each) =>
      each.type === type && each.name === name ? [{ declared, file, line: each.line }] : [],
    ),
  );
  const [place] = found;
  return found.length === 1 && place !== undefined ? place : { declared, file: main };
}

const DECLARATION = /\bnew\s+(?:\w+\.)*([A-Za-z_]\w*)\s*(?:<[^>()]*>)?\s*\(\s*(["'`])([^"'`$\\\n]*)\2/g;

function declarations(text: string): { type: string; name: string; line: number }[] {
  return [...text.matchAll(DECLARATION)].flatMap(({ index, 1: type = "", 3: name = "" }) => {
    const start = text.lastIndexOf("\n", index) + 1;
    // Examples in comments declare nothing.
    if (/^\s*(\/\/|\/?\*)/.test(text.slice(start, index))) return [];
    return [{ type, name, line: text.slice(0, index).split("\n").length }];
  });
}

/** Files that a file imports by their paths, as paths from the project's folder. */
export function importedBy(file: string, text: string): string[] {
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g)].map(
    ({ 1: path = "" }) => posix.normalize(posix.join(posix.dirname(file), path)),
  );
}
