import { createReadStream, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "@20minutes/s3rver";
import { ObjectStore } from "../../sdk/remote/object-store.ts";
import { type Store, type StoreCredentials, storeIn } from "../../sdk/remote/store-settings.ts";
import { storeUrl } from "../../sdk/units/store-url.ts";

export const BUCKET = "lab-results";
/** The one key pair that the server knows. */
export const credentials: StoreCredentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

/** A store of somebody else's making on loopback, which checks signatures and clocks. It knows no conditional writes. */
export class StoreServer {
  readonly endpoint: string;
  readonly #server: S3rver;
  readonly #folder: string;

  private constructor(server: S3rver, folder: string, port: number) {
    this.#server = server;
    this.#folder = folder;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<StoreServer> {
    const directory = mkdtempSync(join(tmpdir(), "nfvlab-store-"));
    const server = new S3rver({
      ...{ address: "127.0.0.1", port: 0, silent: true, directory },
      ...{ vhostBuckets: false, configureBuckets: [{ name: BUCKET }] },
    });
    const { port } = await server.run();
    return new StoreServer(server, directory, port);
  }

  /** A place in it. */
  place(prefix = "", bucket = BUCKET): Store {
    return storeIn(storeUrl(`s3://${bucket}${prefix && `/${prefix}`}?endpoint=${this.endpoint}`), {});
  }

  open(store: Store = this.place(), keys: StoreCredentials = credentials, clock?: () => Date): ObjectStore {
    return new ObjectStore(store, keys, clock);
  }

  /** What it has on its disk, whoever wrote it. */
  async holds(text: string): Promise<boolean> {
    const files = readdirSync(this.#folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const { parentPath, name } of files)
      for await (const chunk of createReadStream(join(parentPath, name)))
        if (String(chunk).includes(text)) return true;
    return false;
  }

  async stop(): Promise<void> {
    await this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
