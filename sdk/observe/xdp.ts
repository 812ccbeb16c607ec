import { XDP_FOLDER } from "../schema/xdp.ts";
import type { Probe } from "./probe.ts";
import { sectionsOf } from "./sections.ts";

/** What is pinned for one direction of a redirect. */
export interface PinnedRedirect {
  readonly folder: string;
  readonly name: string;
  /** Tag of the resource that pinned it. */
  readonly owner: string;
  /** Number of the interface among those of the resource, whose received frames it sends on. */
  readonly direction: number;
  /** Numbers by which the kernel knows the programs. */
  readonly programs: readonly number[];
  /** Numbers in entry 0 of the maps, among them that of the interface that frames go out of. */
  readonly targets: readonly number[];
}

// Pins are `FOLDER/NAME@OWNER/DIRECTION/{program-*,maps/*}`.
const SCRIPT = `for folder in "$1"/*/*; do
  [ -d "$folder" ] || continue
  echo "@pins $folder"
  for pin in "$folder"/program-*; do
    echo "@program $(bpftool -j prog show pinned "$pin" 2>/dev/null | tr -d '\\n')"
  done
  for pin in "$folder"/maps/*; do
    echo "@map $(bpftool -j map lookup pinned "$pin" key hex 00 00 00 00 2>/dev/null | tr -d '\\n')"
  done
done
true`;

/** Every XDP program of ours that is pinned, attached or not. */
export const pinnedRedirects: Probe<readonly PinnedRedirect[]> = {
  name: "xdp-redirects",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", XDP_FOLDER] },
  parse: ({ stdout }) =>
    sectionsOf(stdout, "pins").flatMap(({ head: folder, lines }) => {
      const [, name, owner, direction] = /\/([^/@]+)@([^/@]+)\/(\d)$/.exec(folder) ?? [];
      if (name === undefined || owner === undefined) return [];
      const programs = lines.flatMap((line) => /^@program .*?"id":(\d+)/.exec(line)?.[1] ?? []).map(Number);
      const targets = lines.filter((line) => line.startsWith("@map ")).flatMap(numberIn);
      return [
        { folder, name: name.replaceAll(":", "."), owner, direction: Number(direction), programs, targets },
      ];
    }),
};

/** A value of four bytes in the machine's order, which is little-endian wherever bpftool was tried. */
function numberIn(line: string): number[] {
  const bytes = /"value":\[((?:"0x[0-9a-f]{2}",?){4})\]/.exec(line)?.[1]?.match(/[0-9a-f]{2}(?=")/g);
  return bytes === undefined || bytes === null ? [] : [Number.parseInt([...bytes].reverse().join(""), 16)];
}
