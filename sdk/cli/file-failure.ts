import { getSystemErrorMap } from "node:util";

/** Why the system refuses a file, in its own words: "no such file or directory". */
export function whyRefused(cause: unknown): string {
  const { errno, message } = cause as { errno?: unknown; message?: unknown };
  const [, words] = (typeof errno === "number" ? getSystemErrorMap().get(errno) : undefined) ?? [];
  return words ?? String(message ?? cause);
}
