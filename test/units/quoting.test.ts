import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../sdk/units/errors.ts";
import { quote, quoteAll } from "../../sdk/units/quoting.ts";

// What a shell could take for its own, beside the whole of Unicode; NUL is the one character that no argument can hold.
const shellish = fc.constantFrom(..."'\"\\$`!*?[]{}()<>|&;#~=%^ \t\n\r-", "$(", "${", "'\\''");
const word = fc
  .array(fc.oneof(shellish, fc.string({ unit: "binary" })), { maxLength: 12 })
  .map((parts) => parts.join("").replaceAll("\0", ""));

test("a POSIX shell reads back exactly the words that were quoted", () => {
  const property = fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), (words) => {
    const script = `printf '%s\\0' ${quoteAll(words)}`;
    const read = execFileSync("sh", ["-s"], { input: script, encoding: "utf8" });
    expect(read.split("\0").slice(0, -1)).toEqual(words);
  });
  fc.assert(property, { numRuns: 150 });
});

test("what nobody needs to quote stays readable", () => {
  expect(quoteAll(["ovs-vsctl", "--if-exists", "del-br", "br0"])).toBe("ovs-vsctl --if-exists del-br br0");
  expect(quote("br0; reboot")).toBe("'br0; reboot'");
  expect(quote("")).toBe("''");
});

test("a NUL byte, which no argument can hold, is refused", () => {
  expect(() => quote("a\0b")).toThrow(InputError);
});
