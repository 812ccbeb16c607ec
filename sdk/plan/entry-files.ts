import type { BootArgument } from "../observe/boot-arguments.ts";
import type { EntryFile, MenuEntry } from "../observe/boot-entries.ts";
import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import { INSTALL_SCRIPT, OUR_FOLDERS, SETS_FOLDER } from "../units/boot-entry-paths.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import {
  entryId,
  type FoundLoader,
  filesFound,
  HEADER,
  isLastSet,
  lineOf,
  type Restoration,
  restoreEnvironment,
  type StagedEntry,
  stagedLine,
  textFrom,
  writeFile,
} from "./boot-sets.ts";
import { SAVED_ENTRY } from "./grub-menu.ts";
import { removeEmptied, type Step } from "./step.ts";
import { removeFile } from "./tmpfiles.ts";

/** A panic boots again, and so by the default. */
const FALL_BACK = "panic=30";

/** Takes entries of ours away with the kernel that they boot, so that none is left that can't start; the loader falls back to the machine's own. */
const KERNEL_REMOVED = `#!/bin/sh
${HEADER}# Entries of nfvlab go with their kernel.
[ "$1" = remove ] || exit 0
for folder in /boot/loader/entries "\${KERNEL_INSTALL_BOOT_ROOT:-/boot}/loader/entries"; do
  for file in "$folder"/nfvlab-*.conf; do
    [ -f "$file" ] || continue
    [ "$(sed -n 's/^version //p' "$file")" != "$2" ] || rm -f "$file"
  done
done
exit 0
`;

/** The entry that is booted where nobody chooses. */
export function defaultEntry({ kind, entries, environment, folder }: ObservedBootLoader): string {
  if (kind === "systemd-boot") return folder?.defaultEntry ?? "";
  const saved = environment?.get("saved_entry") ?? "";
  const named =
    entries.find(({ id }) => id === saved) ??
    entries.find(({ file }) => file !== undefined && lineFor(file, "title") === saved) ??
    (/^\d+$/.test(saved) ? entries[Number(saved)] : undefined) ??
    entries[0];
  return named?.id ?? "";
}

/** The machine's own entry that ours are made from: its default, or, where that is ours, what it was made from, or its newest. */
export function ownEntry(loader: ObservedBootLoader): MenuEntry | undefined {
  const chosen = loader.entries.find(({ id }) => id === defaultEntry(loader));
  if (chosen !== undefined && chosen.own === undefined) return chosen;
  const own = loader.entries.filter((entry) => entry.own === undefined);
  const origin = /^# Written by nfvlab from (\S+);/.exec(chosen?.file?.text ?? "")?.[1];
  return own.find(({ id }) => id === origin) ?? own[0];
}

/** The entry that the sets ask for. Its id tells the entry it is made from: with another kernel it has to prove itself anew. */
export function stagedEntry(loader: ObservedBootLoader): StagedEntry | undefined {
  const list = stagedLine(loader.sets);
  return list.length === 0 ? undefined : { id: entryId(list, ownEntry(loader)?.id ?? ""), arguments: list };
}

export function setPath(name: string): string {
  return `${SETS_FOLDER}/${name}.cfg`;
}

function setFile(list: readonly BootArgument[]): string {
  return `${HEADER}NFVLAB_ARGUMENTS="${lineOf(list)}"\n`;
}

function lineFor({ lines }: EntryFile, key: string): string | undefined {
  return lines.find((line) => line.key === key)?.value;
}

/** Keys that ours have of their own. */
const OWN_KEYS = ["title", "version", "options", "id"];

/**
 * The text of an entry: that of the machine's own, with our arguments behind its own. Variables of GRUB stay as they are written, for GRUB to fill in; one line of
 * options, since GRUB reads the first alone.
 */
export function entryText(base: MenuEntry, { id, arguments: list }: StagedEntry, isProven: boolean): string {
  const { file } = base;
  if (file === undefined) return "";
  const given = file.lines.filter(({ key }) => key === "options").map(({ value }) => value);
  const [line = "", ...init] = given.join(" ").split(/(?=\s--\s)/);
  const options = [line, ...(isProven ? [] : [FALL_BACK]), `nfvlab.boot=${id}`, lineOf(list)].join(" ");
  return [
    `# Written by nfvlab from ${base.id}; removed when its resource is deleted.`,
    `title ${lineFor(file, "title") ?? base.id}, with the boot arguments of nfvlab, ${id}`,
    `version ${versionOf(base)}`,
    ...file.lines.filter(({ key }) => !OWN_KEYS.includes(key)).map(({ key, value }) => `${key} ${value}`),
    `options ${[options, ...init].join("").trim()}`,
    "",
  ].join("\n");
}

function versionOf({ file, kernel }: MenuEntry): string {
  return (file && lineFor(file, "version")) ?? kernel.replace(/^.*\/(vmlinuz-)?/, "");
}

/** @throws HostError `boot-loader` where the loader can't boot an entry once, or its entries can't be ours */
export function requireOneShot(loader: ObservedBootLoader, host: string): void {
  const refuse = (problem: string, observed: string, expected: string, hint: string) => {
    throw new HostError({ code: "boot-loader", property: "host", problem, observed, expected, hint });
  };
  const { folder, kind, commands, device, fileSystem, abstraction } = loader;
  const isGrub = kind === "grub-entries";
  const needed = isGrub ? ["grub2-reboot", "grub2-set-default", "grub2-editenv"] : ["bootctl"];
  const missing = needed.find((command) => !commands.has(command));
  if (missing !== undefined)
    refuse(
      `${host} boots by ${isGrub ? "GRUB" : "systemd-boot"} and has not what tells it which entry to boot once`,
      `no ${missing}`,
      needed.join(", "),
      isGrub
        ? "install grub2-tools-minimal"
        : "install systemd-boot-tools, or systemd-boot where there is none",
    );
  if (folder?.isDeployed)
    refuse(
      `the entries of ${host} are made anew with each deployment of OSTree`,
      "/run/ostree-booted",
      "a system of packages",
      "set them there with rpm-ostree kargs",
    );
  if (isGrub && loader.menuDefault !== SAVED_ENTRY)
    refuse(
      `GRUB's menu of ${host} does not go by saved_entry, so an entry can't be made its default`,
      `default="${loader.menuDefault ?? ""}"`,
      "GRUB_DEFAULT=saved in /etc/default/grub",
      "set it, and have the menu made anew with grub2-mkconfig",
    );
  if (isGrub && isUnwritable(device, fileSystem, abstraction))
    refuse(
      "GRUB can't write its environment block there, so an entry chosen for one boot would be chosen for ever",
      `${folder?.choice} on ${[device, fileSystem, abstraction].filter(Boolean).join(", ")}`,
      "/boot on a partition of its own, without LVM, RAID, encryption, btrfs or ZFS",
      `move /boot of ${host} to such a partition`,
    );
  if (!isGrub && !folder?.hasOneShot)
    refuse(
      `systemd-boot of ${host} can't boot an entry once`,
      "no such feature in its variable LoaderFeatures",
      "systemd-boot 240 or later",
      "update it with bootctl update, and reboot",
    );
  if (folder === undefined || folder.isReadOnly)
    refuse(
      `what the boot loader of ${host} reads is mounted read-only`,
      folder?.path ?? "no entries",
      "entries and the variables of the firmware mounted for writing",
      `mount -o remount,rw the file system of ${folder?.path}`,
    );
  requireUsable(ownEntry(loader), loader, host);
}

/** What GRUB itself can't write to. */
function isUnwritable(device: string, fileSystem: string, abstraction: string): boolean {
  const isLayered = /^\/dev\/(md|dm-|mapper\/)/.test(device) || abstraction !== "";
  return isLayered || /^(btrfs|zfs|squashfs)$/.test(fileSystem);
}

/** An entry that ours can be made from. */
function requireUsable(base: MenuEntry | undefined, loader: ObservedBootLoader, host: string): void {
  const shown = base?.file?.path ?? base?.kernel ?? (loader.folder?.path || "no folder of entries");
  const facts = { code: "boot-loader", property: "host", observed: shown };
  if (base === undefined || defaultEntry(loader) === "")
    throw new HostError({
      ...facts,
      problem: `the boot loader of ${host} has no Linux for its default, which an entry could be made from`,
      expected: "an entry in loader/entries that boots Linux, and is the default",
      hint: "have one made with kernel-install, and choose it with grubby --set-default or bootctl set-default",
    });
  if (base.file === undefined || base.file.lines.some(({ key }) => key === "efi" || key === "uki"))
    throw new HostError({
      ...facts,
      problem: `${host} boots a unified kernel image, whose command line is part of it and signed with it`,
      expected: "a default entry of type 1: kernel, initial file system and options in loader/entries",
      hint: "have kernel-install make such entries (layout=bls in /etc/kernel/install.conf), or set the arguments in /etc/kernel/cmdline and have the image built anew",
    });
  const unknown = base.arguments.find(({ name }) => name === "$kernelopts");
  if (unknown !== undefined)
    throw new HostError({
      ...facts,
      problem: `the default entry of ${host} takes its arguments from $kernelopts, which is nowhere set`,
      expected: `kernelopts in ${loader.folder?.choice} or in GRUB's menu`,
      hint: "restore it with grub2-editenv - set kernelopts=..., as grub2-mkconfig does",
    });
}

/** Whether the loader has been told an entry for its default: one more file then changes nothing about which. */
function isPinned(loader: ObservedBootLoader): boolean {
  const { kind, environment, entries, folder } = loader;
  const named = kind === "systemd-boot" ? choiceOf(loader) : environment?.get("saved_entry");
  const isNamed = entries.some(({ id }) => nameOf(loader, id) === named);
  return isNamed && (kind === "grub-entries" || folder?.defaultEntry !== undefined);
}

/** What the variable LoaderEntryDefault names: four bytes of attributes, then text in UTF-16 with a zero at its end. */
function choiceOf({ files, folder }: ObservedBootLoader): string | undefined {
  const content = files.get(folder?.choice ?? "");
  return content === undefined ? undefined : variableText(content);
}

function variableText(content: string): string {
  return Buffer.from(content.slice(4), "latin1").toString("utf16le").replace(/\0+$/, "");
}

/** An entry by the name that the loader's commands take. */
function nameOf({ kind }: Pick<ObservedBootLoader, "kind">, id: string): string {
  return kind === "systemd-boot" && !id.endsWith(".efi") ? `${id}.conf` : id;
}

function setDefault(loader: ObservedBootLoader, id: string): Step {
  const argv: [string, ...string[]] =
    loader.kind === "systemd-boot"
      ? ["bootctl", "set-default", nameOf(loader, id)]
      : ["grub2-set-default", id];
  return { purpose: `make entry ${id} the default`, argv };
}

/** What makes the loader boot an entry at the next start, and only then. */
export function bootOnce(loader: ObservedBootLoader, id: string): Step {
  const argv: [string, ...string[]] =
    loader.kind === "systemd-boot" ? ["bootctl", "set-oneshot", nameOf(loader, id)] : ["grub2-reboot", id];
  return { purpose: `choose ${id} for one boot`, argv };
}

/** What brings a set into the menu: its file, and a file of an entry. Before that, the default of now is made one that a further entry leaves alone. */
export function stageSteps(name: string, list: readonly BootArgument[], loader: ObservedBootLoader): Step[] {
  const { kind, environment, folder, files } = loader;
  const [path, text] = [setPath(name), setFile(list)];
  const next = { ...loader, sets: new Map([...loader.sets, [name, list] as const]) };
  const block: Step = {
    purpose: "make GRUB's environment block",
    argv: ["grub2-editenv", folder?.choice ?? "", "create"],
  };
  return [
    ...(kind === "grub-entries" && environment === undefined ? [block] : []),
    ...(isPinned(loader) ? [] : [setDefault(loader, defaultEntry(loader))]),
    ...(files.get(INSTALL_SCRIPT) === KERNEL_REMOVED
      ? []
      : [writeFile(INSTALL_SCRIPT, KERNEL_REMOVED, "755")]),
    ...(files.get(path) === text ? [] : [writeFile(path, text, "644")]),
    ...entrySteps(next),
  ];
}

/** The file of the staged entry, and none of ours beside it and the default. */
function entrySteps(loader: ObservedBootLoader): Step[] {
  const [staged, base] = [stagedEntry(loader), ownEntry(loader)];
  if (staged === undefined || base === undefined) return [];
  // What is the default has come up before: it is mended as it was kept.
  const isProven = defaultEntry(loader) === staged.id;
  const write = writeEntry(loader, staged, entryText(base, staged, isProven));
  return [
    ...(hasEntry(loader, staged, base) ? [] : [write]),
    ...removeEntries(loader, [staged.id, defaultEntry(loader)]),
  ];
}

/** Without modes: the EFI system partition has none. */
function writeEntry({ folder }: ObservedBootLoader, { id }: StagedEntry, text: string): Step {
  const path = `${folder?.path}/${id}.conf`;
  const script = 'umask 022; cat > "$1.part" && sync "$1.part" && mv "$1.part" "$1" && sync -f "$1"';
  return { purpose: `write ${path}`, argv: ["sh", "-c", script, "sh", path], stdin: text };
}

function removeEntries({ entries }: ObservedBootLoader, kept: readonly string[]): Step[] {
  const paths = entries.flatMap(({ id, own, file }) =>
    own !== undefined && file !== undefined && !kept.includes(id) ? [file.path] : [],
  );
  return paths.length === 0 ? [] : [{ purpose: `remove ${paths.join(", ")}`, argv: ["rm", "-f", ...paths] }];
}

function hasEntry(loader: ObservedBootLoader, staged: StagedEntry, base: MenuEntry): boolean {
  const text = loader.entries.find(({ id }) => id === staged.id)?.file?.text;
  return text !== undefined && [true, false].some((isProven) => text === entryText(base, staged, isProven));
}

/** Whether the folder has the entry that the sets ask for, exactly, and nothing boots it unasked. */
export function isStaged(loader: ObservedBootLoader): boolean {
  const [staged, base] = [stagedEntry(loader), ownEntry(loader)];
  if (staged === undefined) return true;
  return (
    base !== undefined &&
    hasEntry(loader, staged, base) &&
    isPinned(loader) &&
    loader.files.get(INSTALL_SCRIPT) === KERNEL_REMOVED
  );
}

export function isConfigured(
  name: string,
  list: readonly BootArgument[],
  loader: ObservedBootLoader,
): boolean {
  return loader.files.get(setPath(name)) === setFile(list) && isStaged(loader);
}

/** @throws VerificationError `boot-entry` where the entry is not as it must be before anything boots by it */
export function requireStaged(loader: ObservedBootLoader, host: string): void {
  const staged = stagedEntry(loader);
  if (staged === undefined || isStaged(loader)) return;
  const entry = loader.entries.find(({ id }) => id === staged.id);
  throw new VerificationError({
    code: "boot-entry",
    property: "arguments",
    problem: `the boot loader of ${host} does not have the entry that was asked for`,
    observed: `${entry === undefined ? `no entry ${staged.id}` : lineOf(entry.own ?? [])}, default ${defaultEntry(loader) || "unknown"}`,
    expected: `${lineOf(staged.arguments)} behind the arguments of ${ownEntry(loader)?.id ?? "an entry of the machine"}`,
    hint: `look at ${loader.folder?.path}, and at what else writes there: kernel-install, grubby, tuned`,
  });
}

/** What makes an entry that was found healthy the default: a panic may be looked at from now on. */
export function promoteSteps(entry: StagedEntry, loader: ObservedBootLoader): Step[] {
  const base = ownEntry(loader);
  if (base === undefined) return [];
  const text = entryText(base, entry, true);
  const isWritten = loader.entries.some(({ id, file }) => id === entry.id && file?.text === text);
  return [
    ...(isWritten ? [] : [writeEntry(loader, entry, text)]),
    ...(defaultEntry(loader) === entry.id && isPinned(loader) ? [] : [setDefault(loader, entry.id)]),
    ...removeEntries(loader, [entry.id]),
  ];
}

export function foundLoader(loader: ObservedBootLoader): FoundLoader {
  const { folder } = loader;
  return {
    files: filesFound(loader, [folder?.choice ?? ""]),
    ...{ hadFolder: loader.hasFolder, regenerated: "", entry: defaultEntry(loader) },
    folders: folder?.ours ?? [],
  };
}

/** What takes a set out of the entries; with the last one the machine's own is the default again, and everything of ours goes. */
export function unstageSteps(
  name: string,
  loader: ObservedBootLoader,
  found: FoundLoader | undefined,
): Step[] {
  if (!isLastSet(name, loader)) {
    const sets = new Map([...loader.sets].filter(([other]) => other !== name));
    return [removeFile(setPath(name)), ...entrySteps({ ...loader, sets })];
  }
  const isOurs = loader.entries.some(({ id, own }) => own !== undefined && id === defaultEntry(loader));
  const usual = loader.entries.find(({ id }) => id === found?.entry) ?? ownEntry(loader);
  const added = found === undefined ? [] : OUR_FOLDERS.filter((path) => !found.folders?.includes(path));
  return [
    ...(isOurs && usual !== undefined ? [setDefault(loader, usual.id)] : []),
    ...removeEntries(loader, []),
    removeFile(setPath(name)),
    removeFile(INSTALL_SCRIPT),
    ...added.map((path) => removeEmptied(`remove ${path}`, path)),
  ];
}

/** What puts the default back as it was found, byte by byte, once nothing of ours is left. One that others have chosen since stays. */
export function restoreSteps(loader: ObservedBootLoader, found: FoundLoader): Restoration {
  const path = loader.folder?.choice ?? "";
  if (loader.kind === "grub-entries")
    return restoreEnvironment(loader, found, path, "grub2-editenv", [found.entry ?? ""]);
  const content = found.files[path];
  const before = content === null || content === undefined ? undefined : variableText(textFrom(content));
  const now = choiceOf(loader);
  if (now === before) return { steps: [], leftAlone: [] };
  if (now !== undefined && !now.startsWith("nfvlab-") && now !== nameOf(loader, found.entry ?? ""))
    return { steps: [], leftAlone: [`LoaderEntryDefault=${now}`] };
  const argv: [string, ...string[]] = ["bootctl", "set-default", before ?? ""];
  return { steps: [{ purpose: "put LoaderEntryDefault back", argv }], leftAlone: [] };
}
