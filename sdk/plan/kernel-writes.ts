import type { Step } from "./step.ts";

// Goes on past a file that refuses, so that one answer names them all.
const SCRIPT = `export LC_ALL=C
failed=0
while read -r path text; do printf '%s\\n' "$text" | tee "$path" > /dev/null || failed=1; done
exit $failed`;

// Same-page merging is undone page by page before its file answers.
const TIMEOUT_MS = 120_000;

/** Writes a text into each of many files of /sys or /proc, in order, in one go. Fails where one refuses, after all have been tried. */
export function writeLinesStep(
  purpose: string,
  lines: readonly { readonly path: string; readonly text: string }[],
): Step {
  const stdin = lines.map(({ path, text }) => `${path} ${text}\n`).join("");
  return { purpose, argv: ["sh", "-c", SCRIPT], stdin, timeoutMs: TIMEOUT_MS };
}

/** The reason that the kernel gave for each file that refused, by path. */
export function refusalsIn(stderr: string): Map<string, string> {
  return new Map(
    [...stderr.matchAll(/^tee: '?(\/[^':]+)'?: (.+)$/gm)].map(([, path = "", reason = ""]) => [path, reason]),
  );
}
