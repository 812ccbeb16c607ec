import type { Command } from "./transport.ts";

const WRITE =
  'umask 077; cat > "$2" && chmod "$3" "$2" && sync "$2" && mv -T "$2" "$1" || { rm -f "$2"; exit 1; }';

/** Writes a file that only root may write: its bytes by standard input, so that nobody else can touch them on the way. */
export function writeAsRoot(path: string, temporary: string, content: Uint8Array, mode: number): Command {
  return { argv: ["sh", "-c", WRITE, "sh", path, temporary, mode.toString(8)], stdin: content };
}

/** Reads a file that only root may read. */
export function readAsRoot(path: string, onStdout: (chunk: Uint8Array) => void): Command {
  return { argv: ["cat", "--", path], onStdout };
}
