import type { Probe } from "./probe.ts";
import { fileIn, sectionsOf } from "./sections.ts";

/** A kernel module: how it is there, its parameters, and our file in /etc/modprobe.d. */
export interface ObservedModule {
  /** `installed` is not loaded; of one that the kernel's packages do not have there is `unknown`. */
  readonly presence: "loaded" | "built-in" | "installed" | "unknown";
  /** Parameters that the running kernel shows. */
  readonly values: ReadonlyMap<string, { readonly text: string; readonly writable: boolean }>;
  /** Every parameter that the module has, shown or not. */
  readonly known: ReadonlySet<string>;
  /** Empty where there is no file. */
  readonly text: string;
}

const DESCRIBE = `describe() {
  folder=/sys/module/$(printf %s "$1" | tr - _)
  if [ -e "$folder/initstate" ]; then presence=loaded
  elif [ "$(modinfo -n "$1" 2>/dev/null)" = "(builtin)" ]; then presence=built-in
  elif modinfo -n "$1" >/dev/null 2>&1; then presence=installed
  elif [ -d "$folder" ]; then presence=built-in
  else presence=unknown; fi
  printf '@module %s %s\\n' "$1" "$presence"
  modinfo -F parm "$1" 2>/dev/null | sed -n 's/^\\([A-Za-z0-9_]*\\):.*/@known \\1/p'
  for file in "$folder"/parameters/*; do
    [ -e "$file" ] || continue
    case $(stat -c %A "$file") in ??w*) mode=rw;; *) mode=ro;; esac
    printf '@value %s %s %s\\n' "\${file##*/}" $mode "$(cat "$file" 2>/dev/null | tr '\\n' ' ')"
  done
  [ ! -e "/etc/modprobe.d/90-nfvlab-$1.conf" ] || sed 's/^/@text /' "/etc/modprobe.d/90-nfvlab-$1.conf"
}
`;

const OURS = `${DESCRIBE}for file in /etc/modprobe.d/90-nfvlab-*.conf; do
  [ -e "$file" ] || continue
  module=\${file#*/90-nfvlab-}
  describe "\${module%.conf}"
done
true`;

/** Every module that a file of ours configures. */
export const configuredModules: Probe<ReadonlyMap<string, ObservedModule>> = {
  name: "configured-modules",
  ask: { kind: "command", argv: ["sh", "-c", OURS] },
  parse: ({ stdout }) => modulesIn(stdout),
};

/** One module, whether a file of ours configures it or not. */
export function kernelModule(name: string): Probe<ObservedModule> {
  return {
    name: `kernel-module-${name}`,
    ask: { kind: "command", argv: ["sh", "-c", `${DESCRIBE}describe "$1"; true`, "sh", name] },
    parse: ({ stdout }) => modulesIn(stdout).get(name) ?? NOTHING,
  };
}

const NOTHING: ObservedModule = { presence: "unknown", values: new Map(), known: new Set(), text: "" };

function modulesIn(stdout: string): Map<string, ObservedModule> {
  return new Map(
    sectionsOf(stdout, "module").map(({ head, lines }) => {
      const [name = "", presence = "unknown"] = head.split(" ");
      const values = lines.flatMap((line) => {
        const [, parameter = "", mode, text = ""] = /^@value (\S+) (rw|ro) (.*)$/.exec(line) ?? [];
        return mode === undefined
          ? []
          : [[parameter, { text: text.trim(), writable: mode === "rw" }] as const];
      });
      const known = lines.flatMap((line) => /^@known (\S+)$/.exec(line)?.[1] ?? []);
      return [
        name,
        {
          presence: presence as ObservedModule["presence"],
          values: new Map(values),
          known: new Set([...known, ...values.map(([parameter]) => parameter)]),
          text: fileIn(lines),
        },
      ] as const;
    }),
  );
}
