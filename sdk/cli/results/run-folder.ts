import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MANIFEST, RECORD, RunManifest, RunVersion } from "../../schema/run.ts";
import { InputError } from "../../units/errors.ts";

/** The folder of a run as it is now. */
export interface RunFolder {
  readonly folder: string;
  readonly manifest: RunManifest;
  /** A sentence for each file that is not what the run wrote. */
  readonly altered: readonly string[];
  /** What is in its record's file; undefined where there is none. */
  readonly record: unknown;
}

/** Whether a folder is that of a run. */
export function isRun(folder: string): boolean {
  return versionOf(join(folder, MANIFEST))?.startsWith("nfvlab/run/") ?? false;
}

/**
 * Reads the folder of a run, and holds every file against the hash that was taken when it was written.
 *
 * @param sha256 of the manifest, where a stack's state has it: then it is held against that too
 * @throws InputError `run-version`, `run-invalid`
 */
export function runFolder(folder: string, sha256?: string): RunFolder {
  const text = readFileSync(join(folder, MANIFEST));
  const manifest = parsed(text.toString("utf8"), folder);
  // Of one that is not over nothing was hashed yet.
  const isWhole = manifest.ended !== "unfinished";
  const altered = [
    ...(sha256 === undefined ? [] : differs(MANIFEST, text, sha256)),
    ...(isWhole ? alteredFiles(folder, manifest) : []),
  ];
  return { folder, manifest, altered, record: isWhole ? jsonOf(join(folder, RECORD)) : undefined };
}

function alteredFiles(folder: string, { files }: RunManifest): string[] {
  const there = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length).replace(/^\/+/, ""))
    .filter((path) => path !== MANIFEST);
  return [
    ...Object.entries(files).flatMap(([path, { sha256 }]) =>
      existsSync(join(folder, path))
        ? differs(path, readFileSync(join(folder, path)), sha256)
        : [`${path} is not there any more`],
    ),
    ...there
      .filter((path) => !Object.hasOwn(files, path))
      .map((path) => `${path} is none of the run's files`),
  ];
}

function differs(path: string, content: Uint8Array, expected: string): string[] {
  const observed = createHash("sha256").update(content).digest("hex");
  return observed === expected
    ? []
    : [`${path} is not what was written: observed SHA-256 ${observed}, expected ${expected}`];
}

function parsed(text: string, folder: string): RunManifest {
  const { success, data, error } = RunManifest.safeParse(JSON.parse(text));
  if (success) return data;
  const version = versionIn(text);
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
    problem: `${join(folder, MANIFEST)} is no whole manifest: ${issue?.message ?? ""}`,
  });
}

/** What a file has as JSON; undefined where it is not there, or is none. */
function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function versionOf(file: string): string | undefined {
  return existsSync(file) ? versionIn(readFileSync(file, "utf8")) : undefined;
}

function versionIn(text: string): string | undefined {
  try {
    const version = (JSON.parse(text) as { schema?: unknown } | null)?.schema;
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
