import { environmentOf } from "../units/grub-environment.ts";
import { type BootArgument, parseBootArguments } from "./boot-arguments.ts";
import { ENTRY_ARGUMENT } from "./boot-evidence.ts";
import type { Probe } from "./probe.ts";

/** A menu entry of GRUB that boots Linux. */
export interface MenuEntry {
  readonly id: string;
  /** The kernel's file, as GRUB names it. */
  readonly kernel: string;
  readonly arguments: readonly BootArgument[];
  /** What stands behind our mark, where the entry has one: the arguments that we gave it. */
  readonly own?: readonly BootArgument[];
}

export interface ObservedBootLoader {
  /** `ID` of /etc/os-release with those it is like, `ubuntu debian`. */
  readonly system: string;
  /** The commands of GRUB that are there. */
  readonly commands: ReadonlySet<string>;
  /** What /boot/grub lies on: device and file system, and what GRUB calls them. */
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
  /** Arguments of the last boot that was found healthy. */
  readonly proven?: readonly BootArgument[];
}

export const GRUB_MENU = "/boot/grub/grub.cfg";
export const GRUB_ENVIRONMENT = "/boot/grub/grubenv";
export const PROVEN_FILE = "/etc/default/grub.d/91-nfvlab.cfg";

const SCRIPT = `. /etc/os-release 2>/dev/null && echo "@system $ID $ID_LIKE"
for command in update-grub grub-mkconfig grub-reboot grub-set-default grub-editenv grub-script-check; do
  command -v "$command" > /dev/null && echo "@command $command"
done
[ -d /boot/grub ] || exit 0
echo "@mount $(findmnt -n -o SOURCE,FSTYPE -T /boot/grub)"
[ -d /etc/default/grub.d ] && echo "@folder /etc/default/grub.d"
[ "$1" = all ] && echo "@abstraction $(grub-probe --target=abstraction /boot/grub 2>/dev/null | tr '\\n' ' ')"
for file in ${GRUB_MENU} ${GRUB_ENVIRONMENT} /etc/default/grub /etc/default/grub.d/* /etc/grub.d/42_nfvlab; do
  [ -f "$file" ] && echo "@file $file $(base64 -w 0 < "$file")"
done
true`;

const parse: Probe<ObservedBootLoader>["parse"] = ({ stdout }) => {
  const all = (word: string) =>
    [...stdout.matchAll(new RegExp(`^@${word} (.*)$`, "gm"))].map(([, rest]) => (rest ?? "").trim());
  const files = new Map(
    all("file").map((line) => {
      const [path = "", text = ""] = line.split(" ");
      return [path, Buffer.from(text, "base64").toString("latin1")] as const;
    }),
  );
  const [device = "", fileSystem = ""] = (all("mount")[0] ?? "").split(/\s+/);
  const menu = files.get(GRUB_MENU) ?? "";
  const block = files.get(GRUB_ENVIRONMENT);
  const menuDefault = /^else\s+set default="([^"]*)"/m.exec(menu)?.[1];
  const proven = argumentsOf(files.get(PROVEN_FILE));
  return {
    system: all("system")[0] ?? "",
    commands: new Set(all("command")),
    device,
    fileSystem,
    abstraction: all("abstraction")[0] ?? "",
    files,
    hasFolder: all("folder").length > 0,
    entries: menuEntries(menu),
    ...(menuDefault !== undefined && { menuDefault }),
    ...(block !== undefined && { environment: environmentOf(block) }),
    sets: new Map(
      [...files].flatMap(([path, text]) => {
        const name = /^\/etc\/default\/grub\.d\/90-nfvlab-(.+)\.cfg$/.exec(path)?.[1];
        return name === undefined ? [] : [[name, argumentsOf(text) ?? []] as const];
      }),
    ),
    ...(proven !== undefined && { proven }),
  };
};

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
  return menu
    .split(/^[ \t]*(?=menuentry )/m)
    .filter((section) => section.startsWith("menuentry "))
    .flatMap((section) => {
      const [head = ""] = section.split("\n");
      const id = /\$menuentry_id_option '([^']*)'/.exec(head)?.[1] ?? /^menuentry '([^']*)'/.exec(head)?.[1];
      const [, kernel, line] = /^\s*linux\s+(\S+)[ \t]*(.*)$/m.exec(section) ?? [];
      if (id === undefined || kernel === undefined) return [];
      const { kernel: given } = parseBootArguments(line ?? "");
      const mark = given.findIndex(({ name }) => name === ENTRY_ARGUMENT);
      // Words such as `$vt_handoff` are variables of GRUB.
      const own = given.slice(mark + 1).filter(({ name }) => !name.startsWith("$"));
      return [{ id, kernel, arguments: given, ...(mark >= 0 && { own }) }];
    });
}

function argumentsOf(text: string | undefined): readonly BootArgument[] | undefined {
  const line = /^NFVLAB_ARGUMENTS="([^"]*)"$/m.exec(text ?? "")?.[1];
  return line === undefined ? undefined : parseBootArguments(line).kernel;
}
