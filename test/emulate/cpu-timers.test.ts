import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { deadTimers } from "../../sdk/emulate/cpu-timers.ts";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";

const path = process.env["PATH"];
const folder = mkdtempSync(join(tmpdir(), "nfvlab-timers-"));
afterEach(() => {
  process.env["PATH"] = path;
});
afterAll(() => rmSync(folder, { recursive: true }));

test("on a healthy machine everybody wakes up", async () => {
  expect(await deadTimers(new LocalTransport())).toEqual([]);
});

test("names the CPU on which nobody does", async () => {
  // As on such a CPU: what is told to sleep there does, and does not wake up.
  writeFileSync(join(folder, "taskset"), '#!/bin/sh\n[ "$2" = 1 ] && exec sleep 300\nshift 2\nexec "$@"\n');
  chmodSync(join(folder, "taskset"), 0o755);
  process.env["PATH"] = `${folder}:${path}`;
  expect(await deadTimers(new LocalTransport())).toEqual([1]);
});
