import type { Configured } from "../observe/boot-configuration.ts";

/** A knob before its verdict. */
export interface Compared {
  readonly knob: string;
  readonly wanted: string;
  readonly effective: string;
  /** Undefined where nobody can say whether it is in force. */
  readonly isEffective: boolean | undefined;
  /** The files' word for the next boot; undefined where they have none. */
  readonly configured?:
    | { readonly text: string; readonly isWanted: boolean; readonly file?: string }
    | undefined;
  /** It was booted with, to no effect: another boot brings nothing. */
  readonly isTried?: boolean;
  /** Why the machine has no such setting. */
  readonly absent?: string;
  readonly note?: string;
}

/** What a file says. */
export function fileWord(
  word: Configured | undefined,
  isWanted: (text: string) => boolean,
): Compared["configured"] {
  return word && { text: word.text, isWanted: isWanted(word.text), file: word.file };
}

/** What is configured elsewhere; an empty text is no word. */
export function wordOf(
  text: string | undefined,
  isWanted: (text: string) => boolean,
): Compared["configured"] {
  return text === undefined || text === "" ? undefined : { text, isWanted: isWanted(text) };
}
