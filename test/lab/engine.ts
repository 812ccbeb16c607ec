import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const clone = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  /** Standard output and error as they came, without terminal colours. */
  readonly text: string;
}

/** The engine on this project, with a stack of its own beside whatever else stands. */
export class Engine {
  readonly stack: string;

  constructor(stack: string) {
    this.stack = stack;
  }

  get servers(): string {
    return join(clone, ".nfvlab", "servers", `nfvlab.${this.stack}`);
  }

  start(...args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [join(clone, "tools/pulumi.mjs"), ...args, "--stack", this.stack], {
      cwd: clone,
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  }

  run(...args: readonly string[]): Promise<Ended> {
    return ended(this.start(...args));
  }

  /** Takes everything away, whatever state it is in. */
  async clear(): Promise<void> {
    await this.run("cancel", "--yes");
    await this.run("destroy", "--yes", "--skip-preview");
    await this.run("stack", "rm", "--yes", "--force");
    rmSync(join(clone, "stacks/config", `Pulumi.${this.stack}.yaml`), { force: true });
  }
}

export function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    child.on("close", (code) => resolve({ code, text }));
  });
}
