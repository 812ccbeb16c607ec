import { sysctlPath } from "../units/sysctl.ts";
import { type KernelFiles, kernelFiles } from "./kernel-files.ts";
import type { Probe } from "./probe.ts";

const KINDS = ["sysctl", "tmpfiles", "modprobe"] as const;
type Kind = (typeof KINDS)[number];

/** Folders of such files, the first of two files of one name counts. */
const FOLDERS = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];
const PATTERNS = KINDS.flatMap((kind) => FOLDERS.map((folder) => `${folder}/${kind}.d/*.conf`));

/** Every file that says what a boot sets: of the lab, of the machine's owner, of packages. */
export const configurationFiles: Probe<KernelFiles> = kernelFiles("boot-configuration", PATTERNS);

/** Of those the ones that are links to /dev/null: they put a package's file of their name out of force. */
export const maskedFiles: Probe<ReadonlySet<string>> = {
  name: "boot-configuration-masked",
  ask: { kind: "links", patterns: PATTERNS },
  parse: ({ stdout }) =>
    new Set([...stdout.matchAll(/^(\S+) \/dev\/null$/gm)].map(([, path]) => path as string)),
};

/** What the next boot sets, as the files say that are there now. */
export interface BootConfiguration {
  /** By key, as sysctl(8) names it. */
  readonly sysctl: (key: string) => Configured | undefined;
  /** By path of a kernel file. */
  readonly kernelFile: (path: string) => Configured | undefined;
  /** By module and parameter. */
  readonly moduleParameter: (module: string, parameter: string) => Configured | undefined;
}

export interface Configured {
  readonly text: string;
  /** The file that says so. */
  readonly file: string;
}

/** Reads the files by the rules of systemd-sysctl, systemd-tmpfiles and modprobe: which file counts, and which of two lines. */
export function bootConfigurationOf(files: KernelFiles, masked: ReadonlySet<string>): BootConfiguration {
  const [sysctls, kernelFileLines, options] = [
    linesOf("sysctl", files, masked).flatMap(sysctlIn),
    linesOf("tmpfiles", files, masked).flatMap(writeIn),
    linesOf("modprobe", files, masked).flatMap(optionsIn),
  ];
  return {
    // The last one that names the key; patterns count for keys that nobody names.
    sysctl: (key) =>
      sysctls.findLast((line) => line.key === key) ??
      sysctls.findLast((line) => matches(sysctlPath(line.key), sysctlPath(key))),
    // The first one that names the path; patterns are applied after all that have none.
    kernelFile: (path) =>
      kernelFileLines.find((line) => line.path !== path && matches(line.path, path)) ??
      kernelFileLines.find((line) => line.path === path),
    moduleParameter: (module, parameter) =>
      options.findLast((option) => option.module === spelled(module) && option.parameter === parameter),
  };
}

interface Line {
  readonly file: string;
  readonly line: string;
}

/** All lines that count, file by file in the order of the files' names. */
function linesOf(kind: Kind, files: KernelFiles, masked: ReadonlySet<string>): Line[] {
  const folders = FOLDERS.map((folder) => `${folder}/${kind}.d/`);
  const names = new Map<string, string>();
  for (const folder of folders)
    for (const path of [...files.keys(), ...masked]) {
      const name = path.startsWith(folder) ? path.slice(folder.length) : undefined;
      if (name !== undefined && !names.has(name)) names.set(name, path);
    }
  return [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, file]) =>
      (masked.has(file) ? "" : (files.get(file) ?? ""))
        .replaceAll("\\\n", " ")
        .split("\n")
        .map((line) => ({ file, line: line.trim() })),
    )
    .filter(({ line }) => line !== "" && !/^[#;]/.test(line));
}

function sysctlIn({ file, line }: Line): (Configured & { readonly key: string })[] {
  const [, name, text] = /^-?([^=\s]+)\s*=\s*(.*)$/.exec(line) ?? [];
  if (name === undefined || text === undefined) return [];
  // Whichever separator comes first parts the key; the other one is of a name in it.
  const first = /[./]/.exec(name)?.[0];
  const key = first === "/" ? name.replaceAll(/[./]/g, (separator) => (separator === "/" ? "." : "/")) : name;
  return [{ key, text: text.trim(), file }];
}

function writeIn({ file, line }: Line): (Configured & { readonly path: string })[] {
  const [, path, text] = /^w[-+!=~^$]*\s+(\S+)\s+\S+\s+\S+\s+\S+\s+\S+\s+(.*)$/.exec(line) ?? [];
  if (path === undefined || text === undefined) return [];
  return [{ path, text: text.replaceAll("%%", "%").replaceAll("\\\\", "\\"), file }];
}

function optionsIn({
  file,
  line,
}: Line): (Configured & { readonly module: string; readonly parameter: string })[] {
  const [word, module, ...options] = line.split(/\s+/);
  if (word !== "options" || module === undefined) return [];
  return options.map((option) => {
    const [, parameter = option, text = "Y"] = /^([^=]+)=(.*)$/.exec(option) ?? [];
    return { module: spelled(module), parameter, text, file };
  });
}

function spelled(module: string): string {
  return module.replaceAll("-", "_");
}

/** Shell patterns as systemd reads them: `*` and `?` stay within a part of a path, brackets are a set. */
function matches(pattern: string, text: string): boolean {
  if (!/[*?[]/.test(pattern)) return pattern === text;
  const source = pattern
    .replaceAll(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${source}$`).test(text);
}
