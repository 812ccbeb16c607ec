import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage } from "../../sdk/emulate/image.ts";
import { TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";
import { removeServer, startServer } from "../../sdk/emulate/server.ts";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";

/**
 * Works in a temporary folder with the folder of an emulated server in it, and takes both away however it ends.
 *
 * @param part names the folder
 */
export async function inServerFolder(part, work) {
  const folder = mkdtempSync(join(tmpdir(), `nfvlab-bench-${part}-`));
  const server = join(folder, "stack", "dut");
  const clear = async () => {
    await removeServer(server);
    rmSync(folder, { recursive: true, force: true });
  };
  // The server has a process of its own, which would go on.
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => clear().finally(() => process.exit(130)));
  try {
    return await work({ folder, server });
  } finally {
    await clear();
  }
}

/** An emulated server with two NUMA nodes, in a folder of its own; `machine` says what of it is to be otherwise. */
export async function bootServer(folder, machine = {}) {
  const image = await buildImage({ suite: "trixie", packages: TESTBED_PACKAGES, diskMib: 6144 });
  const numaNodes = ["0-1", "2-3"].map((cpus) => ({ cpus, memory: "1GiB" }));
  const options = { name: "dut", image: image.folder, numaNodes, igbCards: 0, bootArguments: [], ...machine };
  return (await startServer(folder, options)).connection;
}

/** Where its sshd is, as playbooks and dials take it. */
export function sshdOf({ port, hostKey, privateKey }, folder) {
  const clientKeyFile = join(folder, "client_key");
  writeFileSync(clientKeyFile, privateKey, { mode: 0o600 });
  return { port, hostKey, clientKeyFile };
}

/** One connection of ours to it, for what prepares and disturbs it. */
export class ServerShell {
  transport;

  constructor(connection) {
    this.transport = new SshTransport(connection);
  }

  async run(script) {
    return (await this.transport.run({ argv: ["sh", "-c", script], timeoutMs: 600_000 })).stdout;
  }

  close() {
    return this.transport.close();
  }
}

const sshdSettings = "LogLevel VERBOSE\\nMaxStartups 200\\n";

/** What its sshd logged, as one of the bench's own does: connections, and sessions on them. */
export class ServerLog {
  #shell;

  constructor(shell) {
    this.#shell = shell;
  }

  /** Makes sshd say what is asked of it, and turn nobody away who comes with many others. */
  async listen() {
    await this.#shell.run(
      `printf '${sshdSettings}' > /etc/ssh/sshd_config.d/00-nfvlab-bench.conf; systemctl reload ssh`,
    );
  }

  /** Counts from now on, without the connection of ours that reads the log. */
  async counter() {
    const cursor = /-- cursor: (\S+)/.exec(await this.#shell.run("journalctl -n 0 --show-cursor"))?.[1];
    return async () => {
      const said = await this.#shell.run(
        `sleep 1; echo "own $SSH_CONNECTION"; journalctl -t sshd -t sshd-session -o cat --no-pager --after-cursor='${cursor}'`,
      );
      const own = / from \S+ port /.test(said) ? /^own \S+ (\d+) /.exec(said)[1] : "";
      const count = (words) =>
        said.split("\n").filter((line) => line.startsWith(words) && !line.includes(` port ${own} `)).length;
      return { connections: count("Accepted publickey for "), sessions: count("Starting session: ") };
    };
  }
}
