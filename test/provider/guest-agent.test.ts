import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runInGuest } from "../../sdk/provider/guest-agent.ts";
import type { Host } from "../../sdk/provider/handler.ts";
import type { Command } from "../../sdk/remote/transport.ts";
import { said } from "../observe/recorded.ts";

let folder: string;
let children: Map<number, ChildProcess>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-guest-"));
  children = new Map();
});
afterEach(() => {
  for (const child of children.values()) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** What a guest's agent does is done here. */
const host = {
  name: "dut",
  transport: {
    execute: async ({ argv }: Command) => {
      const { execute, arguments: args } = JSON.parse(argv.at(-1) ?? "") as {
        readonly execute: string;
        readonly arguments: { readonly path: string; readonly arg: string[]; readonly pid: number };
      };
      if (execute === "guest-exec") {
        const child = spawn(args.path, args.arg, { stdio: "ignore" });
        const { pid = 0 } = child;
        children.set(pid, child);
        return said(JSON.stringify({ return: { pid } }));
      }
      const { exitCode = null } = children.get(args.pid) ?? {};
      const status = exitCode === null ? { exited: false } : { exited: true, exitcode: exitCode };
      return said(JSON.stringify({ return: status }));
    },
  },
} as unknown as Host;
const isOver = (path: string) => existsSync(join(folder, path));

describe("a program in a guest that is given up", () => {
  it("has the time to put back what it changed", async () => {
    const controller = new AbortController();
    const script = `trap 'sleep 6; : > ${folder}/restored; exit' TERM; : > ${folder}/begun; while :; do sleep 0.1; done`;
    const options = { timeoutMs: 60_000, signal: controller.signal };
    const given = runInGuest(host, "vnf", ["/bin/sh", "-c", script], options).catch((error) => error);
    while (!isOver("begun")) await sleep(20);
    controller.abort();
    expect(await given).toBeInstanceOf(Error);
    await sleep(7500);
    expect(isOver("restored")).toBe(true);
  }, 30_000);
});
