import { createHash } from "node:crypto";
import type { BootArgument } from "../observe/boot-arguments.ts";
import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import { environmentOf } from "../units/grub-environment.ts";
import { formatArgument } from "./boot-argument-table.ts";
import type { Step } from "./step.ts";
import { removeFile } from "./tmpfiles.ts";

export const HEADER = "# Written by nfvlab; removed when its resource is deleted.\n";

/** One line of arguments, as files and entries have it. */
export function lineOf(list: readonly BootArgument[]): string {
  return list.map(formatArgument).join(" ");
}

/** The arguments of all sets together, in the order of their files. */
export function stagedLine(sets: ObservedBootLoader["sets"]): BootArgument[] {
  return [...sets].sort(([a], [b]) => (`${a}.cfg` < `${b}.cfg` ? -1 : 1)).flatMap(([, list]) => list);
}

/** Id of the menu entry that has these arguments, and this release where a kernel was chosen. */
export function entryId(list: readonly BootArgument[], release?: string): string {
  const text = `${release === undefined ? "" : `${release} `}${lineOf(list)}`;
  return `nfvlab-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}

/** What the next boot is to be, all resources of the machine together. */
export interface StagedEntry {
  readonly id: string;
  readonly arguments: readonly BootArgument[];
  /** Release of the kernel that was chosen. */
  readonly release?: string;
}

/** The arguments of a running kernel that are none of ours: what stands before our mark, variables of GRUB written out. */
export function givenBefore(commandLine: readonly BootArgument[]): readonly BootArgument[] {
  const mark = commandLine.findIndex(({ name }) => name === "nfvlab.boot");
  return mark < 0 ? commandLine : commandLine.slice(0, mark);
}

/** What a machine had before the first set came. */
export interface FoundLoader {
  /** Base64; null where there was no such file. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly hadFolder: boolean;
  /** Hash of the menu that grub-mkconfig made of the machine then; empty where none is made. */
  readonly regenerated: string;
  /** The entry that was booted where nobody chose, where ours are files. */
  readonly entry?: string;
  /** Folders that files of ours lie in, as far as they were there. */
  readonly folders?: readonly string[];
}

/** Content of files by path, base64; null where there is none. */
export function filesFound(loader: ObservedBootLoader, paths: readonly string[]): FoundLoader["files"] {
  const files = paths.map((path) => {
    const text = loader.files.get(path);
    return [path, text === undefined ? null : Buffer.from(text, "latin1").toString("base64")] as const;
  });
  return Object.fromEntries(files);
}

/** Whether nothing of ours is there yet: what is found now is what is to be put back. */
export function isUntouched({ sets, kernel }: ObservedBootLoader): boolean {
  return sets.size === 0 && kernel === undefined;
}

/** Text of a file as it was found; undefined where there was none, or nobody looked. */
export function textOfFound(found: FoundLoader | undefined, path: string): string | undefined {
  const content = found?.files[path];
  return typeof content === "string" ? textFrom(content) : undefined;
}

/** SHA-256 of each file that was found. */
export function hashesOf({ files }: FoundLoader): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [
      path,
      content === null ? null : createHash("sha256").update(Buffer.from(content, "base64")).digest("hex"),
    ]),
  );
}

/** Whether nothing of ours is in the menu but this set. */
export function isLastSet(
  name: string,
  { sets, kernel }: Pick<ObservedBootLoader, "sets" | "kernel">,
): boolean {
  return kernel === undefined && [...sets.keys()].every((other) => other === name);
}

export interface Restoration {
  readonly steps: readonly Step[];
  /** What somebody else has changed since, and was left alone. */
  readonly leftAlone: readonly string[];
}

/**
 * What puts GRUB's environment block back byte by byte. Variables that others have set since stay.
 *
 * @param usual entries that stand for what the machine booted by itself
 */
export function restoreEnvironment(
  loader: ObservedBootLoader,
  found: FoundLoader,
  path: string,
  command: string,
  usual: readonly string[],
): Restoration {
  const block = found.files[path];
  if (block === null) return { steps: [removeFile(path)], leftAlone: [] };
  if (block === undefined || loader.files.get(path) === textFrom(block)) return { steps: [], leftAlone: [] };
  const before = environmentOf(textFrom(block));
  const now = loader.environment ?? new Map<string, string>();
  const saved = now.get("saved_entry") ?? "";
  const ours = ["", "0", before.get("saved_entry"), ...usual].includes(saved) || saved.startsWith("nfvlab-");
  if (!ours) return { steps: [], leftAlone: [`saved_entry=${saved}`] };
  if (sameBut(BOOT_CHOICE, before, now)) return { steps: [writeBytes(path, block)], leftAlone: [] };
  return { steps: choiceSteps(before, path, command), leftAlone: [`other variables of ${path}`] };
}

const BOOT_CHOICE = ["saved_entry", "next_entry", "prev_saved_entry"];

function choiceSteps(before: ReadonlyMap<string, string>, path: string, command: string): Step[] {
  return BOOT_CHOICE.map((name) => {
    const value = before.get(name);
    const edit = value === undefined ? ["unset", name] : ["set", `${name}=${value}`];
    return { purpose: `put ${name} back`, argv: [command, path, ...edit] };
  });
}

function sameBut(
  names: readonly string[],
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  const rest = (map: ReadonlyMap<string, string>) =>
    JSON.stringify([...map].filter(([name]) => !names.includes(name)).sort());
  return rest(one) === rest(other);
}

export function textFrom(content: string): string {
  return Buffer.from(content, "base64").toString("latin1");
}

export function writeFile(path: string, text: string, mode: string): Step {
  const script =
    'mkdir -p "$(dirname "$1")"; umask 022; cat > "$1.part~" && chmod "$2" "$1.part~" && mv "$1.part~" "$1"';
  return { purpose: `write ${path}`, argv: ["sh", "-c", script, "sh", path, mode], stdin: text };
}

/** Exact bytes in place of what is there, with its mode. */
export function writeBytes(path: string, content: string): Step {
  const script = 'base64 -d > "$1.part" && chmod --reference="$1" "$1.part" && mv "$1.part" "$1"';
  return { purpose: `put ${path} back`, argv: ["sh", "-c", script, "sh", path], stdin: content };
}
