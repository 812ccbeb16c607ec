import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { Hosts } from "../../sdk/provider/host.ts";
import { TransportPool } from "../../sdk/remote/pool.ts";

const FOLDER = "/var/lib/nfvlab/undo";
const KEY = `trial/${process.pid}`;
const entry = `${FOLDER}/${KEY.replaceAll("/", "~")}.json`;
const urn = (name: string) => `urn:pulumi:trial::lab::nfvlab:host:Sysctls::${name}`;
const reference = { name: "dut", connection: { kind: "local" as const } };

describe.skipIf(process.getuid?.() !== 0)("the undo journal on a machine [needs root]", () => {
  const host = () => new Hosts(new TransportPool(), []).open(reference, new AbortController().signal);
  afterEach(() => rmSync(entry, { force: true }));

  it("keeps what was found first, for its own resource", async () => {
    expect(await host().remember(KEY, { a: "1\n2" }, urn("a"))).toEqual({ a: "1\n2" });
    expect(await host().remember(KEY, { a: "3" }, urn("a"))).toEqual({ a: "1\n2" });
    await host().forget(KEY);
    expect(existsSync(entry)).toBe(false);
    expect(await host().remember(KEY, 7, urn("b"))).toBe(7);
  });

  it("refuses an entry of another resource, with both names and its file, and leaves it as it is", async () => {
    await host().remember(KEY, 1, urn("a"));
    const text = readFileSync(entry, "utf8");
    await expect(host().remember(KEY, 2, urn("b"))).rejects.toThrow(
      `another resource has ${KEY} on dut, and would undo what this one sets: observed ${urn("a")}, expected ${urn("b")} alone; ` +
        `keep one of them; give one that was renamed an alias; where the other is no more, remove ${entry} there`,
    );
    expect(readFileSync(entry, "utf8")).toBe(text);
  });

  it("reads entries that have no owner, older ones and those of many resources", async () => {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(entry, '{"a":"1"}');
    expect(await host().remember(KEY, { a: "2" }, urn("a"))).toEqual({ a: "1" });
    await host().forget(KEY);
    expect(await host().remember(KEY, 1)).toBe(1);
    expect(await host().remember(KEY, 2)).toBe(1);
  });

  it("is written in turn by what looks before it writes", async () => {
    const hosts = new Hosts(new TransportPool(), []);
    const open = () => hosts.open(reference, new AbortController().signal);
    const order: string[] = [];
    const work = (name: string, fails = false) =>
      open().inTurn("set", async () => {
        order.push(`${name} looks`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`${name} writes`);
        if (fails) throw new Error(name);
        return name;
      });
    const all = await Promise.allSettled([work("a"), work("b", true), work("c")]);
    expect(order).toEqual(["a", "b", "c"].flatMap((name) => [`${name} looks`, `${name} writes`]));
    expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });
});
