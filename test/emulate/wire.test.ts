import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { joinWire, leaveWires } from "../../sdk/emulate/wire.ts";

let stack = "";
beforeEach(() => {
  stack = mkdtempSync(join(tmpdir(), "nfvlab-wire-"));
});
afterEach(() => rmSync(stack, { recursive: true, force: true }));

const wires = () => readdirSync(stack).filter((file) => file.startsWith("wire-"));
const ports = () => {
  let next = 4000;
  return async () => {
    next += 1;
    return next;
  };
};

it("has one end that listens and one that connects, whoever asks first, and again the same", async () => {
  const free = ports();
  const [a, b] = await Promise.all(["a", "b"].map((server) => joinWire(stack, "lan", server, free)));
  expect([a?.port, b?.port]).toEqual([4001, 4001]);
  expect([a?.listens, b?.listens].sort()).toEqual([false, true]);
  expect(await joinWire(stack, "lan", "a", free)).toEqual(a);
  expect((await joinWire(stack, "other", "a", free)).port).toBe(4002);
});

it("refuses a third server, and has room for it once another one has left", async () => {
  const free = ports();
  await joinWire(stack, "lan", "a", free);
  await joinWire(stack, "lan", "b", free);
  await expect(joinWire(stack, "lan", "c", free)).rejects.toMatchObject({
    code: "wire-taken",
    observed: "a, b, c",
  });
  await leaveWires(stack, "b");
  expect(await joinWire(stack, "lan", "c", free)).toEqual({ port: 4001, listens: false });
});

it("is gone with its last server", async () => {
  await joinWire(stack, "lan", "a", ports());
  expect(wires()).toHaveLength(1);
  await leaveWires(stack, "a");
  expect(wires()).toEqual([]);
  await leaveWires(stack, "a");
});
