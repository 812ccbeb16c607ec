import { createHash } from "node:crypto";
import type { BootArgument } from "../observe/boot-arguments.ts";
import type { MenuEntry, ObservedBootLoader } from "../observe/boot-loader.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { environmentOf } from "../units/grub-environment.ts";
import { formatArgument } from "./boot-argument-table.ts";
import type { Step } from "./step.ts";

const MENU = "/boot/grub/grub.cfg";
const ENVIRONMENT = "/boot/grub/grubenv";
const FOLDER = "/etc/default/grub.d";
const PROVEN = `${FOLDER}/91-nfvlab.cfg`;
const SCRIPT = "/etc/grub.d/42_nfvlab";
const SAVED_ENTRY = "$" + "{saved_entry}";
const HEADER = "# Written by nfvlab; removed when its resource is deleted.\n";
/** grub-mkconfig asks every disk what it holds. */
const REGENERATE_MS = 180_000;

/**
 * What adds our menu entries to the others, whenever grub-mkconfig runs: the first entry that the distribution itself would make, with an id that tells
 * its arguments. One that was not found healthy yet restarts the machine after a panic, and so falls back to the default.
 */
export const MENU_SCRIPT = `#!/bin/sh
${HEADER}# Entries that boot with the arguments of ${FOLDER}/90-nfvlab-*.cfg, beside the distribution's own.
set -ef
LC_ALL=C
export LC_ALL GRUB_DISABLE_SUBMENU=true GRUB_DISABLE_RECOVERY=true
usual="$GRUB_CMDLINE_LINUX_DEFAULT"

entry() {
  id="nfvlab-$(printf %s "$1" | sha256sum | cut -c 1-12)"
  [ "$id" != "$last" ] || return 0
  last="$id"
  GRUB_CMDLINE_LINUX_DEFAULT="$usual $2 nfvlab.boot=$id $1"
  export GRUB_CMDLINE_LINUX_DEFAULT
  /etc/grub.d/10_linux 2> /dev/null | awk -v id="$id" -v kernel="$NFVLAB_KERNEL" '
    /^menuentry / { block = ""; inside = 1
      sub(/^menuentry \\047[^\\047]*\\047/, "menuentry \\047Linux with the boot arguments of nfvlab, " id "\\047")
      sub(/menuentry_id_option \\047[^\\047]*\\047/, "menuentry_id_option \\047" id "\\047") }
    inside { block = block $0 "\\n" }
    inside && /^}/ { inside = 0
      if (first == "") first = block
      if (kernel != "" && exact == "" && index(block, "/vmlinuz-" kernel " ")) exact = block }
    END { printf "%s", exact == "" ? first : exact }'
}

last=
proven=
NFVLAB_KERNEL=
[ ! -f ${PROVEN} ] || { . ${PROVEN}; proven="$NFVLAB_ARGUMENTS"; }
staged=
set +f
for file in ${FOLDER}/90-nfvlab-*.cfg; do
  [ -f "$file" ] || continue
  . "$file"
  staged="$staged\${staged:+ }$NFVLAB_ARGUMENTS"
done
set -f
[ -z "$proven" ] || entry "$proven" ""
[ -z "$staged" ] || entry "$staged" "panic=30"
`;

/** One line of arguments, as files and entries have it. */
export function lineOf(list: readonly BootArgument[]): string {
  return list.map(formatArgument).join(" ");
}

/** The arguments of all sets together, in the order of their files. */
export function stagedLine(sets: ObservedBootLoader["sets"]): BootArgument[] {
  return [...sets].sort(([a], [b]) => (`${a}.cfg` < `${b}.cfg` ? -1 : 1)).flatMap(([, list]) => list);
}

/** Id of the menu entry that has these arguments. */
export function entryId(list: readonly BootArgument[]): string {
  return `nfvlab-${createHash("sha256").update(lineOf(list)).digest("hex").slice(0, 12)}`;
}

export function setPath(name: string): string {
  return `${FOLDER}/90-nfvlab-${name}.cfg`;
}

/** The text of a set's file. `kernel` keeps the entry at one release, where the machine's own default is not its newest. */
export function setFile(list: readonly BootArgument[], kernel: string | undefined): string {
  const pin = kernel === undefined ? "" : `NFVLAB_KERNEL="${kernel}"\n`;
  return `${HEADER}GRUB_DEFAULT=saved\n${pin}NFVLAB_ARGUMENTS="${lineOf(list)}"\n`;
}

/** What a machine boots where nobody chooses: an entry's id, title or number; `0` for its first. */
export function defaultEntry({ menuDefault, environment }: ObservedBootLoader): string {
  const named = menuDefault === SAVED_ENTRY ? environment?.get("saved_entry") : menuDefault;
  return named === undefined || named === "" ? "0" : named;
}

/** The machine's own entry that would be booted, none of ours: where its arguments come from. */
export function ownEntry(loader: ObservedBootLoader): MenuEntry | undefined {
  const own = loader.entries.filter((entry) => entry.own === undefined);
  return own.find(({ id }) => id === defaultEntry(loader).split(">").at(-1)) ?? own[0];
}

/** The arguments of a running kernel that are none of ours: what stands before our mark, variables of GRUB written out. */
export function givenBefore(commandLine: readonly BootArgument[]): readonly BootArgument[] {
  const mark = commandLine.findIndex(({ name }) => name === "nfvlab.boot");
  return mark < 0 ? commandLine : commandLine.slice(0, mark);
}

/** The release to keep to, where the default is another entry than the first. */
export function kernelToKeep(loader: ObservedBootLoader, running: string): string | undefined {
  const named = defaultEntry(loader);
  const isFirst = named === "0" || named.startsWith("nfvlab-") || named === loader.entries[0]?.id;
  if (!isFirst) return running;
  for (const [path, text] of loader.files) {
    const kept = /^NFVLAB_KERNEL="([^"]*)"$/m.exec(text)?.[1];
    if (path.startsWith(FOLDER) && kept !== undefined) return kept;
  }
  return undefined;
}

/**
 * @throws HostError `boot-loader` where the machine does not boot by a GRUB that can be told to boot an entry once
 */
export function requireOneShot(loader: ObservedBootLoader, host: string): void {
  const commands = [
    ...["update-grub", "grub-mkconfig", "grub-reboot", "grub-set-default", "grub-editenv"],
    "grub-script-check",
  ];
  const missing = commands.filter((command) => !loader.commands.has(command));
  const isDebian = /\b(debian|ubuntu)\b/.test(loader.system);
  if (!isDebian || missing.length > 0 || !loader.files.has(MENU)) {
    throw new HostError({
      code: "boot-loader",
      property: "host",
      problem: `boot arguments are set on Debian and Ubuntu with GRUB, which ${host} is not`,
      observed: isDebian ? `no ${missing[0] ?? MENU}` : loader.system || "no /etc/os-release",
      expected: "Debian or Ubuntu whose boot loader is GRUB",
      hint: "set them there by hand; RHEL's grubby, openSUSE's pbl and systemd-boot are not supported",
    });
  }
  const layered = /^\/dev\/(md|dm-|mapper\/)/.test(loader.device) || loader.abstraction !== "";
  const readOnly = /^(btrfs|zfs|squashfs)$/.test(loader.fileSystem);
  if (layered || readOnly) {
    throw new HostError({
      code: "boot-loader",
      property: "host",
      problem:
        "GRUB can't write its environment block there, so an entry chosen for one boot would be chosen for ever",
      observed: `/boot/grub on ${[loader.device, loader.fileSystem, loader.abstraction].filter(Boolean).join(", ")}`,
      expected: "/boot on a partition of its own, without LVM, RAID, encryption, btrfs or ZFS",
      hint: `move /boot of ${host} to such a partition`,
    });
  }
}

/** What brings a set into the menu: its file, what makes entries of such files, and a menu made anew. */
export function stageSteps(
  name: string,
  list: readonly BootArgument[],
  loader: ObservedBootLoader,
  kernel: string | undefined,
): Step[] {
  const text = setFile(list, kernel);
  const steps: Step[] = [];
  // The menu goes by saved_entry from now on: it must name what was the default until now.
  const isOurs = loader.environment?.get("saved_entry")?.startsWith("nfvlab-") === true;
  if (loader.menuDefault !== SAVED_ENTRY && !isOurs) steps.push(setDefault(defaultEntry(loader)));
  if (loader.environment === undefined)
    steps.unshift({
      purpose: "make GRUB's environment block",
      argv: ["grub-editenv", ENVIRONMENT, "create"],
    });
  if (loader.files.get(SCRIPT) !== MENU_SCRIPT) steps.push(writeFile(SCRIPT, MENU_SCRIPT, "755"));
  if (loader.files.get(setPath(name)) !== text) steps.push(writeFile(setPath(name), text, "644"));
  const sets = new Map([...loader.sets, [name, list] as const]);
  if (steps.length === 0 && isStaged({ ...loader, sets })) return [];
  return [...steps, ...regenerate()];
}

export function regenerate(): Step[] {
  return [
    { purpose: "make GRUB's menu anew", argv: ["update-grub"], timeoutMs: REGENERATE_MS },
    { purpose: "check GRUB's menu", argv: ["grub-script-check", MENU] },
  ];
}

/** Hash of the menu that grub-mkconfig would make now. */
export const regeneratedHash: Step = {
  purpose: "make GRUB's menu on trial",
  argv: ["sh", "-c", "grub-mkconfig 2>/dev/null | sha256sum | cut -d ' ' -f 1"],
  timeoutMs: REGENERATE_MS,
};

/** Whether the menu has the entry that the files ask for, exactly. */
export function isStaged(loader: ObservedBootLoader): boolean {
  const staged = stagedLine(loader.sets);
  if (staged.length === 0) return true;
  const entry = loader.entries.find(({ id }) => id === entryId(staged));
  return (
    entry?.own !== undefined &&
    lineOf(entry.own) === lineOf(staged) &&
    loader.menuDefault === SAVED_ENTRY &&
    loader.files.get(SCRIPT) === MENU_SCRIPT
  );
}

/** Whether file and menu hold exactly this set. */
export function isConfigured(
  name: string,
  list: readonly BootArgument[],
  loader: ObservedBootLoader,
): boolean {
  const text = loader.files.get(setPath(name)) ?? "";
  const kernel = /^NFVLAB_KERNEL="([^"]*)"$/m.exec(text)?.[1];
  return text === setFile(list, kernel) && isStaged(loader);
}

/** @throws VerificationError `boot-entry` where the menu is not as it must be before anything boots by it */
export function requireStaged(loader: ObservedBootLoader, host: string): void {
  if (isStaged(loader)) return;
  const staged = stagedLine(loader.sets);
  const entry = loader.entries.find(({ id }) => id === entryId(staged));
  throw new VerificationError({
    code: "boot-entry",
    property: "arguments",
    problem: `the boot menu of ${host} does not have the entry that was asked for`,
    observed:
      entry?.own === undefined
        ? `no entry ${entryId(staged)}`
        : loader.menuDefault === SAVED_ENTRY
          ? lineOf(entry.own)
          : `GRUB_DEFAULT=${loader.menuDefault ?? "nothing"}`,
    expected: `${lineOf(staged)}, in a menu that goes by saved_entry`,
    hint: "look for a file in /etc/default/grub.d behind ours that sets GRUB_DEFAULT, and for /etc/grub.d/10_linux",
  });
}

/** What makes GRUB boot an entry at the next start, and only then. */
export function bootOnce(id: string): Step {
  return { purpose: `choose ${id} for one boot`, argv: ["grub-reboot", id] };
}

/** What makes an entry that was found healthy the default. */
export function promoteSteps(list: readonly BootArgument[], loader: ObservedBootLoader): Step[] {
  const text = `${HEADER}NFVLAB_ARGUMENTS="${lineOf(list)}"\n`;
  const id = entryId(list);
  return [
    ...(loader.files.get(PROVEN) === text ? [] : [writeFile(PROVEN, text, "644"), ...regenerate()]),
    ...(loader.environment?.get("saved_entry") === id ? [] : [setDefault(id)]),
  ];
}

function setDefault(entry: string): Step {
  return { purpose: `make entry ${entry} the default`, argv: ["grub-set-default", entry] };
}

/** What a machine had before the first set came. */
export interface FoundLoader {
  /** Base64; null where there was no such file. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly hadFolder: boolean;
  /** Hash of the menu that grub-mkconfig made of the machine then. */
  readonly regenerated: string;
}

export function foundLoader(loader: ObservedBootLoader, regenerated: string): FoundLoader {
  const files = [MENU, ENVIRONMENT].map((path) => {
    const text = loader.files.get(path);
    return [path, text === undefined ? null : Buffer.from(text, "latin1").toString("base64")] as const;
  });
  return { files: Object.fromEntries(files), hadFolder: loader.hasFolder, regenerated };
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

/** What takes a set out of the menu; with the last one everything of ours goes. */
export function unstageSteps(
  name: string,
  loader: ObservedBootLoader,
  found: FoundLoader | undefined,
): Step[] {
  const isLast = [...loader.sets.keys()].every((other) => other === name);
  const paths = isLast ? [setPath(name), PROVEN, SCRIPT] : [setPath(name)];
  return [
    { purpose: `remove ${paths.join(", ")}`, argv: ["rm", "-f", ...paths] },
    ...(isLast && found?.hadFolder === false
      ? [
          {
            purpose: `remove ${FOLDER}`,
            argv: ["rmdir", "--ignore-fail-on-non-empty", FOLDER],
          } satisfies Step,
        ]
      : []),
    ...regenerate(),
  ];
}

export interface Restoration {
  readonly steps: readonly Step[];
  /** What somebody else has changed since, and was left alone. */
  readonly leftAlone: readonly string[];
}

/**
 * What puts GRUB's files back byte by byte, once nothing of ours is left in what they are made from. A menu that grub-mkconfig makes otherwise than
 * then, for instance since a kernel came, is left as it was made now; so are variables that others have set.
 */
export function restoreSteps(loader: ObservedBootLoader, found: FoundLoader): Restoration {
  const steps: Step[] = [];
  const leftAlone: string[] = [];
  const menu = loader.files.get(MENU) ?? "";
  const menuFound = found.files[MENU];
  if (typeof menuFound === "string" && menu !== textFrom(menuFound)) {
    if (createHash("sha256").update(menu, "latin1").digest("hex") === found.regenerated)
      steps.push(writeBytes(MENU, menuFound));
    else leftAlone.push(`${MENU} (what it is made from has changed)`);
  }
  const block = found.files[ENVIRONMENT];
  if (block === null) steps.push({ purpose: `remove ${ENVIRONMENT}`, argv: ["rm", "-f", ENVIRONMENT] });
  else if (block !== undefined && loader.files.get(ENVIRONMENT) !== textFrom(block)) {
    const before = environmentOf(textFrom(block));
    const now = loader.environment ?? new Map<string, string>();
    const saved = now.get("saved_entry") ?? "";
    const ours =
      saved === "" || saved.startsWith("nfvlab-") || saved === before.get("saved_entry") || saved === "0";
    if (!ours) leftAlone.push(`saved_entry=${saved}`);
    else if (sameBut(BOOT_CHOICE, before, now)) steps.push(writeBytes(ENVIRONMENT, block));
    else {
      leftAlone.push(`other variables of ${ENVIRONMENT}`);
      steps.push(...choiceSteps(before));
    }
  }
  return { steps, leftAlone };
}

const BOOT_CHOICE = ["saved_entry", "next_entry", "prev_saved_entry"];

function choiceSteps(before: ReadonlyMap<string, string>): Step[] {
  return BOOT_CHOICE.map((name) => {
    const value = before.get(name);
    const edit = value === undefined ? ["unset", name] : ["set", `${name}=${value}`];
    return { purpose: `put ${name} back`, argv: ["grub-editenv", ENVIRONMENT, ...edit] };
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

function textFrom(content: string): string {
  return Buffer.from(content, "base64").toString("latin1");
}

function writeFile(path: string, text: string, mode: string): Step {
  const script =
    'mkdir -p "$(dirname "$1")"; umask 022; cat > "$1.part~" && chmod "$2" "$1.part~" && mv "$1.part~" "$1"';
  return { purpose: `write ${path}`, argv: ["sh", "-c", script, "sh", path, mode], stdin: text };
}

/** Exact bytes in place of what is there, with its mode. */
function writeBytes(path: string, content: string): Step {
  const script = 'base64 -d > "$1.part" && chmod --reference="$1" "$1.part" && mv "$1.part" "$1"';
  return { purpose: `put ${path} back`, argv: ["sh", "-c", script, "sh", path], stdin: content };
}
