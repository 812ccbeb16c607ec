import { expect, test } from "vitest";
import { commandLine, redact } from "../../sdk/remote/redaction.ts";

test("a secret with quotes in it does not show in the command line", () => {
  const secret = "it's a 'secret'";
  const line = commandLine({ argv: ["login", `--password=${secret}`, secret], secrets: [secret] });
  expect(line).toBe("login '--password=[secret]' '[secret]'");
});

test("of two secrets, one inside the other, nothing is left", () => {
  expect(redact("token abcdef", ["abc", "abcdef"])).toBe("token [secret]");
});

test("an empty secret changes nothing", () => {
  expect(redact("plain", [""])).toBe("plain");
});
