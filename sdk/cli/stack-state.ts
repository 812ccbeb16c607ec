import { execFileSync } from "node:child_process";
import { InputError } from "../units/errors.ts";

/**
 * A stack's state as JSON text, by the engine. Secrets in it stay encrypted: nothing here needs them.
 *
 * @param folder the project's
 * @throws InputError `engine-missing`, `stack-unknown`, `state-unreadable`
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
    const { code, stderr } = cause as { code?: unknown; stderr?: unknown };
    if (code === "ENOENT") {
      throw new InputError({
        code: "engine-missing",
        problem: `there is no Pulumi engine to ask for the state of ${stack}`,
        expected: "pulumi 3.229 or newer on PATH",
        hint: "install it, or in a clone of nfvlab: npm run setup",
        cause,
      });
    }
    const said = String(stderr ?? "").trim();
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
      observed: firstLine(said) || String(code ?? "no word from the engine"),
      hint: "run it in the project's folder, by npx nfvlab",
      cause,
    });
  }
}

/** The first line of what a program said, as part of a sentence. */
export function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/^error: /, "").replace(/\.$/, "");
}
