import { stripVTControlCharacters } from "node:util";

/** One line for a terminal: a name from outside must not steer it. */
export function plain(line: string): string {
  return stripVTControlCharacters(line).replace(/\p{Cc}/gu, "\uFFFD");
}
