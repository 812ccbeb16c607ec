import { bytes } from "../units/size.ts";

/** One argument of a kernel's command line. A flag such as `quiet` has no value; `a=` has an empty one. */
export interface BootArgument {
  readonly name: string;
  readonly value?: string;
}

export interface BootArguments {
  /** In their order, which matters: `hugepages` counts pages of the size named before it. */
  readonly kernel: readonly BootArgument[];
  /** What stands behind `--` and goes to the first process. */
  readonly init: readonly string[];
}

/**
 * Reads a command line as the kernel does: white space separates, double quotes keep it together, `--` ends the kernel's part.
 *
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html
 * @example lastValue(parseBootArguments("isolcpus=1 quiet isolcpus=2-3"), "isolcpus"); // "2-3"
 */
export function parseBootArguments(text: string): BootArguments {
  const words = wordsOf(text);
  const end = words.indexOf("--");
  return {
    kernel: (end < 0 ? words : words.slice(0, end)).map(argumentOf),
    init: end < 0 ? [] : words.slice(end + 1),
  };
}

/** Writes a command line that `parseBootArguments` reads as the same. What holds white space is quoted. */
export function formatBootArguments({ kernel, init }: BootArguments): string {
  const words = kernel.map(({ name, value }) => {
    if (value === undefined) return quoted(name);
    return /\s/.test(name) ? `"${name}=${value}"` : `${name}=${quoted(value)}`;
  });
  return [...words, ...(init.length === 0 ? [] : ["--", ...init])].join(" ");
}

/** Whether two names are one to the kernel, which reads `-` and `_` alike. */
export function sameName(one: string, other: string): boolean {
  return one.replaceAll("-", "_") === other.replaceAll("-", "_");
}

/** All values of an argument in their order; a flag counts as `""`. */
export function valuesOf({ kernel }: BootArguments, name: string): string[] {
  return kernel.filter((argument) => sameName(argument.name, name)).map(({ value }) => value ?? "");
}

/** The value in force of an argument of which the last one wins; `""` for a flag, undefined where it is not there. */
export function lastValue(boot: BootArguments, name: string): string | undefined {
  return valuesOf(boot, name).at(-1);
}

/** A reservation of huge pages on the command line: spread over all nodes, or by node. */
export interface BootHugepages {
  /** Undefined: the machine's default size. */
  readonly sizeKib: number | undefined;
  readonly pages: number | ReadonlyMap<number, number>;
}

/**
 * The reservations that a command line asks for. `hugepages=` counts pages of the last `hugepagesz=` before it, and of the default size where there
 * is none. Of two reservations of one size the kernel takes the first and warns.
 */
export function hugepagesOf({ kernel }: BootArguments): BootHugepages[] {
  const fallback = sizeOf(lastValue({ kernel, init: [] }, "default_hugepagesz"));
  const pools = new Map<number | undefined, BootHugepages>();
  let sizeKib = fallback;
  for (const { name, value } of kernel) {
    if (sameName(name, "hugepagesz")) sizeKib = sizeOf(value);
    else if (sameName(name, "hugepages")) {
      const pages = pagesOf(value ?? "");
      if (pages !== undefined && !pools.has(sizeKib)) pools.set(sizeKib, { sizeKib, pages });
    }
  }
  return [...pools.values()];
}

function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let isQuoted = false;
  for (const character of text) {
    if (/\s/.test(character) && !isQuoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    if (character === '"') isQuoted = !isQuoted;
    word = (word ?? "") + character;
  }
  return word === undefined ? words : [...words, word];
}

// A quote before the word or before the value goes, and one quote at the end with it; any others belong to the value.
function argumentOf(word: string): BootArgument {
  const isQuoted = word.startsWith('"');
  const whole = isQuoted ? word.slice(1) : word;
  const equals = whole.indexOf("=", 1);
  const hasQuotedValue = equals > 0 && whole[equals + 1] === '"';
  const closed = isQuoted || hasQuotedValue ? whole.replace(/"$/, "") : whole;
  if (equals < 0) return { name: closed };
  return {
    name: closed.slice(0, equals),
    value: closed.slice(equals + (hasQuotedValue ? 2 : 1)),
  };
}

function quoted(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}

/** `1G`, `2M`, `2048K` as the kernel's memparse reads them, in KiB. */
function sizeOf(text: string | undefined): number | undefined {
  const match = /^(\d+)([KMG])$/i.exec(text ?? "");
  return match === null ? undefined : bytes(`${Number(match[1])}${(match[2] ?? "").toUpperCase()}iB`) / 1024;
}

function pagesOf(value: string): BootHugepages["pages"] | undefined {
  if (/^\d+$/.test(value)) return Number(value);
  if (!/^\d+:\d+(,\d+:\d+)*$/.test(value)) return undefined;
  return new Map(
    value.split(",").map((pair) => {
      const [node, pages] = pair.split(":").map(Number);
      return [node ?? 0, pages ?? 0] as const;
    }),
  );
}
