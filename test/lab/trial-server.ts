import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage } from "../../sdk/emulate/image.ts";
import type { MachineSpecification } from "../../sdk/emulate/machine.ts";
import { TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";
import { removeServer, startServer } from "../../sdk/emulate/server.ts";
import type { SshConnection } from "../../sdk/remote/connection.ts";
import { Shell } from "./shell.ts";

/**
 * An emulated server of a test's own, as a plain Debian comes. While a test is written, `NFVLAB_TRIAL_SERVER` may name a file with the connection (JSON) of a server
 * that stands already: it is used instead and left standing.
 */
export class TrialServer {
  readonly connection: SshConnection;
  readonly shell: Shell;
  readonly #root: string | undefined;

  private constructor(connection: SshConnection, root: string | undefined) {
    this.connection = connection;
    this.shell = new Shell(connection);
    this.#root = root;
  }

  /** One that stands already, by the file with its connection (JSON), and that is left standing. */
  static standing(file: string): TrialServer {
    return new TrialServer(JSON.parse(readFileSync(file, "utf8")) as SshConnection, undefined);
  }

  static async start(machine: Partial<Omit<MachineSpecification, "name">> = {}): Promise<TrialServer> {
    const standing = process.env["NFVLAB_TRIAL_SERVER"];
    if (standing !== undefined) return TrialServer.standing(standing);
    const root = mkdtempSync(join(tmpdir(), "nfvlab-server-"));
    const { folder: image } = await buildImage({
      suite: "trixie",
      packages: TESTBED_PACKAGES,
      diskMib: 6144,
    });
    const { connection } = await startServer(folderIn(root), {
      ...{ name: "dut", image, igbCards: 0, bootArguments: [] },
      numaNodes: [
        { cpus: "0-1", memory: "1GiB" },
        { cpus: "2-3", memory: "1GiB" },
      ],
      ...machine,
    });
    const server = new TrialServer(connection, root);
    // SSH is served before the last service has started, and trials compare what runs.
    server.shell.run("systemctl is-system-running --wait || true");
    return server;
  }

  /** What programs of trials read their connection from. */
  get environment(): { readonly CONNECTION: string } {
    return { CONNECTION: JSON.stringify(this.connection) };
  }

  /** Folder of the server, with its console; undefined for one that stood already. */
  get folder(): string | undefined {
    return this.#root === undefined ? undefined : folderIn(this.#root);
  }

  async remove(): Promise<void> {
    this.shell.remove();
    if (this.#root === undefined) return;
    await removeServer(folderIn(this.#root));
    rmSync(this.#root, { recursive: true, force: true });
  }
}

function folderIn(root: string): string {
  return join(root, "stack", "dut");
}
