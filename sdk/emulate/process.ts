import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** How a process ended: one of both. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface DetachedProcess {
  /** Resolves at its end, as long as this process lives to see it. */
  readonly ended: Promise<Exit>;
  readonly exit: () => Exit | undefined;
}

/** What QEMU says, in the folder of its server. */
const LOG = "qemu.log";

/**
 * Starts a program in a folder, in a session of its own: it goes on when this process ends. What it says goes to a file there, and it inherits nothing
 * of our environment, which holds the stack's configuration. QEMU's own `-daemonize` would close its standard error and hide how it ended.
 */
export function startDetached(folder: string, [program, ...args]: [string, ...string[]]): DetachedProcess {
  const log = openSync(join(folder, LOG), "w", 0o600);
  try {
    const child = spawn(program, args, {
      cwd: folder,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      detached: true,
      stdio: ["ignore", log, log],
    });
    child.unref();
    let exit: Exit | undefined;
    const ended = new Promise<Exit>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", () => resolve({ code: 127, signal: null }));
    }).then((how) => {
      exit = how;
      return how;
    });
    return { ended, exit: () => exit };
  } finally {
    closeSync(log);
  }
}

export function formatExit({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** The last three lines of a file in the folder, in one; empty where there is none. */
export async function lastLines(folder: string, file: "serial.log" | typeof LOG): Promise<string> {
  const text = await readFile(join(folder, file), "utf8").catch(() => "");
  return text.trim().split("\n").slice(-3).join(" | ");
}
