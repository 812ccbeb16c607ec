import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SshConnection } from "../../sdk/remote/connection.ts";

/** A shell on an emulated server by the system's own ssh, so that nothing of ours stands between a test and the server. */
export class Shell {
  readonly #folder = mkdtempSync(join(tmpdir(), "nfvlab-shell-"));
  readonly #arguments: readonly string[];

  constructor(connection: SshConnection) {
    const { host, port = 22, user = "root", privateKey = "", hostKey } = connection;
    const [key, known] = [join(this.#folder, "key"), join(this.#folder, "known")];
    writeFileSync(key, privateKey, { mode: 0o600 });
    writeFileSync(known, `[${host}]:${port} ${hostKey}\n`);
    const options = [
      ...[`UserKnownHostsFile=${known}`, "StrictHostKeyChecking=yes", "BatchMode=yes"],
      // One connection for all: a new one takes an emulated server seconds, and with its last session a user's own services end and start again.
      ...["ControlMaster=auto", `ControlPath=${join(this.#folder, "%C")}`, "ControlPersist=yes"],
      // After a reboot the next command makes it anew.
      ...["ServerAliveInterval=5", "ServerAliveCountMax=3"],
    ];
    this.#arguments = [
      ...["-i", key, ...options.flatMap((option) => ["-o", option])],
      ...["-p", `${port}`, `${user}@${host}`],
    ];
  }

  /** Standard output; an exit code other than 0 throws what was said. */
  run(script: string, input = ""): string {
    const { status, stdout, stderr } = spawnSync("ssh", [...this.#arguments, script], {
      ...{ encoding: "utf8", input },
    });
    if (status !== 0) throw new Error(`${script} ended with ${status}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  remove(): void {
    spawnSync("ssh", ["-O", "exit", ...this.#arguments]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
