import { INSTALL_SCRIPT, OUR_FOLDERS, SETS_FOLDER } from "../units/boot-entry-paths.ts";
import {
  argumentsOfEntry,
  type EntryFolder,
  type LoaderKind,
  type MenuEntry,
  newestFirst,
  readEntry,
} from "./boot-entries.ts";
import { jsonOf } from "./understood.ts";

/** Vendor of the variables by which systemd-boot and the system speak to each other. */
const VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const VARIABLES = "/sys/firmware/efi/efivars";

/**
 * Says by which loader the machine came up, and prints what it reads where that is not a menu of grub-mkconfig. systemd-boot tells of itself in a variable
 * that is gone with the next boot by another, and that has to be read whole: nobody can seek in it. GRUB reads entries where its menu has blscfg.
 */
export const ENTRY_LOADER_SCRIPT = `entries=
loader=$(cat ${VARIABLES}/LoaderInfo-${VENDOR} 2>/dev/null | tr -cd '[:print:]')
menu=/etc/grub2.cfg
[ -d /sys/firmware/efi ] && menu=/etc/grub2-efi.cfg
menu=$(readlink -f "$menu")
[ -f "$menu" ] || menu=/boot/grub2/grub.cfg
if [ "\${loader#systemd-boot}" != "$loader" ]; then
  echo "@kind systemd-boot"
  choice=${VARIABLES}/LoaderEntryDefault-${VENDOR}
  command -v bootctl > /dev/null && echo "@command bootctl"
  entries="$(bootctl --print-boot-path 2>/dev/null)/loader/entries"
  also="$(bootctl --print-esp-path 2>/dev/null)/loader/entries"
  echo "@list $(bootctl list --json=short 2>/dev/null | base64 -w 0)"
  echo "@features $(cat ${VARIABLES}/LoaderFeatures-${VENDOR} 2>/dev/null | od -A n -t u1 -j 4 -N 1)"
elif [ -d /boot/loader/entries ] && grep -qs '^[[:space:]]*blscfg' "$menu"; then
  echo "@kind grub-entries"
  choice=$(readlink -f /boot/grub2/grubenv)
  for command in grub2-reboot grub2-set-default grub2-editenv; do
    command -v "$command" > /dev/null && echo "@command $command"
  done
  entries=/boot/loader/entries
  also=
  echo "@menu $menu"
  echo "@file $menu $(base64 -w 0 < "$menu")"
  [ "$1" = all ] && echo "@abstraction $(grub2-probe --target=abstraction /boot/grub2 2>/dev/null | tr '\\n' ' ')"
fi
if [ -n "$entries" ]; then
  [ -e /run/ostree-booted ] && echo "@ostree yes"
  echo "@mount $(findmnt -n -o SOURCE,FSTYPE -T "\${choice%/*}")"
  echo "@options $(findmnt -n -o OPTIONS -T "$entries"),$(findmnt -n -o OPTIONS -T "\${choice%/*}")"
  echo "@entries $entries"
  echo "@choice $choice"
  for folder in ${OUR_FOLDERS.join(" ")}; do [ -d "$folder" ] && echo "@folder $folder"; done
  for file in "$choice" ${SETS_FOLDER}/* ${INSTALL_SCRIPT}; do
    [ -f "$file" ] && echo "@file $file $(base64 -w 0 < "$file")"
  done
  [ "$also" = "$entries" ] && also=
  for file in "$entries"/*.conf \${also:+"$also"/*.conf}; do
    [ -f "$file" ] && echo "@entry $file $(base64 -w 0 < "$file")"
  done
  exit 0
fi
`;

/** The facts that the script printed, by their word. */
type Facts = (word: string) => readonly string[];

/** Features of systemd-boot in its variable: an entry for good, and one for the next boot. */
const ENTRY_FEATURES = 0b1100;

export function entryKindOf(facts: Facts): LoaderKind {
  const [kind] = facts("kind");
  return kind === "systemd-boot" || kind === "grub-entries" ? kind : "grub-menu";
}

/** The entries of a loader that reads them from files, in the order in which it shows them, and where they lie. */
export function entryLoader(
  facts: Facts,
  environment: ReadonlyMap<string, string>,
  menu: string,
): { readonly entries: readonly MenuEntry[]; readonly folder: EntryFolder } {
  const variables = new Map([...setsOf(menu), ...environment]);
  const files = facts("entry").flatMap((line): MenuEntry[] => {
    const [path = "", text = ""] = line.split(" ");
    const entry = readEntry(path, Buffer.from(text, "base64").toString("latin1"), variables);
    return entry === undefined ? [] : [entry];
  });
  const listed = listOf(facts("list")[0] ?? "");
  const entries =
    entryKindOf(facts) === "systemd-boot"
      ? listed.map(({ entry, path }) => files.find(({ file }) => file?.path === path) ?? entry)
      : newestFirst(files);
  const chosen = listed.find(({ isDefault }) => isDefault);
  const isOption = (name: string) => (facts("options")[0] ?? "").split(",").includes(name);
  return {
    entries,
    folder: {
      path: folderOf(chosen?.path) ?? facts("entries")[0] ?? "",
      choice: facts("choice")[0] ?? "",
      isReadOnly: isOption("ro"),
      ours: facts("folder"),
      isDeployed: facts("ostree").length > 0,
      hasOneShot: (Number(facts("features")[0] ?? 0) & ENTRY_FEATURES) === ENTRY_FEATURES,
      ...(chosen !== undefined && { defaultEntry: chosen.entry.id }),
    },
  };
}

/** What a menu itself gives the variables that entries are written with, where the environment block does not. */
function setsOf(menu: string): (readonly [string, string])[] {
  return [...menu.matchAll(/^\s*set (kernelopts|tuned_params)="([^"]*)"/gm)].map(
    ([, name = "", value = ""]) => [name, value] as const,
  );
}

interface Listed {
  readonly entry: MenuEntry;
  readonly path: string;
  readonly isDefault: boolean;
}

/** Entries that boot Linux by `bootctl list --json=short`; those of images, whose command line lies in them, have no file of their own. */
function listOf(content: string): Listed[] {
  const text = Buffer.from(content, "base64").toString("utf8");
  const list: unknown = text.startsWith("[") ? jsonOf(text) : [];
  return (list as Readonly<Record<string, unknown>>[]).flatMap((each) => {
    const { id, path, type, linux, options, isDefault } = each;
    if (typeof id !== "string" || typeof path !== "string" || !/^type[12]$/.test(`${type}`)) return [];
    const place = path.replace(/\/{2,}/g, "/");
    const kernel = typeof linux === "string" ? linux : place;
    const entry = {
      ...{ id: id.replace(/\.conf$/, ""), submenus: [], kernel },
      ...argumentsOfEntry(typeof options === "string" ? options : ""),
    };
    return [{ entry, path: place, isDefault: isDefault === true }];
  });
}

function folderOf(path: string | undefined): string | undefined {
  return path?.endsWith(".conf") ? path.replace(/\/[^/]*$/, "") : undefined;
}
