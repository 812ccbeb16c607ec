import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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
  /** Folder of the server, with its console; undefined for one that stood already. */
  readonly folder: string | undefined;

  private constructor(connection: SshConnection, folder: string | undefined) {
    this.connection = connection;
    this.shell = new Shell(connection);
    this.folder = folder;
  }

  /** One that stands already, by the file with its connection (JSON), and that is left standing. */
  static standing(file: string): TrialServer {
    return new TrialServer(JSON.parse(readFileSync(file, "utf8")) as SshConnection, undefined);
  }

  static async start(machine: Partial<Omit<MachineSpecification, "name">> = {}): Promise<TrialServer> {
    const standing = process.env["NFVLAB_TRIAL_SERVER"];
    if (standing !== undefined) return TrialServer.standing(standing);
    return TrialServer.#boot("dut", mkdtempSync(join(tmpdir(), "nfvlab-server-")), machine);
  }

  /** Two, whose cards are joined by a wire; `NFVLAB_TRIAL_SERVERS` may name a file with the connections of two that stand (a JSON list). */
  static async startPair(
    machine: Partial<Omit<MachineSpecification, "name" | "wire">>,
  ): Promise<readonly [TrialServer, TrialServer]> {
    const standing = process.env["NFVLAB_TRIAL_SERVERS"];
    if (standing !== undefined) {
      const [first, second] = JSON.parse(readFileSync(standing, "utf8")) as SshConnection[];
      if (first === undefined || second === undefined) throw new Error(`${standing} names no two servers`);
      return [new TrialServer(first, undefined), new TrialServer(second, undefined)];
    }
    const root = mkdtempSync(join(tmpdir(), "nfvlab-server-"));
    const boot = (name: string) => TrialServer.#boot(name, root, { ...machine, wire: "lan" });
    const first = await boot("here");
    return [first, await boot("there")];
  }

  static async #boot(
    name: string,
    root: string,
    machine: Partial<Omit<MachineSpecification, "name">>,
  ): Promise<TrialServer> {
    const { folder: image } = await buildImage({
      suite: "trixie",
      packages: TESTBED_PACKAGES,
      diskMib: 6144,
    });
    const folder = join(root, "stack", name);
    const { connection } = await startServer(folder, {
      ...{ name, image, igbCards: 0, bootArguments: [] },
      numaNodes: [
        { cpus: "0-1", memory: "1GiB" },
        { cpus: "2-3", memory: "1GiB" },
      ],
      ...machine,
    });
    const server = new TrialServer(connection, folder);
    // SSH is served before the last service has started, and trials compare what runs.
    server.shell.run("systemctl is-system-running --wait || true");
    return server;
  }

  /** What programs of trials read their connection from. */
  get environment(): { readonly CONNECTION: string } {
    return { CONNECTION: JSON.stringify(this.connection) };
  }

  async remove(): Promise<void> {
    this.shell.remove();
    if (this.folder === undefined) return;
    await removeServer(this.folder);
    // With the last one of a pair its root is empty.
    const root = dirname(dirname(this.folder));
    if (!existsSync(join(root, "stack"))) rmSync(root, { recursive: true, force: true });
  }
}
