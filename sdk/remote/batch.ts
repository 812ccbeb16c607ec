import { randomBytes } from "node:crypto";
import { quote, quoteAll } from "./quoting.ts";
import type { Transport } from "./transport.ts";

/** What can be asked of a machine in a batch. */
export type Ask =
  | { readonly kind: "command"; readonly argv: readonly [string, ...string[]] }
  | { readonly kind: "files"; readonly patterns: readonly string[] }
  | { readonly kind: "links"; readonly patterns: readonly string[] };

export interface Question {
  readonly name: string;
  readonly ask: Ask;
}

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that hangs must not hold up the other answers, seconds. */
const COMMAND_LIMIT_S = 20;

const GLOB = /^[A-Za-z0-9_./*?@:{}[\]-]+$/;

/**
 * Asks many questions in one round trip: one script by standard input, its sections framed by a nonce on both streams. A missing program
 * answers with code 127; one that hangs is ended after twenty seconds with code 124. Missing files are left out of the answer.
 */
export async function askAll(
  transport: Transport,
  questions: readonly Question[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Map<string, Answer>> {
  if (questions.length === 0) return new Map();
  const nonce = randomBytes(16).toString("hex");
  const { stdout, stderr } = await transport.run({
    argv: ["sh", "-s"],
    stdin: renderScript(nonce, questions),
    timeoutMs: 60_000 + questions.length * COMMAND_LIMIT_S * 1000,
    ...options,
  });
  const out = sectionsOf(stdout, nonce);
  const err = sectionsOf(stderr, nonce);
  return new Map(
    questions.map(({ name }, index) => [
      name,
      {
        code: out.get(index)?.code ?? 125,
        stdout: out.get(index)?.text ?? "",
        stderr: err.get(index)?.text ?? "",
      },
    ]),
  );
}

function renderScript(nonce: string, questions: readonly Question[]): string {
  const sections = questions.map(({ ask }, index) => {
    const frame = (edge: string) => `printf '\\n%s %s\\n' '${nonce} ${index}' "${edge}"`;
    const onBoth = (edge: string) => `${frame(edge)}; ${frame(edge)} >&2`;
    return `${onBoth("begin")}\n{ ${render(ask)}; } </dev/null\ncode=$?; ${onBoth("end $code")}`;
  });
  return `export LC_ALL=C\n${sections.join("\n")}\nexit 0\n`;
}

function render(ask: Ask): string {
  switch (ask.kind) {
    case "command":
      return `timeout -k 2 ${COMMAND_LIMIT_S} ${quoteAll(ask.argv)}`;
    case "files":
      return `grep -s -H '' ${ask.patterns.map(glob).join(" ")} /dev/null; true`;
    case "links":
      return `for link in ${ask.patterns.map(glob).join(" ")}; do if [ -L "$link" ]; then printf '%s %s\\n' "$link" "$(readlink "$link")"; fi; done`;
  }
}

/** Patterns are ours, not a user's; what is not plainly one is quoted, and so matches nothing but itself. */
function glob(pattern: string): string {
  return GLOB.test(pattern) ? pattern : quote(pattern);
}

function sectionsOf(text: string, nonce: string): Map<number, { text: string; code: number }> {
  const frame = new RegExp(`\\n${nonce} (\\d+) begin\\n([\\s\\S]*?)\\n${nonce} \\1 end (\\d+)\\n`, "g");
  return new Map(
    [...text.matchAll(frame)].map(([, index, body, code]) => [
      Number(index),
      { text: body ?? "", code: Number(code) },
    ]),
  );
}
