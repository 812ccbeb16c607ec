import { LabError } from "../units/errors.ts";
import { unreadable } from "./parse-error.ts";
import type { Answer } from "./probe.ts";

/**
 * What is read from an answer, or the one error of an answer that can't be read: no JSON or XML where that is expected, another shape, a number that is none.
 * Whoever asked gets no error of the language, which would name neither the tool nor what it said.
 *
 * @throws HostError `parse`
 */
export function understood<T>(what: string, answer: Answer, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    throw unreadable(what, answer, cause);
  }
}

/** JSON whose numbers are numbers: `1e999` is Infinity to JavaScript. */
export function jsonOf(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`${key} is no number`);
    return value;
  });
}

/**
 * The whole number that the kernel or a tool wrote.
 *
 * @throws HostError `parse`
 */
export function wholeNumberOf(what: string, text: string | undefined): number {
  if (text === undefined || !/^-?\d+$/.test(text.trim()))
    throw unreadable(what, { code: 0, stdout: text ?? "", stderr: "" });
  return Number(text);
}
