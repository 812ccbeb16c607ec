import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bootLoader, type ObservedBootLoader } from "../../sdk/observe/boot-loader.ts";
import type { Step } from "../../sdk/plan/step.ts";

const DEFAULT = "/sys/firmware/efi/efivars/LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/** GRUB's own program where the machine has it. Its block is a header, variables, and `#` up to 1024 bytes. */
const EDITENV = `#!/bin/bash
real=$(command -v grub-editenv) && exec "$real" "$@"
block=$1
case $2 in
create) lines= ;;
set) lines=$(grep -v -e '^#' -e "^\${3%%=*}=" "$block"; echo "$3") ;;
unset) lines=$(grep -v -e '^#' -e "^$3=" "$block") ;;
esac
{ echo '# GRUB Environment Block'; [ -z "$lines" ] || echo "$lines"; printf '%1024s' '' | tr ' ' '#'; } | head -c 1024 > "$block.new"
cat "$block.new" > "$block"; rm "$block.new"
`;

const PROGRAMS = {
  "grub2-editenv": EDITENV,
  "grub2-set-default": '#!/bin/sh\nexec grub2-editenv "$BLOCK" set "saved_entry=$1"\n',
  "grub2-reboot": '#!/bin/sh\nexec grub2-editenv "$BLOCK" set "next_entry=$1"\n',
  "grub2-probe": "#!/bin/sh\necho\n",
  findmnt:
    '#!/bin/sh\ncase $3 in OPTIONS) echo "${MOUNT_OPTIONS:-rw,relatime}";; *) echo "${MOUNT:-/dev/vda2 xfs}";; esac\n',
  bootctl: `#!/bin/sh
write() { rm -f "$1"; [ -z "$2" ] || { printf '\\007\\000\\000\\000'; printf '%s\\0' "$2" | iconv -t UTF-16LE; } > "$1"; }
case $1 in
--print-*-path) echo "$ROOT/efi" ;;
set-default) write "$ROOT${DEFAULT}" "$2" ;;
set-oneshot) printf %s "$2" > "$ROOT/oneshot" ;;
list)
  [ -z "$LIST" ] || exec echo "$LIST"
  chosen=$(tail -c +5 "$ROOT${DEFAULT}" 2> /dev/null | tr -d '\\0')
  cd "$ROOT/efi/loader/entries"
  # Without a choice the last by name: one of ours before those of a machine.
  [ -f "$chosen" ] || chosen=$(ls -r *.conf | head -n 1)
  printf '['
  for file in $(ls -r *.conf); do
    [ "$file" = "$chosen" ] && default=true || default=false
    printf '%s{"type":"type1","id":"%s","path":"/efi//loader/entries/%s","linux":"%s","options":"%s","isDefault":%s}' "$comma" "$file" \\
      "$file" "$(sed -n 's/^linux *//p' "$file")" "$(sed -n 's/^options *//p' "$file")" "$default"
    comma=,
  done
  printf ']\\n' ;;
esac
`,
};

/** A machine in a folder: what is observed of it and done to it are the real shell steps, with their paths led into the folder. */
export class EntryHost {
  readonly root = mkdtempSync(join(tmpdir(), "nfvlab-entries-"));
  readonly #environment: NodeJS.ProcessEnv;

  constructor(files: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv = {}) {
    const bin = join(this.root, ".bin");
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    for (const [name, text] of Object.entries(PROGRAMS)) {
      this.write(`/.bin/${name}`, text);
      chmodSync(join(bin, name), 0o755);
    }
    this.#environment = {
      ...{ PATH: `${bin}:${process.env["PATH"]}`, LC_ALL: "C.UTF-8", ROOT: this.root },
      BLOCK: join(this.root, "boot/grub2/grubenv"),
      ...environment,
    };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text, "latin1");
  }

  read(path: string): string {
    return existsSync(join(this.root, path)) ? readFileSync(join(this.root, path), "latin1") : "";
  }

  observe(): ObservedBootLoader {
    const { ask } = bootLoader;
    if (ask.kind !== "command") throw new Error("the probe runs a command");
    const [program, ...args] = ask.argv.map((word) => this.#inside(word));
    const stdout = execFileSync(program ?? "", args, { env: this.#environment, encoding: "utf8" });
    return bootLoader.parse({ code: 0, stdout: stdout.replaceAll(this.root, ""), stderr: "" });
  }

  execute(steps: readonly Step[]): void {
    for (const { argv, stdin } of steps) {
      const [program, ...args] = argv.map((word) => this.#inside(word));
      execFileSync(program ?? "", args, {
        ...{ env: this.#environment, stdio: ["pipe", "ignore", "inherit"] },
        ...(stdin !== undefined && { input: stdin }),
      });
    }
  }

  /** Runs a script of the machine's own, as kernel-install does. */
  run(path: string, ...args: readonly string[]): void {
    const boot = { KERNEL_INSTALL_BOOT_ROOT: join(this.root, "boot") };
    execFileSync(join(this.root, path), args, { env: { ...this.#environment, ...boot } });
  }

  /** Boots as the loader would: what was chosen for one boot, else the default. The entry's id. */
  boot(): string {
    const loader = this.observe();
    if (loader.kind === "systemd-boot") {
      const once = this.read("/oneshot").replace(/\.conf$/, "");
      rmSync(join(this.root, "oneshot"), { force: true });
      return once === "" ? (loader.folder?.defaultEntry ?? "") : once;
    }
    const once = loader.environment?.get("next_entry") ?? "";
    const set = (text: string): Step => ({
      purpose: "boot",
      argv: ["grub2-editenv", "/boot/grub2/grubenv", "set", text],
    });
    if (loader.environment !== undefined) this.execute([set("next_entry=")]);
    const saved = loader.environment?.get("saved_entry") ?? "";
    const named = loader.entries.find(({ id }) => id === (once || saved));
    return (named ?? loader.entries[0])?.id ?? "";
  }

  /** Mode and hash of everything in the folder. */
  snapshot(): string[] {
    const list = readdirSync(this.root, { recursive: true, encoding: "utf8" }).sort();
    return list
      .filter((path) => !path.startsWith(".bin"))
      .map((path) => {
        const { mode } = statSync(join(this.root, path));
        const text = (mode & 0o40000) === 0 ? readFileSync(join(this.root, path)) : "";
        return `${path} ${mode.toString(8)} ${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
      });
  }

  #inside(text: string): string {
    return text.replace(/(?<![\w.}"])\/(boot|etc|run|sys|efi)(?=\/|\b)/g, `${this.root}/$1`);
  }
}
