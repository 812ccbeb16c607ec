import { quoteAll } from "../units/quoting.ts";
import type { Command, CommandResult } from "./transport.ts";

/** The text without the secrets, the longest first, since one may be part of another. */
export function redact(text: string, secrets: readonly string[] = []): string {
  return secrets
    .filter((secret) => secret !== "")
    .sort((a, b) => b.length - a.length)
    .reduce((clean, secret) => clean.replaceAll(secret, "[secret]"), text);
}

/** The command as a person would type it. Redacted before it is quoted: quoting would hide a secret with a quote in it. */
export function commandLine({ argv, secrets }: Command): string {
  return quoteAll(argv.map((word) => redact(word, secrets)));
}

/** The result as an error may show it. */
export function redactResult(result: CommandResult, secrets: readonly string[] = []): CommandResult {
  return { ...result, stdout: redact(result.stdout, secrets), stderr: redact(result.stderr, secrets) };
}
