import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { redact } from "../remote/redaction.ts";
import type { KeptRecord, ResultRecord } from "../schema/record.ts";
import {
  type KeptCommand,
  type KeptFile,
  MANIFEST,
  RECORD,
  type RunManifest,
  RunVersion,
  UNFINISHED,
} from "../schema/run.ts";
import { HostError } from "../units/errors.ts";
import type { RawOutput, RawOutputs } from "./raw-outputs.ts";
import { SecretStream } from "./secret-stream.ts";

export interface KeptRunFacts {
  /** The results folder. */
  readonly root: string;
  readonly project: string;
  readonly stack: string;
  readonly name: string;
  readonly kind: string;
  readonly subject: string;
  /** Texts that reach no file. */
  readonly secrets: readonly string[];
}

type Stream = "stdin" | "stdout" | "stderr";

/** Folder of what was printed, in that of its run. */
const RAW = "raw";

/**
 * The folder of one run: `<project>/<stack>/<name>/<time>-<8 digits>` in the results folder. What tools print goes into its files as it comes, under a name that ends in
 * `.part`; once the run is over it has its manifest, is on the disk, and gets its name by one rename. So whatever has that name is whole, and an engine that is killed leaves what was printed until
 * then. Nothing here ever removes or replaces a run that has output.
 */
export class KeptRun implements RawOutputs {
  readonly #facts: KeptRunFacts;
  readonly #startedAt = new Date();
  readonly #folder: string;
  readonly #files = new Map<string, RawFile>();
  readonly #commands: Command[] = [];
  #failure: unknown;
  #isOver = false;

  /** @throws HostError `results-folder` where nothing can be written there */
  constructor(facts: KeptRunFacts) {
    this.#facts = facts;
    const { root, project, stack, name } = facts;
    const time = this.#startedAt.toISOString().replaceAll(/[-:]/g, "");
    this.#folder = join(
      root,
      ...[project, stack, name].map(folderName),
      `${time}-${randomBytes(4).toString("hex")}`,
    );
    try {
      mkdirSync(dirname(this.#part), { recursive: true });
      // Never one that is there.
      mkdirSync(this.#part);
      this.#write(MANIFEST, json(this.#manifest("unfinished", "", null, {})));
    } catch (cause) {
      throw new HostError({
        code: "results-folder",
        problem: "nothing can be written into the results folder, so nothing was measured",
        observed: `${root}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`,
        hint: "name another one: pulumi config set nfvlab:results FOLDER",
        cause,
      });
    }
  }

  begin(on: string, argv: readonly string[]): RawOutput {
    const number = String(this.#commands.length + 1).padStart(4, "0");
    const command = new Command(on, argv);
    this.#commands.push(command);
    const into = (stream: Stream) => (chunk: Uint8Array) =>
      this.#record(() => this.#append(`${RAW}/${number}.${stream}`, stream, command, chunk));
    this.#record(() => this.#write(MANIFEST, json(this.#manifest("unfinished", "", null, {}))));
    return {
      stdin: (text) => into("stdin")(Buffer.from(text)),
      stdout: into("stdout"),
      stderr: into("stderr"),
      end: (exitCode) => command.end(exitCode),
    };
  }

  /** The run came to its end: its folder, with the record in it, gets its name. */
  complete(record: ResultRecord): KeptRecord {
    return this.#finish("complete", "", record);
  }

  /** The run did not come to its end. Nothing is left of one that had not begun. */
  stop(ended: "interrupted" | "failed", reason: string): KeptRecord | undefined {
    if (this.#commands.length > 0) return this.#finish(ended, reason);
    rmSync(this.#part, { recursive: true, force: true });
    return undefined;
  }

  get #part(): string {
    return `${this.#folder}${UNFINISHED}`;
  }

  #finish(ended: RunManifest["ended"], reason: string, record?: ResultRecord): KeptRecord {
    this.#isOver = true;
    const files: Record<string, KeptFile> = {};
    for (const [path, file] of this.#files) {
      this.#attempt(() => {
        files[path] = file.finish();
      });
      file.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (record !== undefined) {
      const text = json(withoutSecrets(record, this.#facts.secrets));
      this.#write(RECORD, text);
      files[RECORD] = { sha256: sha256(text), bytes: Buffer.byteLength(text) };
    }
    const manifest = json(this.#manifest(ended, reason, new Date(), files));
    this.#write(MANIFEST, manifest);
    if (this.#files.size > 0) syncFolder(join(this.#part, RAW));
    syncFolder(this.#part);
    renameSync(this.#part, this.#folder);
    syncFolder(dirname(this.#folder));
    return { folder: this.#folder, sha256: sha256(manifest) };
  }

  #manifest(
    ended: RunManifest["ended"],
    reason: string,
    endedAt: Date | null,
    files: Readonly<Record<string, KeptFile>>,
  ): RunManifest {
    const { name, kind, subject, project, stack, secrets } = this.#facts;
    const manifest: RunManifest = {
      schema: RunVersion,
      ...{ name, kind, subject, project, stack, ended, reason },
      startedAt: this.#startedAt.toISOString(),
      endedAt: endedAt?.toISOString() ?? null,
      commands: this.#commands.map((command) => command.kept()),
      files: { ...files },
    };
    return withoutSecrets(manifest, secrets);
  }

  #append(file: string, stream: Stream, command: Command, chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    let open = this.#files.get(file);
    if (open === undefined) {
      mkdirSync(join(this.#part, RAW), { recursive: true });
      open = new RawFile(join(this.#part, file), this.#facts.secrets);
      this.#files.set(file, open);
      command.files[stream] = file;
    }
    open.take(chunk);
  }

  /** What comes when the run is over comes too late: its files are closed, and their numbers may be those of others. */
  #record(work: () => void): void {
    if (!this.#isOver) this.#attempt(work);
  }

  /** A disk that is full must not end a measurement that goes on: it is told at its end. */
  #attempt(work: () => void): void {
    try {
      if (this.#failure === undefined) work();
    } catch (error) {
      this.#failure = error;
    }
  }

  #write(file: string, text: string): void {
    const descriptor = openSync(join(this.#part, `${file}.new`), "w");
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(join(this.#part, `${file}.new`), join(this.#part, file));
  }
}

/** What one command printed on one of its streams, hashed as it is written. */
class RawFile {
  readonly #descriptor: number;
  readonly #clean: SecretStream;
  readonly #hash = createHash("sha256");
  #bytes = 0;

  constructor(path: string, secrets: readonly string[]) {
    this.#descriptor = openSync(path, "wx");
    this.#clean = new SecretStream(secrets);
  }

  take(chunk: Uint8Array): void {
    this.#write(this.#clean.take(chunk));
  }

  finish(): KeptFile {
    this.#write(this.#clean.end());
    fsyncSync(this.#descriptor);
    return { sha256: this.#hash.digest("hex"), bytes: this.#bytes };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) from += writeSync(this.#descriptor, bytes, from);
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }
}

/** A command of a run, from its begin to its end. */
class Command {
  readonly files: { [stream in Stream]?: string } = {};
  readonly #on: string;
  readonly #argv: readonly string[];
  readonly #startedAt = new Date().toISOString();
  readonly #begun = performance.now();
  #ended: { readonly durationMs: number; readonly exitCode: number } | undefined;

  constructor(on: string, argv: readonly string[]) {
    this.#on = on;
    this.#argv = argv;
  }

  end(exitCode: number): void {
    this.#ended = { durationMs: Math.round(performance.now() - this.#begun), exitCode };
  }

  kept(): KeptCommand {
    const { stdin = null, stdout = null, stderr = null } = this.files;
    const { durationMs = null, exitCode = null } = this.#ended ?? {};
    return {
      ...{ on: this.#on, argv: [...this.#argv], startedAt: this.#startedAt },
      ...{ durationMs, exitCode, stdin, stdout, stderr },
    };
  }
}

/** Every text in it without the secrets; everything else as it is. */
export function withoutSecrets<T>(value: T, secrets: readonly string[]): T {
  if (secrets.length === 0) return value;
  const walk = (item: unknown): unknown => {
    if (typeof item === "string") return redact(item, secrets);
    if (Array.isArray(item)) return item.map(walk);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value) as T;
}

/** A name as one folder, whatever characters it has. */
function folderName(name: string): string {
  return encodeURIComponent(name).replace(/^\./, "%2E");
}

function json(content: object): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
