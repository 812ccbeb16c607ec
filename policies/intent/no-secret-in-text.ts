import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { isWritten, programTexts } from "../texts.ts";

/** A value that is a variable of the shell is none. */
const VALUE = "['\"]?(?![$<{*])[^\\s'\"&]{3,}";

const SECRETS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key"],
  [new RegExp(`\\b(?:pass(?:word|wd)?|secret|token|api[_-]?key)=${VALUE}`, "i"), "a credential"],
  [new RegExp(`--pass(?:word|wd)?[ =]+${VALUE}`, "i"), "a password"],
  [new RegExp(`\\bsshpass +-p *${VALUE}`), "a password"],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:(?!\$)[^\s/@]{3,}@/i, "a password in a URL"],
];

/**
 * No text of the program holds a password or a key: not in commands, arguments or URLs.
 *
 * On a command line every process of the machine can read it, and logs keep it. Credentials of a connection are secrets of the state, and are not looked
 * at; a command gets one by `stdin` or in its environment, as a secret of Pulumi's. What was found is not printed.
 *
 * Change the text that the message names.
 *
 * @severity critical
 * @see https://www.pulumi.com/docs/iac/concepts/secrets/
 */
export const noSecretInText = labPolicy({
  name: "no-secret-in-text",
  description: "No command, argument or URL of the program holds a password or a key.",
  severity: "critical",
  checks: ["P38"],
  remediationSteps: "Hand it over by stdin or the environment, from a secret of the stack's configuration.",
  url: "https://www.pulumi.com/docs/iac/concepts/secrets/",
  notApplicable: ({ resources }) =>
    resources.some(isWritten) ? undefined : "this stack has no text to judge",
  judge: ({ resources }, findings) => {
    for (const { resource, path, text } of programTexts(
      resources,
      findings,
      "whether it holds a credential",
    )) {
      if (HANDED_OVER.test(String(path[0]))) continue;
      const [, what] = SECRETS.find(([pattern]) => pattern.test(text)) ?? [];
      if (what === undefined) continue;
      findings.violation(
        `${where(resource, path).property} of ${resource.name} holds ${what}, expected none in a text: hand it over by stdin or the environment, as a secret.`,
        resource.urn,
      );
    }
  },
});

/** Where a command is handed what nobody else is to read. */
const HANDED_OVER = /^(stdin|environment)$/;
