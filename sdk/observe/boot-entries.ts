import { type BootArgument, parseBootArguments } from "./boot-arguments.ts";
import { ENTRY_ARGUMENT } from "./boot-evidence.ts";

/**
 * How a machine is booted: by a menu of GRUB that grub-mkconfig writes (Debian, Ubuntu), by GRUB and the files of entries that its blscfg reads (RHEL and
 * what is like it), or by systemd-boot, which reads the same files.
 */
export type LoaderKind = "grub-menu" | "grub-entries" | "systemd-boot";

/** The folder that files of entries lie in. */
export interface EntryFolder {
  readonly path: string;
  readonly isReadOnly: boolean;
  /** Folders that files of ours lie in, as far as they are there. */
  readonly ours: readonly string[];
  /** Whether the deployments of OSTree make its files anew. */
  readonly isDeployed: boolean;
  /** The file that keeps the default: GRUB's environment block, or the firmware's variable LoaderEntryDefault. */
  readonly choice: string;
  /** The entry that is booted where nobody chooses, as systemd-boot has it. */
  readonly defaultEntry?: string;
  /** Whether systemd-boot can boot an entry once, by the features that it shows. */
  readonly hasOneShot: boolean;
}

/** An entry of a boot loader that boots Linux. */
export interface MenuEntry {
  readonly id: string;
  /** Ids of the submenus that it lies in, outermost first. */
  readonly submenus: readonly string[];
  /** The kernel's file, as the loader names it. */
  readonly kernel: string;
  readonly arguments: readonly BootArgument[];
  /** What stands behind our mark, where the entry has one: the arguments that we gave it. */
  readonly own?: readonly BootArgument[];
  /** The file that makes the entry, where there is one of its own. */
  readonly file?: EntryFile;
}

/**
 * A file of the folder `loader/entries`, which GRUB of the RHEL family and systemd-boot read alike.
 *
 * @see https://uapi-group.org/specifications/specs/boot_loader_specification/
 */
export interface EntryFile {
  readonly path: string;
  /** Its text, a character a byte. */
  readonly text: string;
  readonly lines: readonly EntryLine[];
}

export interface EntryLine {
  readonly key: string;
  readonly value: string;
}

/** The id of an entry by its path: the file's name without `.conf` and without what counts its boots, `+2-1`. */
export function entryIdOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/(\+\d+(-\d+)?)?\.conf$/, "");
}

/**
 * Reads the file of an entry; undefined for one that boots no Linux.
 *
 * @param variables what GRUB writes in place of `$kernelopts` and the like; a word whose variable is missing is left as it is
 */
export function readEntry(
  path: string,
  text: string,
  variables: ReadonlyMap<string, string> = new Map(),
): MenuEntry | undefined {
  const lines = text.split("\n").flatMap((line): EntryLine[] => {
    const [, key, value] = /^\s*([^\s#]\S*)\s+(.*?)\s*$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [{ key, value }];
  });
  const kernel = lines.find(({ key }) => key === "linux")?.value;
  if (kernel === undefined) return undefined;
  const options = lines.filter(({ key }) => key === "options").map(({ value }) => value);
  const expanded = options.join(" ").replace(/\$(\w+)/g, (word, name) => variables.get(name) ?? word);
  return {
    ...{ id: entryIdOf(path), submenus: [], kernel, file: { path, text, lines } },
    ...argumentsOfEntry(expanded),
  };
}

/** The arguments of an entry, and those of them that are ours. */
export function argumentsOfEntry(line: string): Pick<MenuEntry, "arguments" | "own"> {
  const { kernel: given } = parseBootArguments(line);
  const mark = given.findIndex(({ name }) => name === ENTRY_ARGUMENT);
  // Words such as `$vt_handoff` are variables of GRUB.
  const own = given.slice(mark + 1).filter(({ name }) => !name.startsWith("$"));
  return { arguments: given, ...(mark >= 0 && { own }) };
}

/**
 * Puts entries into the order in which GRUB's blscfg shows them, newest first: by the name, version and release of their ids, as packages are compared.
 */
export function newestFirst(entries: readonly MenuEntry[]): MenuEntry[] {
  return [...entries].sort((one, other) => {
    const [a, b] = [packageOf(one.id), packageOf(other.id)];
    return a.map((part, index) => compareVersions(b[index] ?? "", part)).find((order) => order !== 0) ?? 0;
  });
}

/** Name, version and release of `NAME-VERSION-RELEASE`; what is short of dashes has no release, then no version. */
function packageOf(id: string): [string, string, string] {
  const [, name = id, version = "", release = ""] =
    /^(.*)-([^-]*)-([^-]*)$/.exec(id) ?? /^([^-]*)-([^-]*)$/.exec(id) ?? [];
  return [name, version, release];
}

/** Compares two versions by their runs of digits and of letters: digits are newer than letters, `~` is older than an end. */
export function compareVersions(one: string, other: string): number {
  const runs = (text: string): readonly string[] => text.match(/\d+|[A-Za-z]+|~/g) ?? [];
  const [a, b] = [runs(one), runs(other)];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [x, y] = [a[index], b[index]];
    if (x === y) continue;
    if (x === "~" || y === "~") return x === "~" ? -1 : 1;
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const [numeric, otherNumeric] = [/^\d/.test(x), /^\d/.test(y)];
    if (numeric !== otherNumeric) return numeric ? 1 : -1;
    const order = numeric ? Number(BigInt(x) > BigInt(y)) - Number(BigInt(x) < BigInt(y)) : x < y ? -1 : 1;
    if (order !== 0) return order;
  }
  return 0;
}
