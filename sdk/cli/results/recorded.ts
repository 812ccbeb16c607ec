import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { RecordVersion, ResultRecord } from "../../schema/record.ts";
import { RECORD, type RunManifest } from "../../schema/run.ts";
import { InputError, LabError } from "../../units/errors.ts";
import { isStoreUrl } from "../../units/store-url.ts";
import { exportedState } from "../stack-state.ts";
import type { StateResource } from "../state-resource.ts";
import { DISK, type Place, StoredPlace, unreadable } from "./place.ts";
import { alteredIn, isRun, runFolder } from "./run-folder.ts";

/** A record, by what it is called and where it was found. */
export interface NamedRecord {
  readonly name: string;
  readonly file: string;
  readonly record: ResultRecord;
  /** The folder of its run; undefined where it was kept nowhere. */
  readonly run?: KeptRun | undefined;
}

/** Where a run was kept, and whether what is there is what was written. */
export interface KeptRun {
  readonly folder: string;
  /** A sentence for each file that is not what the run wrote; undefined where the folder is not on this machine, and where its store doesn't show it. */
  readonly altered: readonly string[] | undefined;
  /** Why the store doesn't show it. */
  readonly unread?: string;
}

/** A run that has no record, or none that can be read any more. */
export interface RecordlessRun {
  readonly name: string;
  readonly manifest: RunManifest;
  readonly run: KeptRun;
}

export interface Found {
  readonly records: readonly NamedRecord[];
  readonly recordless: readonly RecordlessRun[];
}

/** What a stack of the project is named by, in place of a path: `stack:dev`. */
const STACK = /^stack:(.*)$/;

/**
 * Records of files, folders, stacks and places in object stores. A file holds one record, a list of them (`nfvlab results export --format json`), or a stack's state
 * (`pulumi stack export`); of a folder all runs are read, and all `*.json` that hold records, those of its folders too, and of an object store likewise. Of a run every file is held against its hash.
 *
 * @param project folder of the project whose stacks are named
 * @throws InputError `results-unreadable`, `results-none`, `record-version`, `record-invalid`, `run-version`, `run-invalid`, `engine-missing`, `stack-unknown`, `state-unreadable`, and those of `StoredPlace.at`
 */
export async function recordsIn(paths: readonly string[], project: string): Promise<Found> {
  const found: Found[] = [];
  for (const path of paths) {
    const here = await foundAt(path, project);
    if (here.records.length + here.recordless.length === 0) throw noRecord(path);
    found.push(here);
  }
  return together(found);
}

/**
 * The records, for their figures: numbers that somebody else may have written are no numbers.
 *
 * @throws InputError `results-altered`; `results-none` where there are runs alone that came to no end
 */
export function soundRecords(found: Found, paths: readonly string[]): readonly NamedRecord[] {
  const altered = [...found.records, ...found.recordless].flatMap(({ run }) =>
    (run?.altered ?? []).map((sentence) => `${run?.folder}: ${sentence}`),
  );
  if (altered.length === 0 && found.records.length > 0) return found.records;
  if (altered.length === 0)
    throw new InputError({
      code: "results-none",
      problem: `no run in ${paths.join(", ")} came to its end, so there is no record`,
      hint: "nfvlab results list says how each ended",
    });
  throw new InputError({
    code: "results-altered",
    problem: `what a run kept is not what it wrote: ${altered.join("; ")}`,
    hint: "take it from where it is whole, or measure again",
  });
}

function noRecord(path: string): InputError {
  const stack = STACK.exec(path)?.[1];
  return new InputError({
    code: "results-none",
    problem: `${path} holds no record`,
    ...(stack === undefined
      ? {
          expected: `what \`pulumi stack export\` writes of a stack with benchmarks, or records (${RecordVersion})`,
        }
      : { hint: `the stack has no benchmark, or none that was measured: npm run up -- --stack ${stack}` }),
  });
}

async function foundAt(path: string, project: string): Promise<Found> {
  const stack = STACK.exec(path)?.[1];
  if (stack === "")
    throw new InputError({
      ...{ code: "usage", problem: "no stack is named", observed: path, expected: "stack:NAME" },
    });
  if (stack !== undefined) return only(await recordsOf(JSON.parse(exportedState(stack, project)), path));
  if (isStoreUrl(path)) {
    const place = await StoredPlace.at(path);
    try {
      return place.isObject ? await foundInFile(place, place.root) : await foundInFolder(place, place.root);
    } finally {
      place.close();
    }
  }
  return statOf(path).isDirectory() ? foundInFolder(DISK, path) : foundInFile(DISK, path);
}

async function foundInFile(place: Place, file: string): Promise<Found> {
  const folder = dirname(file);
  return basename(file) === RECORD && (await isRun(place, folder))
    ? foundInRun(place, folder)
    : only(await recordsOfFile(place, file, true));
}

async function foundInFolder(place: Place, folder: string): Promise<Found> {
  if (await isRun(place, folder)) return foundInRun(place, folder);
  const parts: Found[] = [];
  for (const { name, isFolder } of await place.listed(folder)) {
    const path = place.within(folder, name);
    if (isFolder && name !== "node_modules") parts.push(await foundInFolder(place, path));
    if (!isFolder && name.endsWith(".json")) parts.push(only(await recordsOfFile(place, path, false)));
  }
  return together(parts);
}

function together(parts: readonly Found[]): Found {
  return {
    records: parts.flatMap(({ records }) => records),
    recordless: parts.flatMap(({ recordless }) => recordless),
  };
}

function only(records: readonly NamedRecord[]): Found {
  return { records, recordless: [] };
}

async function foundInRun(place: Place, path: string): Promise<Found> {
  const { folder, manifest, altered, record } = await runFolder(place, path);
  const { name } = manifest;
  const run = { folder, altered };
  const isAltered = altered.some((sentence) => sentence.startsWith(`${RECORD} `));
  // What somebody else wrote is told to be altered, and not that it is no record.
  if (!isRecord(record) || (isAltered && !ResultRecord.safeParse(record).success))
    return { records: [], recordless: [{ name, manifest, run }] };
  const file = place.nameOf(place.within(path, RECORD));
  return only([{ name, file, record: parsed(record, folder, name), run }]);
}

/** Of a record in a state: its run's folder, where that is on this machine or in a store that answers. */
async function keptRunOf({ kept }: ResultRecord): Promise<KeptRun | undefined> {
  if (kept === undefined) return undefined;
  const { folder, sha256 } = kept;
  if (!isStoreUrl(folder)) return { folder, altered: await alteredIn(DISK, folder, sha256) };
  try {
    const place = await StoredPlace.at(folder);
    try {
      return { folder, altered: await alteredIn(place, place.root, sha256) };
    } finally {
      place.close();
    }
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return { folder, altered: undefined, unread: error.message };
  }
}

async function recordsOfFile(place: Place, file: string, isNamed: boolean): Promise<NamedRecord[]> {
  let content: unknown;
  try {
    content = JSON.parse(String(await place.read(file)));
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    if (!isNamed && cause instanceof SyntaxError) return [];
    throw unreadable(place.nameOf(file), cause);
  }
  return recordsOf(content, place.nameOf(file));
}

async function recordsOf(content: unknown, file: string): Promise<NamedRecord[]> {
  const stem = basename(file).replace(/\.json$/, "");
  const list = Array.isArray(content) ? content : [content];
  const record = async (item: Readonly<Record<string, unknown>>, name: string): Promise<NamedRecord> => {
    const whole = parsed(item, file, name);
    return { name, file, record: whole, run: await keptRunOf(whole) };
  };
  const found = list.flatMap((item: unknown, index): Promise<NamedRecord>[] => {
    if (isRecord(item)) {
      // A list that was exported says what its records are called.
      const name =
        typeof item["name"] === "string" ? item["name"] : list.length === 1 ? stem : `${stem}#${index + 1}`;
      return [record(item, name)];
    }
    return resourcesOf(item).flatMap(({ type, outputs, delete: isReplaced }) => {
      const kept = outputs?.["record"];
      if (isReplaced === true || !type.startsWith("nfvlab:bench:") || !isRecord(kept)) return [];
      return [record(kept, String(outputs?.["name"] ?? type))];
    });
  });
  return Promise.all(found);
}

function isRecord(item: unknown): item is Readonly<Record<string, unknown>> {
  const version = (item as { schema?: unknown } | null)?.schema;
  return typeof version === "string" && version.startsWith("nfvlab/record/");
}

function resourcesOf(item: unknown): readonly StateResource[] {
  const resources = (item as { deployment?: { resources?: unknown } } | null)?.deployment?.resources;
  return Array.isArray(resources)
    ? resources.filter((each: unknown) => typeof (each as StateResource | null)?.type === "string")
    : [];
}

function parsed(item: Readonly<Record<string, unknown>>, file: string, name: string): ResultRecord {
  if (item["schema"] !== RecordVersion) {
    throw new InputError({
      code: "record-version",
      problem: `${name} of ${file} was recorded by another version`,
      observed: String(item["schema"]),
      expected: RecordVersion,
      hint: "read it with the version that wrote it, or measure again",
    });
  }
  const { success, data, error } = ResultRecord.safeParse(item);
  if (success) return data;
  const [issue] = error.issues;
  throw new InputError({
    code: "record-invalid",
    property: issue?.path.join(".") ?? "",
    problem: `${name} of ${file} is no whole record: ${issue?.message ?? ""}`,
    hint: "nfvlab results export --format schema says what a record has",
  });
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
