import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const lab = fileURLToPath(new URL("lab.mjs", import.meta.url));

/**
 * Runs the lab in network, mount and process namespaces of its own; resolves with its exit code. Whatever it started ends with it, also
 * when this process is killed: the lab's standard input ends then.
 */
export async function runInNamespaces(options) {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  const child = spawn(
    "unshare",
    [
      ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...[process.execPath, lab, JSON.stringify({ ...options, folder })],
    ],
    { stdio: ["pipe", "inherit", "inherit"], detached: true },
  );
  const end = () => {
    child.kill("SIGKILL");
    remove();
  };
  process.once("exit", end);
  try {
    const [code] = await once(child, "close");
    return code ?? 1;
  } finally {
    process.off("exit", end);
    remove();
  }
}
