import { SETS_FOLDER } from "../units/boot-entry-paths.ts";
import { environmentOf } from "../units/grub-environment.ts";
import { KERNEL_FILE, menuDefaultOf } from "../units/grub-menu.ts";
import { type BootArgument, parseBootArguments } from "./boot-arguments.ts";
import { argumentsOfEntry, type EntryFolder, type LoaderKind, type MenuEntry } from "./boot-entries.ts";
import { ENTRY_LOADER_SCRIPT, entryKindOf, entryLoader } from "./entry-loader.ts";
import type { Answer, Probe } from "./probe.ts";
import { understood } from "./understood.ts";

export interface ObservedBootLoader {
  readonly kind: LoaderKind;
  /** `ID` of /etc/os-release with those it is like, `ubuntu debian`. */
  readonly system: string;
  /** The commands of the loader that are there. */
  readonly commands: ReadonlySet<string>;
  /** What the loader's own folder lies on, the one it writes to: device and file system, and what GRUB calls them. */
  readonly device: string;
  readonly fileSystem: string;
  readonly abstraction: string;
  /** Text by path, a character a byte: GRUB's configuration and what it is made from. */
  readonly files: ReadonlyMap<string, string>;
  /** Whether there is /etc/default/grub.d. */
  readonly hasFolder: boolean;
  readonly entries: readonly MenuEntry[];
  /** What the menu takes for its default: an entry, or `\${saved_entry}`. Undefined where it is none of grub-mkconfig's. */
  readonly menuDefault?: string;
  /** Variables of the environment block; undefined where there is none. */
  readonly environment?: ReadonlyMap<string, string>;
  /** Arguments of our files under /etc/default/grub.d, by the name of the set. */
  readonly sets: ReadonlyMap<string, readonly BootArgument[]>;
  /** The kernel that was chosen for our entries; undefined where they take the machine's own. */
  readonly kernel?: ChosenKernel;
  /** Where the loader reads entries from files of their own. */
  readonly folder?: EntryFolder;
}

/** A kernel that our entries boot in place of the machine's own. */
export interface ChosenKernel {
  /** Its release, `6.12.107+deb13-rt-amd64`; undefined while it is on its way. */
  readonly release?: string;
  /** Release of what the machine boots without it. */
  readonly before: string;
}

export const GRUB_MENU = "/boot/grub/grub.cfg";
export const GRUB_ENVIRONMENT = "/boot/grub/grubenv";

const SET_PATH = new RegExp(`^(?:/etc/default/grub[.]d/90-nfvlab-|${SETS_FOLDER}/)(.+)[.]cfg$`);

const SCRIPT = `. /etc/os-release 2>/dev/null && echo "@system $ID $ID_LIKE"
for command in update-grub grub-mkconfig grub-reboot grub-set-default grub-editenv grub-script-check; do
  command -v "$command" > /dev/null && echo "@command $command"
done
${ENTRY_LOADER_SCRIPT}[ -d /boot/grub ] || exit 0
echo "@mount $(findmnt -n -o SOURCE,FSTYPE -T /boot/grub)"
[ -d /etc/default/grub.d ] && echo "@folder /etc/default/grub.d"
[ "$1" = all ] && echo "@abstraction $(grub-probe --target=abstraction /boot/grub 2>/dev/null | tr '\\n' ' ')"
for file in ${GRUB_MENU} ${GRUB_ENVIRONMENT} /etc/default/grub /etc/default/grub.d/* /etc/grub.d/42_nfvlab; do
  [ -f "$file" ] && echo "@file $file $(base64 -w 0 < "$file")"
done
true`;

const parse: Probe<ObservedBootLoader>["parse"] = (answer) =>
  understood("the boot loader", answer, () => loaderIn(answer));

function loaderIn({ stdout }: Answer): ObservedBootLoader {
  const all = (word: string) =>
    [...stdout.matchAll(new RegExp(`^@${word} (.*)$`, "gm"))].map(([, rest]) => (rest ?? "").trim());
  const files = new Map(
    all("file").map((line) => {
      const [path = "", text = ""] = line.split(" ");
      return [path, Buffer.from(text, "base64").toString("latin1")] as const;
    }),
  );
  const [device = "", fileSystem = ""] = (all("mount")[0] ?? "").split(/\s+/);
  const kind = entryKindOf(all);
  const menu = files.get(all("menu")[0] ?? GRUB_MENU) ?? "";
  const block = kind === "systemd-boot" ? undefined : files.get(all("choice")[0] ?? GRUB_ENVIRONMENT);
  const environment = block === undefined ? undefined : environmentOf(block);
  const menuDefault = menuDefaultOf(menu);
  const kernel = chosenKernelOf(files.get(KERNEL_FILE));
  return {
    kind,
    system: all("system")[0] ?? "",
    commands: new Set(all("command")),
    device,
    fileSystem,
    abstraction: all("abstraction")[0] ?? "",
    files,
    hasFolder: all("folder").length > 0,
    ...(kind === "grub-menu"
      ? { entries: menuEntries(menu) }
      : entryLoader(all, environment ?? new Map(), menu)),
    ...(menuDefault !== undefined && { menuDefault }),
    ...(environment !== undefined && { environment }),
    sets: new Map(
      [...files].flatMap(([path, text]) => {
        const name = SET_PATH.exec(path)?.[1];
        return name === undefined ? [] : [[name, argumentsOf(text) ?? []] as const];
      }),
    ),
    ...(kernel !== undefined && { kernel }),
  };
}

/** The boot loader as it is configured; for Linux on other boot loaders there is not much in it. */
export const bootLoader: Probe<ObservedBootLoader> = {
  name: "boot-loader",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", "files"] },
  parse,
};

/** The same, and what only GRUB's own probing tells, which takes a moment. */
export const bootLoaderProbed: Probe<ObservedBootLoader> = {
  name: "boot-loader-probed",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", "all"] },
  parse,
};

/** The entries of a menu that boot Linux, those of submenus among them. */
export function menuEntries(menu: string): MenuEntry[] {
  let submenus: readonly string[] = [];
  return menu.split(/^(?=[ \t]*(?:menuentry|submenu) |\}$)/m).flatMap((section) => {
    const [head = ""] = section.split("\n");
    // A menu's end stands at the beginning of a line, as does that of an entry outside of one.
    if (head === "}") submenus = [];
    const id =
      /\$menuentry_id_option '([^']*)'/.exec(head)?.[1] ??
      /^\s*(?:menuentry|submenu) '([^']*)'/.exec(head)?.[1];
    if (id !== undefined && /^\s*submenu /.test(head)) submenus = [...submenus, id];
    const [, kernel, line] = /^\s*linux\s+(\S+)[ \t]*(.*)$/m.exec(section) ?? [];
    if (id === undefined || kernel === undefined) return [];
    return [{ id, submenus, kernel, ...argumentsOfEntry(line ?? "") }];
  });
}

function chosenKernelOf(text: string | undefined): ChosenKernel | undefined {
  const word = (name: string) => new RegExp(`^${name}="([^"]*)"$`, "m").exec(text ?? "")?.[1];
  const [release, before] = [word("NFVLAB_CHOSEN_KERNEL"), word("NFVLAB_KERNEL")];
  return before === undefined ? undefined : { ...(release !== undefined && { release }), before };
}

function argumentsOf(text: string | undefined): readonly BootArgument[] | undefined {
  const line = /^NFVLAB_ARGUMENTS="([^"]*)"$/m.exec(text ?? "")?.[1];
  return line === undefined ? undefined : parseBootArguments(line).kernel;
}
