/**
 * One word for a POSIX shell, whatever it holds: the only place in this project that quotes.
 *
 * @example quote("br0; reboot"); // 'br0; reboot'
 */
export function quote(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A whole command line for a POSIX shell. */
export function quoteAll(argv: readonly string[]): string {
  return argv.map(quote).join(" ");
}
