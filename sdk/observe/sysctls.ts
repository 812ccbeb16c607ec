import { createHash } from "node:crypto";
import { oneLine, sysctlPath } from "../units/sysctl.ts";
import { filesOf, type Probe } from "./probe.ts";
import { fileIn, sectionsOf } from "./sections.ts";

/** A file of ours in /etc/sysctl.d, and what the kernel has for its keys now. */
export interface ObservedSysctls {
  readonly text: string;
  /** By key; of one that the kernel does not have there is none. */
  readonly values: ReadonlyMap<string, string>;
}

const SCRIPT = `for file in /etc/sysctl.d/90-nfvlab-*.conf; do
  [ -e "$file" ] || continue
  printf '@file %s\\n' "$file"
  sed 's/^/@text /' "$file"
  for key in $(sed -n 's/^\\([^#=[:space:]]*\\)[[:space:]]*=.*/\\1/p' "$file"); do
    value=$(sysctl -n "$key" 2>/dev/null) && printf '@value %s %s\\n' "$key" "$(printf %s "$value" | tr '\\n' ' ')"
  done
done
true`;

/** Every file of ours in /etc/sysctl.d with the values of its keys, by the name of the set. */
export const sysctlFiles: Probe<ReadonlyMap<string, ObservedSysctls>> = {
  name: "sysctl-files",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const sets = new Map<string, ObservedSysctls>();
    for (const { head, lines } of sectionsOf(stdout, "file")) {
      const name = /90-nfvlab-(.+)\.conf$/.exec(head)?.[1];
      if (name === undefined) continue;
      const values = lines.flatMap((line) => {
        const match = /^@value (\S+) (.*)$/.exec(line);
        return match === null ? [] : [[match[1] as string, oneLine(match[2] as string)] as const];
      });
      sets.set(name, { text: fileIn(lines), values: new Map(values) });
    }
    return sets;
  },
};

/** What the kernel has for these keys now. Keys that it does not have are left out. */
export function sysctlValues(keys: readonly string[]): Probe<ReadonlyMap<string, string>> {
  const paths = new Map(keys.map((key) => [sysctlPath(key), key]));
  const digest = createHash("sha256").update(JSON.stringify(keys)).digest("hex").slice(0, 12);
  return {
    name: `sysctl-values-${digest}`,
    ask: { kind: "files", patterns: [...paths.keys()] },
    parse: (answer) =>
      new Map(
        [...filesOf(answer)].flatMap(([path, lines]) => {
          const key = paths.get(path);
          return key === undefined ? [] : [[key, oneLine(lines.join(" "))] as const];
        }),
      ),
  };
}
