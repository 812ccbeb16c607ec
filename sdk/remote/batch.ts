import { randomBytes } from "node:crypto";
import { TransportError } from "../units/errors.ts";
import type { Answer, Ask } from "../units/question.ts";
import { quote, quoteAll } from "../units/quoting.ts";
import type { Transport } from "./transport.ts";

export interface Question {
  readonly name: string;
  readonly ask: Ask;
}

/** A command that hangs must not hold up the other answers for longer, s. */
const COMMAND_LIMIT_S = 20;

const GLOB = /^[A-Za-z0-9_./*?@:{}[\]-]+$/;

/**
 * Asks many questions in one round trip: one script by standard input, its sections framed by a random nonce on both streams. A
 * missing program answers with code 127, one that hangs with 124 when its time is over. Missing files are left out of an answer.
 *
 * @throws TransportError `connection-lost`; `batch` where an answer is missing
 * @example
 * const answers = await askAll(transport, [
 *   { name: "cpus", ask: { kind: "files", patterns: ["/sys/devices/system/cpu/online"] } },
 *   { name: "bridges", ask: { kind: "command", argv: ["ovs-vsctl", "-t", "5", "list-br"] } },
 * ]);
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
    timeoutMs: 60_000 + questions.reduce((sum, { ask }) => sum + limitOf(ask), 0) * 1000,
    ...options,
  });
  const out = sectionsOf(stdout, nonce);
  const err = sectionsOf(stderr, nonce);
  return new Map(
    questions.map(({ name }, index) => {
      const [answer, errors] = [out.get(index), err.get(index)];
      if (answer === undefined || errors === undefined) throw noAnswer(name, transport.host);
      return [name, { code: answer.code, stdout: answer.text, stderr: errors.text }];
    }),
  );
}

function renderScript(nonce: string, questions: readonly Question[]): string {
  const sections = questions.map(({ ask }, index) => {
    const frame = (edge: string) => `printf '\\n%s %s\\n' '${nonce} ${index}' "${edge}"`;
    const onBoth = (edge: string) => `${frame(edge)}; ${frame(edge)} >&2`;
    return `${onBoth("begin")}\n{ ${render(ask)}; } < /dev/null\ncode=$?; ${onBoth("end $code")}`;
  });
  return `export LC_ALL=C\n${sections.join("\n")}\nexit 0\n`;
}

function limitOf(ask: Ask): number {
  return ask.kind === "command" ? (ask.limitS ?? COMMAND_LIMIT_S) : COMMAND_LIMIT_S;
}

function render(ask: Ask): string {
  switch (ask.kind) {
    case "command":
      return `timeout -k 2 ${limitOf(ask)} ${quoteAll(ask.argv)}`;
    case "files":
      return `grep -a -s -H '' -- ${ask.patterns.map(glob).join(" ")} /dev/null; true`;
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

function noAnswer(name: string, host: string): TransportError {
  return new TransportError({
    code: "batch",
    problem: `${host} did not answer ${name}`,
    observed: "its part of the output is missing",
    hint: "run it again; if it stays so, the login shell of the machine changes what commands print",
  });
}
