import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, encode, formatPath, within } from "../../sdk/provider/wire.ts";
import type { PropertyPath } from "../../sdk/schema/definition.ts";

const leaf = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(null));
const key = fc.string({ minLength: 1 }).filter((text) => text !== "__proto__");
const tree = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  ),
})).value;
const trees = fc.dictionary(key, tree, { maxKeys: 5 });

function pathsOf(value: unknown, path: PropertyPath = []): PropertyPath[] {
  const here = path.length === 0 ? [] : [path];
  if (Array.isArray(value))
    return [...here, ...value.flatMap((item, index) => pathsOf(item, [...path, index]))];
  if (typeof value === "object" && value !== null) {
    return [...here, ...Object.entries(value).flatMap(([name, item]) => pathsOf(item, [...path, name]))];
  }
  return here;
}

describe("the wire", () => {
  it("gives back what was written, with secrets where they were marked", () => {
    fc.assert(
      fc.property(trees, fc.infiniteStream(fc.boolean()), (value, marks) => {
        const secret = pathsOf(value).filter(() => marks.next().value);
        const decoded = decode(encode(value, { secret }));
        expect(decoded.value).toEqual(JSON.parse(JSON.stringify(value)));
        expect(decoded.unknown).toEqual([]);
        expect(new Set(decoded.secret.map(String))).toEqual(new Set(secret.map(String)));
      }),
    );
  });

  it("leaves an unknown out of the value and in the list", () => {
    const decoded = decode(
      encode({ host: { name: "dut" }, count: 1 }, { unknown: [["host", "connection"]], secret: [["count"]] }),
    );
    expect(decoded.value).toEqual({ host: { name: "dut" }, count: 1 });
    expect(decoded.secret).toEqual([["count"]]);
    const marked = decode(
      encode({ host: { name: "dut", connection: undefined } }, { unknown: [["host", "connection"]] }),
    );
    expect(marked.unknown).toEqual([["host", "connection"]]);
    expect(marked.value).toEqual({ host: { name: "dut", connection: undefined } });
  });

  it("knows an unknown inside a secret", () => {
    const decoded = decode(encode({ key: undefined }, { secret: [["key"]], unknown: [["key"]] }));
    expect(decoded.unknown).toEqual([["key"]]);
  });

  it("writes no secret in the clear", () => {
    const struct = encode({ password: "hunter2" }, { secret: [["password"]] }).toJavaScript();
    expect(struct).toEqual({
      password: { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value: "hunter2" },
    });
  });

  it.each([
    [["nics", "east", "queues"], "nics.east.queues"],
    [["vcpuPins", 0], "vcpuPins[0]"],
    [["socketMemory", "0"], 'socketMemory["0"]'],
  ])("writes the path %j as %s", (path, text) => {
    expect(formatPath(path)).toBe(text);
  });

  it("tells what lies within what", () => {
    expect(within(["a", "b"], [["a"]])).toBe(true);
    expect(within(["a"], [["a", "b"]])).toBe(false);
  });
});
