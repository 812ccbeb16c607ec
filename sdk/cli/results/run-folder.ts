import { createHash } from "node:crypto";
import { MANIFEST, RECORD, RunManifest, RunVersion } from "../../schema/run.ts";
import { InputError } from "../../units/errors.ts";
import type { Place } from "./place.ts";

/** The folder of a run as it is now. */
export interface RunFolder {
  /** As a person names it. */
  readonly folder: string;
  readonly manifest: RunManifest;
  /** A sentence for each file that is not what the run wrote. */
  readonly altered: readonly string[];
  /** What is in its record's file; undefined where there is none. */
  readonly record: unknown;
}

/** Whether a folder is that of a run: it has a run's manifest, or one that is broken beside a record. */
export async function isRun(place: Place, folder: string): Promise<boolean> {
  const text = await place.read(place.within(folder, MANIFEST));
  if (text === undefined) return false;
  const version = versionIn(text.toString("utf8"));
  if (version !== undefined) return version.startsWith("nfvlab/run/");
  return (await place.read(place.within(folder, RECORD))) !== undefined;
}

/**
 * What of a run's folder is not what the run wrote, by the hash of its manifest that a stack's state has. Undefined where there is no such folder.
 *
 * @throws InputError `run-version`, `run-invalid`
 */
export async function alteredIn(
  place: Place,
  folder: string,
  sha256: string,
): Promise<readonly string[] | undefined> {
  if ((await place.files(folder)).length === 0) return undefined;
  const text = await place.read(place.within(folder, MANIFEST));
  if (text === undefined) return [`${MANIFEST} is not there any more`];
  const altered = differs(MANIFEST, text, sha256);
  // Hashes that somebody else may have written say nothing of the other files.
  return altered.length > 0 ? altered : (await runFolder(place, folder)).altered;
}

/**
 * Reads the folder of a run, and holds every file against the hash that was taken when it was written.
 *
 * @throws InputError `run-version`, `run-invalid`
 */
export async function runFolder(place: Place, folder: string): Promise<RunFolder> {
  const file = place.within(folder, MANIFEST);
  const text = (await place.read(file)) ?? Buffer.alloc(0);
  const name = place.nameOf(folder);
  const manifest = parsed(text.toString("utf8"), { folder: name, file: place.nameOf(file) });
  // Of one that is not over nothing was hashed yet.
  const isWhole = manifest.ended !== "unfinished";
  const contents = new Map<string, Buffer | undefined>();
  if (isWhole) {
    const paths = Object.keys(manifest.files);
    const read = await Promise.all(paths.map((path) => place.read(place.within(folder, path))));
    paths.forEach((path, index) => {
      contents.set(path, read[index]);
    });
  }
  const altered = isWhole ? alteredFiles(manifest, contents, await place.files(folder)) : [];
  return { folder: name, manifest, altered, record: jsonOf(contents.get(RECORD)?.toString("utf8")) };
}

function alteredFiles(
  { files }: RunManifest,
  contents: ReadonlyMap<string, Buffer | undefined>,
  there: readonly string[],
): string[] {
  return [
    ...Object.entries(files).flatMap(([path, { sha256 }]) => {
      const content = contents.get(path);
      return content === undefined ? [`${path} is not there any more`] : differs(path, content, sha256);
    }),
    ...there
      .filter((path) => path !== MANIFEST && !Object.hasOwn(files, path))
      .map((path) => `${path} is none of the run's files`),
  ];
}

function differs(path: string, content: Uint8Array, expected: string): string[] {
  const observed = createHash("sha256").update(content).digest("hex");
  return observed === expected
    ? []
    : [`${path} is not what was written: observed SHA-256 ${observed}, expected ${expected}`];
}

function parsed(
  text: string,
  { folder, file }: { readonly folder: string; readonly file: string },
): RunManifest {
  const { success, data, error } = RunManifest.safeParse(jsonOf(text));
  if (success) return data;
  const version = versionIn(text);
  if (version === undefined)
    throw new InputError({
      code: "run-invalid",
      problem: `${file} is no manifest any more, so nothing says whether the record beside it is what was written`,
      hint: "take the run from where it is whole, or measure again",
    });
  if (version !== RunVersion)
    throw new InputError({
      code: "run-version",
      problem: `the run in ${folder} was kept by another version`,
      observed: String(version),
      expected: RunVersion,
      hint: "read it with the version that wrote it",
    });
  const [issue] = error.issues;
  throw new InputError({
    code: "run-invalid",
    property: issue?.path.join(".") ?? "",
    problem: `${file} is no whole manifest: ${issue?.message ?? ""}`,
  });
}

/** What a file has as JSON; undefined where it is not there, or is none. */
function jsonOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function versionIn(text: string): string | undefined {
  const version = (jsonOf(text) as { schema?: unknown } | null | undefined)?.schema;
  return typeof version === "string" ? version : undefined;
}
