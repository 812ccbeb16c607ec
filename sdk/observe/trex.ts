import { TREX_CLIENT, TREX_NOTES } from "../units/trex-folders.ts";
import type { Probe } from "./probe.ts";

/** A folder of TRex's as it is. */
export interface ObservedTrex {
  readonly there: boolean;
  /** What TRex's folder has, and this one has not. */
  readonly missing: readonly string[];
  /** What its program calls itself; undefined where it does not run. */
  readonly version: string | undefined;
}

export interface TrexGround {
  /** By the folder. */
  readonly folders: ReadonlyMap<string, ObservedTrex>;
  /** The python3 in the machine's PATH, for instance `3.13.5`. */
  readonly python: string | undefined;
}

// It is built twice, and the faster one ends at once on a processor without AVX. Asked for its options it tells its version, and touches nothing.
const SCRIPT = `printf 'python %s\\n' "$(python3 --version 2>/dev/null | cut -d ' ' -f 2)"
cd ${TREX_NOTES} 2>/dev/null || exit 0
cat * 2>/dev/null | sort -u | while IFS= read -r folder; do
  echo "folder $folder"
  cd "$folder" 2>/dev/null || continue
  echo there
  for file in _t-rex-64 ${TREX_CLIENT}/trex/stl/api.py external_libs; do [ -e "$file" ] || echo "missing $file"; done
  for program in ./_t-rex-64 ./_t-rex-64-o; do
    version=$(LD_LIBRARY_PATH=. timeout 10 "$program" --help 2>/dev/null | sed -n 's/^ *Version *: *v\\{0,1\\}\\([^ ]*\\).*/\\1/p')
    [ -z "$version" ] || { echo "version $version"; break; }
  done
done; true`;

/** Every TRex that a resource means, and what its runner needs beside it. */
export const trexGround: Probe<TrexGround> = {
  name: "trex",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const [head = "", ...sections] = stdout.split(/^folder /m);
    return {
      python: /^python (\S+)$/m.exec(head)?.[1],
      folders: new Map(
        sections.map((section) => {
          const [folder = "", ...lines] = section.split("\n");
          const told = (key: string) =>
            lines.flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []));
          return [
            folder,
            { there: lines.includes("there"), missing: told("missing"), version: told("version")[0] },
          ];
        }),
      ),
    };
  },
};
