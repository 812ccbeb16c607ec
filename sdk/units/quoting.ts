import { InputError } from "./errors.ts";

/**
 * One word for a POSIX shell, whatever it holds: the only place in this project that quotes.
 *
 * @throws InputError `argument`: no argument of a Unix program can hold a NUL byte
 * @example quote("br0; reboot"); // 'br0; reboot'
 */
export function quote(word: string): string {
  refuseNul(word);
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A whole command line for a POSIX shell. */
export function quoteAll(argv: readonly string[]): string {
  return argv.map(quote).join(" ");
}

/** @throws InputError `argument` */
export function refuseNul(word: string): void {
  if (!word.includes("\0")) return;
  throw new InputError({
    code: "argument",
    problem: "an argument of a command holds a NUL byte",
    observed: JSON.stringify(word.slice(0, 60)),
    hint: "send bytes by standard input or as a file",
  });
}
