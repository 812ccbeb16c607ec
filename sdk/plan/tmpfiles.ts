import type { KernelFiles } from "../observe/kernel-files.ts";
import { CpuSet } from "../units/cpuset.ts";
import type { KnobInputs, Setting } from "./kernel-files.ts";
import type { Knob, KnobFile } from "./knobs.ts";
import type { Step } from "./step.ts";

/** Every file of ours among those that systemd-tmpfiles(8) applies at boot. */
export const TMPFILES = "/etc/tmpfiles.d/90-nfvlab-*.conf";

export function tmpfilesPath(name: string): string {
  return TMPFILES.replace("*", name);
}

/** What makes the settings hold after a boot as well. A line that fails then does not fail the others. */
export function tmpfilesText(settings: readonly Setting[]): string {
  const lines = settings.map(({ knob, path, file, value }) => {
    // Interrupts are numbered anew by each boot.
    const target = knob.per === "interrupt" ? file.path : path;
    return `w- ${target} - - - - ${escaped(file.text.write(value))}\n`;
  });
  return `# Written by nfvlab; removed when its resource is deleted.\n${[...new Set(lines)].join("")}`;
}

/** What a file of ours writes at boot, by the path or the pattern that it names. */
export function textsAtBoot(text: string): Map<string, string> {
  return new Map(entriesIn(text).map((entry) => [entry.path, entry.text]));
}

function entriesIn(text: string): { readonly path: string; readonly text: string }[] {
  return [...text.matchAll(/^w- (\S+) - - - - (.*)$/gm)].map(([, path = "", value = ""]) => ({
    path,
    text: value.replaceAll("%%", "%").replaceAll("\\\\", "\\"),
  }));
}

/** The paths that each file of ours sets, by file. */
export function pathsSet(files: KernelFiles): Map<string, Set<string>> {
  return new Map(
    [...files]
      .filter(([path]) => asGlob(TMPFILES).test(path))
      .map(([path, text]) => [path, new Set(entriesIn(text).map((entry) => entry.path))]),
  );
}

function asGlob(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll(/[.+]/g, "\\$&").replaceAll("*", "[^/]*")}$`);
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("%", "%%");
}

/** Writes a file of the system's configuration; nothing where it holds that text already. */
export function planFile(path: string, text: string, found: string | undefined): Step[] {
  if (found !== undefined && `${found}\n` === text) return [];
  const script = 'umask 022; mkdir -p "$(dirname "$1")" && cat > "$1.part" && mv "$1.part" "$1"';
  return [{ purpose: `write ${path}`, argv: ["sh", "-c", script, "sh", path], stdin: text }];
}

export function removeFile(path: string): Step {
  return { purpose: `remove ${path}`, argv: ["rm", "-f", path] };
}

/** On import: the fields that a file of ours means. */
export function fieldsIn(knobs: readonly Knob[], text: string, files: KernelFiles): Record<string, unknown> {
  const entries = entriesIn(text);
  const cpus = new Set<number>();
  const fields: KnobInputs[] = knobs.map((knob) => {
    const mine = entries.flatMap((entry) => {
      const file = knob.files.find(({ path }) => asRegExp(path).test(entry.path));
      return file === undefined ? [] : [{ ...entry, file }];
    });
    const [first] = mine;
    if (first === undefined) return {};
    if (knob.per === "cpu" || knob.per === "idle-state")
      for (const { path } of mine) cpus.add(Number(/cpu(\d+)/.exec(path)?.[1]));
    return { [knob.field]: knob.per === "idle-state" ? statesIn(mine, files) : valueIn(first) };
  });
  const inputs = Object.assign({}, ...fields) as Record<string, unknown>;
  return cpus.size === 0 ? inputs : { cpus: CpuSet.of(cpus).format(), ...inputs };
}

function valueIn({ file, text }: { readonly file: KnobFile; readonly text: string }) {
  return file.text.read(text);
}

function statesIn(entries: readonly { readonly path: string }[], files: KernelFiles): string[] {
  const names = entries.map(({ path }) => files.get(path.replace(/[^/]+$/, "name"))?.trim());
  return [...new Set(names.filter((name) => name !== undefined))];
}

function asRegExp(pattern: string): RegExp {
  const digits = pattern.replaceAll(/[.+]/g, "\\$&").replaceAll("[0-9]*", "(?:\\d+|\\[0-9\\]\\*)");
  return new RegExp(`^${digits}$`);
}
