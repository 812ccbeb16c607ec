import { execFileSync } from "node:child_process";
import { InputError } from "../units/errors.ts";

/**
 * A stack's state as JSON text, by the engine. Secrets in it stay encrypted: nothing here needs them.
 *
 * @param folder the project's
 * @throws InputError `stack-unknown`, `state-unreadable`
 */
export function exportedState(stack: string, folder: string): string {
  try {
    return execFileSync("pulumi", ["stack", "export", "--stack", stack, "--non-interactive"], {
      cwd: folder,
      maxBuffer: 2 ** 30,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr ?? "").trim();
    if (said.includes("no stack named")) {
      throw new InputError({
        code: "stack-unknown",
        problem: `there is no stack ${stack}`,
        hint: `bring it up: npm run up -- --stack ${stack}`,
        cause,
      });
    }
    throw new InputError({
      code: "state-unreadable",
      problem: `the state of ${stack} can't be read`,
      observed: firstLine(said) || String((cause as { code?: unknown }).code ?? "no word from the engine"),
      hint: "run it in the project's folder, by npx nfvlab",
      cause,
    });
  }
}

/** The first line of what a program said, as part of a sentence. */
export function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/^error: /, "").replace(/\.$/, "");
}
