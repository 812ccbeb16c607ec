import type { Probe } from "./probe.ts";

/** A socket file that somebody listens on. */
export interface ListeningSocket {
  /** Permission bits, octal: `755`. */
  readonly mode: string;
  /** Those of its folder. */
  readonly folderMode: string;
}

// Flags 00010000 are those of a socket that accepts; names of abstract sockets begin with @.
const SCRIPT = `awk '$4 == "00010000" && $8 ~ /^\\// { print substr($0, index($0, $8)) }' /proc/net/unix | sort -u | while IFS= read -r path; do
  [ ! -S "$path" ] || printf '@socket %s %s %s\\n' "$(stat -c %a -- "$path")" "$(stat -c %a -- "\${path%/*}/")" "$path"
done
true`;

/** Those of the whole machine, by path. */
export const listeningSockets: Probe<ReadonlyMap<string, ListeningSocket>> = {
  name: "listening-sockets",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) =>
    new Map(
      [...stdout.matchAll(/^@socket ([0-7]+) ([0-7]+) (\/.*)$/gm)].map(
        ([, mode = "", folderMode = "", path = ""]) => [path, { mode, folderMode }],
      ),
    ),
};
