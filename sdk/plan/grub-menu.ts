import { createHash } from "node:crypto";
import type { BootArgument } from "../observe/boot-arguments.ts";
import type { MenuEntry } from "../observe/boot-entries.ts";
import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { KERNEL_FILE, menuDefaultOf } from "../units/grub-menu.ts";
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
  textOfFound,
  writeBytes,
  writeFile,
} from "./boot-sets.ts";
import type { Step } from "./step.ts";

const MENU = "/boot/grub/grub.cfg";
export const ENVIRONMENT = "/boot/grub/grubenv";
const FOLDER = "/etc/default/grub.d";
export const PROVEN = `${FOLDER}/91-nfvlab.cfg`;
const SCRIPT = "/etc/grub.d/42_nfvlab";
export const SAVED_ENTRY = "$" + "{saved_entry}";
/** grub-mkconfig asks every disk what it holds. */
const REGENERATE_MS = 600_000;

/**
 * What adds our menu entries to the others, whenever grub-mkconfig runs: the first entry that the distribution itself would make, or that of the kernel that was
 * chosen, with an id that tells its kernel and arguments. One that was not found healthy yet restarts the machine after a panic, and so falls back to the default.
 */
export const MENU_SCRIPT = `#!/bin/sh
${HEADER}# Entries that boot with the kernel of ${KERNEL_FILE} and the arguments of
# ${FOLDER}/90-nfvlab-*.cfg, beside the distribution's own.
set -ef
LC_ALL=C
export LC_ALL GRUB_DISABLE_SUBMENU=true GRUB_DISABLE_RECOVERY=true
usual="$GRUB_CMDLINE_LINUX_DEFAULT"

entry() {
  id="nfvlab-$(printf %s "\${3:+$3 }$1" | sha256sum | cut -c 1-12)"
  [ "$id" != "$last" ] || return 0
  last="$id"
  GRUB_CMDLINE_LINUX_DEFAULT="$usual $2 nfvlab.boot=$id\${1:+ $1}"
  export GRUB_CMDLINE_LINUX_DEFAULT
  /etc/grub.d/10_linux 2> /dev/null | awk -v id="$id" -v kernel="\${3:-$NFVLAB_KERNEL}" -v chosen="$3" '
    /^menuentry / { block = ""; inside = 1
      sub(/^menuentry \\047[^\\047]*\\047/, "menuentry \\047Linux with the boot arguments of nfvlab, " id "\\047")
      sub(/menuentry_id_option \\047[^\\047]*\\047/, "menuentry_id_option \\047" id "\\047") }
    inside { block = block $0 "\\n" }
    inside && /^}/ { inside = 0
      if (first == "") first = block
      if (kernel != "" && exact == "" && index(block, "/vmlinuz-" kernel " ")) exact = block }
    END { printf "%s", exact == "" && chosen == "" ? first : exact }'
}

last=
NFVLAB_KERNEL=
NFVLAB_CHOSEN_KERNEL=
[ ! -f ${KERNEL_FILE} ] || . ${KERNEL_FILE}
chosen="$NFVLAB_CHOSEN_KERNEL"
NFVLAB_ARGUMENTS=
NFVLAB_CHOSEN_KERNEL=
[ ! -f ${PROVEN} ] || . ${PROVEN}
proven="$NFVLAB_ARGUMENTS"
staged=
set +f
for file in ${FOLDER}/90-nfvlab-*.cfg; do
  [ -f "$file" ] || continue
  . "$file"
  staged="$staged\${staged:+ }$NFVLAB_ARGUMENTS"
done
set -f
[ -z "$proven$NFVLAB_CHOSEN_KERNEL" ] || entry "$proven" "" "$NFVLAB_CHOSEN_KERNEL"
[ -z "$staged$chosen" ] || entry "$staged" "panic=30" "$chosen"
`;

/** The entry that sets and a chosen kernel ask for; undefined where there are none. */
export function stagedEntry({
  sets,
  kernel,
}: Pick<ObservedBootLoader, "sets" | "kernel">): StagedEntry | undefined {
  const list = stagedLine(sets);
  const release = kernel?.release;
  if (list.length === 0 && release === undefined) return undefined;
  return { id: entryId(list, release), arguments: list, ...(release !== undefined && { release }) };
}

/** Release in the name of a kernel's file, `/boot/vmlinuz-6.12.117+deb13-amd64`. */
export function releaseOf(kernel: string): string | undefined {
  return /\/vmlinuz-(.+)$/.exec(kernel)?.[1];
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

/** The release to keep to, where the default is another entry than the first. */
export function kernelToKeep(loader: ObservedBootLoader, running: string): string | undefined {
  const named = defaultEntry(loader);
  const isFirst = named === "0" || named.startsWith("nfvlab-") || named === loader.entries[0]?.id;
  // Beside a chosen kernel the default names its entry by release for as long, and all of ours keep to it.
  if (!isFirst && loader.kernel === undefined) return running;
  for (const [path, text] of loader.files) {
    const kept = /^NFVLAB_KERNEL="([^"]*)"$/m.exec(text)?.[1];
    if (path.startsWith(`${FOLDER}/90-nfvlab-`) && kept !== undefined) return kept;
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
      problem: `${host} boots by a loader that boot arguments can't be given to`,
      observed: isDebian ? `no ${missing[0] ?? MENU}` : loader.system || "no /etc/os-release",
      expected:
        "Debian or Ubuntu whose boot loader is GRUB, GRUB that reads /boot/loader/entries (RHEL 8 and later), or systemd-boot",
      hint: "set them there by hand; openSUSE's pbl, zipl and menus of RHEL without entries are not supported",
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
  const steps = savedSteps(loader);
  if (loader.files.get(setPath(name)) !== text) steps.push(writeFile(setPath(name), text, "644"));
  const sets = new Map([...loader.sets, [name, list] as const]);
  if (steps.length === 0 && isStaged({ ...loader, sets })) return [];
  return [...steps, ...regenerate()];
}

/** Whether the menu takes for its default what grub-set-default says. */
export function goesBySaved({ menuDefault }: ObservedBootLoader): boolean {
  return menuDefault === SAVED_ENTRY;
}

/** What a menu with our entries needs: it goes by saved_entry, which names what was the default until now. */
export function savedSteps(loader: ObservedBootLoader): Step[] {
  const isOurs = loader.environment?.get("saved_entry")?.startsWith("nfvlab-") === true;
  return [
    ...(loader.environment === undefined
      ? [
          {
            purpose: "make GRUB's environment block",
            argv: ["grub-editenv", ENVIRONMENT, "create"],
          } satisfies Step,
        ]
      : []),
    ...(loader.menuDefault !== SAVED_ENTRY && !isOurs ? [setDefault(defaultEntry(loader))] : []),
    ...(loader.files.get(SCRIPT) === MENU_SCRIPT ? [] : [writeFile(SCRIPT, MENU_SCRIPT, "755")]),
  ];
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
  const staged = stagedEntry(loader);
  if (staged === undefined) return true;
  const entry = loader.entries.find(({ id }) => id === staged.id);
  return (
    entry?.own !== undefined &&
    lineOf(entry.own) === lineOf(staged.arguments) &&
    (staged.release === undefined || releaseOf(entry.kernel) === staged.release) &&
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
  const staged = stagedEntry(loader);
  if (staged === undefined || isStaged(loader)) return;
  const entry = loader.entries.find(({ id }) => id === staged.id);
  const spelt = (list: readonly BootArgument[], kernel: string | undefined) =>
    [kernel, lineOf(list)].filter(Boolean).join(" ");
  throw new VerificationError({
    code: "boot-entry",
    property: "arguments",
    problem: `the boot menu of ${host} does not have the entry that was asked for`,
    observed:
      entry?.own === undefined
        ? `no entry ${staged.id}`
        : loader.menuDefault === SAVED_ENTRY
          ? spelt(entry.own, staged.release && releaseOf(entry.kernel))
          : `GRUB_DEFAULT=${loader.menuDefault ?? "nothing"}`,
    expected: `${spelt(staged.arguments, staged.release)}, in a menu that goes by saved_entry`,
    hint: "look for a file in /etc/default/grub.d behind ours that sets GRUB_DEFAULT, and for /etc/grub.d/10_linux",
  });
}

/** What makes GRUB boot an entry at the next start, and only then. */
export function bootOnce(id: string): Step {
  return { purpose: `choose ${id} for one boot`, argv: ["grub-reboot", id] };
}

/** The text of the file that keeps an entry which was found healthy. */
export function provenFile({ arguments: list, release }: StagedEntry): string {
  const kernel = release === undefined ? "" : `NFVLAB_CHOSEN_KERNEL="${release}"\n`;
  return `${HEADER}${kernel}NFVLAB_ARGUMENTS="${lineOf(list)}"\n`;
}

/** What makes an entry that was found healthy the default. */
export function promoteSteps(entry: StagedEntry, loader: ObservedBootLoader): Step[] {
  const text = provenFile(entry);
  return [
    ...(loader.files.get(PROVEN) === text ? [] : [writeFile(PROVEN, text, "644"), ...regenerate()]),
    ...(loader.environment?.get("saved_entry") === entry.id ? [] : [setDefault(entry.id)]),
  ];
}

export function setDefault(entry: string): Step {
  return { purpose: `make entry ${entry} the default`, argv: ["grub-set-default", entry] };
}

export function foundLoader(loader: ObservedBootLoader, regenerated: string): FoundLoader {
  return { files: filesFound(loader, [MENU, ENVIRONMENT]), hadFolder: loader.hasFolder, regenerated };
}

/** What takes a set out of the menu; with the last one everything of ours goes. */
export function unstageSteps(
  name: string,
  loader: ObservedBootLoader,
  found: FoundLoader | undefined,
): Step[] {
  return [...removeOurs(setPath(name), isLastSet(name, loader), found), ...regenerate()];
}

/** Takes one file of ours away, and with the last one what belongs to all. */
export function removeOurs(path: string, isLast: boolean, found: FoundLoader | undefined): Step[] {
  const paths = isLast ? [path, PROVEN, SCRIPT] : [path];
  const folder: Step = {
    purpose: `remove ${FOLDER}`,
    argv: ["rmdir", "--ignore-fail-on-non-empty", FOLDER],
  };
  return [
    { purpose: `remove ${paths.join(", ")}`, argv: ["rm", "-f", ...paths] },
    ...(isLast && found?.hadFolder === false ? [folder] : []),
  ];
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
  const usual = menuDefaultOf(textOfFound(found, MENU) ?? "");
  const environment = restoreEnvironment(loader, found, ENVIRONMENT, "grub-editenv", [usual ?? ""]);
  return {
    steps: [...steps, ...environment.steps],
    leftAlone: [...leftAlone, ...environment.leftAlone],
  };
}
