import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { ObjectStore, type StoredFile } from "../remote/object-store.ts";
import {
  credentialsIn,
  type Store,
  type StoreCredentials,
  storeIn,
  urlIn,
} from "../remote/store-settings.ts";
import type { KeptRecord } from "../schema/record.ts";
import { MANIFEST, RECORD, RunManifest, UNFINISHED } from "../schema/run.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { isStoreUrl, storeUrl } from "../units/store-url.ts";

/** Folder of the project with runs that its object store has not yet. */
const UNSENT = ".nfvlab/unsent";

/** An object of the same name and text at every place with results: whoever may write it may write runs. */
const MARK = ".nfvlab-results";
const MARK_TEXT = Buffer.from("Runs of nfvlab, each with its manifest.json. What that names is whole.\n");

/** Where a stack's runs are kept. */
export interface Kept {
  /** A folder of this machine. */
  readonly results: string;
  /** Where they go from there. */
  readonly store?: RunStore;
}

/**
 * Where a stack's runs are kept: a folder, or a store with the folder that they are in until it has them.
 *
 * @param credentials of the stack's configuration; without any the environment has them
 */
export function keptIn(results: string, project: string, credentials: StoreCredentials | undefined): Kept {
  if (!isStoreUrl(results)) return { results: resolve(project, results) };
  const folder = join(project, UNSENT);
  const store = storeIn(storeUrl(results), process.env);
  return {
    results: folder,
    store: new RunStore(folder, store, () => credentials ?? credentialsIn(process.env)),
  };
}

/**
 * Runs in an object store, each under the name that its folder has in a results folder. A run is sent once it is over: first what was printed, then its record, and last its manifest, which names and hashes all of it
 * and by which it is found. So what is found is whole. What has the same name there and is the same is left as it is, and what is another thing is refused; nothing is ever removed.
 */
export class RunStore {
  readonly #folder: string;
  readonly #place: Store;
  readonly #credentials: () => StoreCredentials;
  /** Runs of this process, which it sends itself. */
  readonly #own = new Set<string>();
  #opened: ObjectStore | undefined;

  /** @param credentials are asked for when a run begins, so that nothing else of a stack needs them */
  constructor(folder: string, place: Store, credentials: () => StoreCredentials) {
    this.#folder = folder;
    this.#place = place;
    this.#credentials = credentials;
  }

  get url(): string {
    return urlIn(this.#place);
  }

  /**
   * Writes the mark that every place with results has, and looks for it, so that what speaks against writing and looking there is found before anything is measured.
   *
   * @throws InputError `store-credentials`; HostError, TransportError `store-…`
   */
  async tryOut(): Promise<void> {
    const mark = this.#key(MARK);
    await this.#store.put(mark, MARK_TEXT);
    await this.#store.list(mark);
    await this.#store.get(mark);
  }

  /**
   * Sends a run, and takes its folder away once the store has it. What earlier runs of the same stack could not send is sent as well, and stays where it is, since its state may name it. Runs of another stack are not sent: they are meant for another place.
   *
   * @throws HostError `results-store-other` where the store has another thing under a name of the run's, VerificationError `results-store-read-back`, and those of the store
   */
  async take({ folder, sha256 }: KeptRecord, warn: (text: string) => void): Promise<KeptRecord> {
    this.#own.add(folder);
    try {
      await this.#send(folder);
    } catch (error) {
      this.#own.delete(folder);
      throw error;
    }
    rmSync(folder, { recursive: true });
    for (const left of this.#left(dirname(dirname(folder)))) {
      await this.#send(left).catch((error: unknown) => {
        // Another engine may have sent it meanwhile.
        if (existsSync(left))
          warn(`${left} could not be sent to ${this.url}: ${error instanceof Error ? error.message : error}`);
      });
    }
    return { folder: urlIn(this.#place, this.#key(this.#nameOf(folder))), sha256 };
  }

  async #send(folder: string): Promise<void> {
    const name = this.#nameOf(folder);
    const manifest = readFileSync(join(folder, MANIFEST));
    const { files } = RunManifest.parse(JSON.parse(manifest.toString("utf8")));
    const all = new Map<string, StoredFile>(
      Object.entries(files).map(([path, { sha256, bytes }]) => [
        this.#key(`${name}/${path}`),
        { path: join(folder, path), sha256, bytes },
      ]),
    );
    const last = this.#key(`${name}/${MANIFEST}`);
    const record = this.#key(`${name}/${RECORD}`);
    const whole = { path: join(folder, MANIFEST), sha256: sha256Of(manifest), bytes: manifest.length };
    all.set(last, whole);
    const there = await this.#store.list(this.#key(`${name}/`));
    // The manifest was written last, so the rest was sent.
    if (there.has(last)) {
      await this.#requireSame(last, whole);
      return this.#requireWhole(name, all, there);
    }
    const write = async (key: string) => {
      const file = all.get(key);
      if (file === undefined) return;
      await requireUnaltered(file);
      const isNew = !there.has(key) && (await this.#store.put(key, file));
      if (!isNew) await this.#requireSame(key, file);
    };
    await Promise.all([...all.keys()].filter((key) => key !== last && key !== record).map(write));
    await write(record);
    await write(last);
    this.#requireWhole(name, all, await this.#store.list(this.#key(`${name}/`)));
  }

  async #requireSame(key: string, { sha256 }: StoredFile): Promise<void> {
    const observed = sha256Of((await this.#store.get(key)) ?? Buffer.alloc(0));
    if (observed === sha256) return;
    throw new HostError({
      code: "results-store-other",
      problem: `the store has another thing at ${urlIn(this.#place, key)}`,
      observed: `SHA-256 ${observed}`,
      expected: sha256,
      hint: "nothing there is replaced: move one of the two away",
    });
  }

  /** The store has every file, as long as it was written; its hash the store itself held against the request. */
  #requireWhole(
    name: string,
    all: ReadonlyMap<string, StoredFile>,
    there: ReadonlyMap<string, number>,
  ): void {
    const wrong = [...all].filter(([key, { bytes }]) => there.get(key) !== bytes);
    if (wrong.length === 0) return;
    throw new VerificationError({
      code: "results-store-read-back",
      problem: `what was written to ${urlIn(this.#place, this.#key(name))} reads back otherwise`,
      observed: wrong.map(([key]) => `${key} with ${there.get(key) ?? "no"} bytes`).join(", "),
      expected: wrong.map(([, { bytes }]) => `${bytes} bytes`).join(", "),
      hint: "somebody else changes it, or the store loses what it confirmed",
    });
  }

  /** Folders of a stack's runs that are over and nobody sends. */
  #left(stack: string): string[] {
    return readdirSync(stack, { recursive: true, encoding: "utf8" })
      .filter((path) => path.split(sep).length === 3 && path.endsWith(`${sep}${MANIFEST}`))
      .map((path) => join(stack, path.slice(0, -MANIFEST.length - 1)))
      .filter((folder) => !folder.endsWith(UNFINISHED) && !this.#own.has(folder))
      .sort();
  }

  get #store(): ObjectStore {
    this.#opened ??= new ObjectStore(this.#place, this.#credentials());
    return this.#opened;
  }

  #nameOf(folder: string): string {
    return relative(this.#folder, folder).split(sep).join("/");
  }

  #key(name: string): string {
    return this.#place.prefix === "" ? name : `${this.#place.prefix}/${name}`;
  }
}

/** What somebody changed since the run wrote it is not sent as if the run had. */
async function requireUnaltered({ path, bytes, sha256 }: StoredFile): Promise<void> {
  const hash = createHash("sha256");
  if (bytes > 0) await pipeline(createReadStream(path), hash);
  const observed = hash.digest("hex");
  if (observed === sha256) return;
  throw new HostError({
    code: "results-altered",
    problem: `${path} is not what the run wrote, so the run is not sent`,
    observed: `SHA-256 ${observed}`,
    expected: sha256,
    hint: "take it from where it is whole, or take the run's folder away",
  });
}

function sha256Of(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
