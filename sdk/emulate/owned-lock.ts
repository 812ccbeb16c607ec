import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

interface Owner {
  readonly pid: number;
  /** Start of the process in clock ticks since boot: a pid alone may have been given to somebody else since. */
  readonly started: string;
  readonly boot: string;
}

/**
 * Does the work while holding a lock file. The lock tells its owner, so one whose owner is dead is taken over; who finds it held waits, and is told how long.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly onWait?: (seconds: number) => void; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const own = JSON.stringify(ownerOf(process.pid));
  const candidate = `${path}.${randomBytes(6).toString("hex")}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(candidate, own);
  const begun = performance.now();
  try {
    while (!(await acquire(candidate, path))) {
      await removeStale(path);
      options.onWait?.(Math.round((performance.now() - begun) / 1000));
      await sleep(500, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  } finally {
    await rm(candidate, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(candidate: string, path: string): Promise<boolean> {
  try {
    await link(candidate, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function removeStale(path: string): Promise<void> {
  const content = await readFile(path, "utf8").catch(() => undefined);
  if (content === undefined || isAlive(JSON.parse(content) as Owner)) return;
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  await rename(path, aside).catch(() => undefined);
  const taken = await readFile(aside, "utf8").catch(() => content);
  // Somebody else was quicker and holds the lock that was just moved away: give it back.
  if (taken !== content) await acquire(aside, path);
  await rm(aside, { force: true });
}

export function ownerOf(pid: number): Owner {
  return {
    pid,
    started: startOf(pid) ?? "",
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
  };
}

export function isAlive(owner: Owner): boolean {
  const current = ownerOf(owner.pid);
  return current.started !== "" && current.started === owner.started && current.boot === owner.boot;
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
