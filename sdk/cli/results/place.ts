import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { ObjectStore } from "../../remote/object-store.ts";
import { credentialsIn, type Store, storeIn, urlIn } from "../../remote/store-settings.ts";
import { MANIFEST, RECORD } from "../../schema/run.ts";
import { InputError } from "../../units/errors.ts";
import { storeUrl } from "../../units/store-url.ts";
import { whyRefused } from "../file-failure.ts";

/** Where runs and records lie; what can't be read there is an error `results-unreadable`. Paths are the place's own: of files on this machine, or keys of a store. */
export interface Place {
  /** A path as a person names it. */
  nameOf(path: string): string;
  /** A path in a folder. */
  within(folder: string, name: string): string;
  /** Files that may hold records and folders, by their names, sorted. */
  listed(folder: string): Promise<readonly Listed[]>;
  /** All files in a folder and its folders, by their path from there; none where there is no such folder. */
  files(folder: string): Promise<readonly string[]>;
  /** Undefined where there is none. */
  read(file: string): Promise<Buffer | undefined>;
}

export interface Listed {
  readonly name: string;
  readonly isFolder: boolean;
}

/** The file systems of this machine. */
export const DISK: Place = {
  nameOf: (path) => path,
  within: (folder, name) => join(folder, name),
  listed: async (folder) =>
    readable(folder, () => readdirSync(folder).sort())
      .filter((name) => !leadsBack(folder, name))
      .map((name) => {
        const path = join(folder, name);
        return { name, isFolder: readable(path, () => statSync(path).isDirectory()) };
      }),
  files: async (folder) =>
    existsSync(folder)
      ? readable(folder, () =>
          readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" })
            .filter((entry) => !entry.isDirectory())
            .map(({ parentPath, name }) => relative(folder, join(parentPath, name))),
        )
      : [],
  read: async (file) => (existsSync(file) ? readable(file, () => readFileSync(file)) : undefined),
};

/** Whether a folder's entry is a link to that folder, or to one that it lies in: going there has no end. */
function leadsBack(folder: string, name: string): boolean {
  const path = join(folder, name);
  return readable(path, () => {
    if (!lstatSync(path).isSymbolicLink() || !existsSync(path)) return false;
    return `${realpathSync(folder)}${sep}`.startsWith(`${realpathSync(path)}${sep}`);
  });
}

function readable<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** @param cause what the system or the parser of JSON had against it */
export function unreadable(path: string, cause: unknown): InputError {
  const isBrokenLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && !existsSync(path);
  const refused = isBrokenLink ? "a link to nothing that is there" : whyRefused(cause);
  return new InputError({
    code: "results-unreadable",
    problem: `${path === "" ? "an empty path" : path} can't be read`,
    observed: cause instanceof SyntaxError ? "no JSON" : refused,
    expected: "a file of records, a stack's state, or a folder of them",
    cause,
  });
}

/** What an object store has under the prefix of a URL, which it is asked for once. */
export class StoredPlace implements Place {
  readonly #store: Store;
  readonly #objects: ObjectStore;
  readonly #keys: ReadonlySet<string>;

  private constructor(store: Store, objects: ObjectStore, keys: ReadonlySet<string>) {
    this.#store = store;
    this.#objects = objects;
    this.#keys = keys;
  }

  /**
   * Asks a store with the credentials of the environment.
   *
   * @param url of a run, of a folder of runs, or of one object
   * @throws InputError `store-url`, `store-credentials`; HostError, TransportError `store-…`
   */
  static async at(url: string): Promise<StoredPlace> {
    const store = storeIn(storeUrl(url), process.env);
    const objects = new ObjectStore(store, credentialsIn(process.env));
    const { prefix } = store;
    const begins = [...(await objects.list(prefix)).keys()];
    const isIn = (key: string) => prefix === "" || key === prefix || key.startsWith(`${prefix}/`);
    return new StoredPlace(store, objects, new Set(begins.filter(isIn)));
  }

  /** The path of the URL itself. */
  get root(): string {
    return this.#store.prefix;
  }

  /** Whether the URL is that of an object, and not of a folder. */
  get isObject(): boolean {
    return this.#keys.has(this.root);
  }

  nameOf(path: string): string {
    return urlIn(this.#store, path);
  }

  within(folder: string, name: string): string {
    return folder === "" ? name : `${folder}/${name}`;
  }

  /** A record without a manifest is of a run that is being sent: it is not listed. */
  async listed(folder: string): Promise<readonly Listed[]> {
    const names = new Map<string, boolean>();
    for (const path of await this.files(folder)) {
      const [name = "", ...rest] = path.split("/");
      names.set(name, rest.length > 0);
    }
    return [...names]
      .filter(([name]) => name !== RECORD || names.has(MANIFEST))
      .map(([name, isFolder]) => ({ name, isFolder }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async files(folder: string): Promise<readonly string[]> {
    const begin = folder === "" ? "" : `${folder}/`;
    return [...this.#keys].filter((key) => key.startsWith(begin)).map((key) => key.slice(begin.length));
  }

  async read(file: string): Promise<Buffer | undefined> {
    return this.#keys.has(file) || this.isObject ? this.#objects.get(file) : undefined;
  }

  close(): void {
    this.#objects.close();
  }
}
