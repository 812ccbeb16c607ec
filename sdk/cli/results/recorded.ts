import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RecordVersion, ResultRecord } from "../../schema/record.ts";
import { RECORD, type RunManifest } from "../../schema/run.ts";
import { InputError } from "../../units/errors.ts";
import { exportedState } from "../stack-state.ts";
import type { StateResource } from "../state-resource.ts";
import { isRun, runFolder } from "./run-folder.ts";

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
  /** A sentence for each file that is not what the run wrote; undefined where the folder is not on this machine. */
  readonly altered: readonly string[] | undefined;
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
const STACK = /^stack:(.+)$/;

/**
 * Records of files, folders and stacks. A file holds one record, a list of them (`nfvlab results export --format json`), or a stack's state
 * (`pulumi stack export`); of a folder all runs are read, and all `*.json` that hold records, those of its folders too. Of a run every file is held against its hash.
 *
 * @param project folder of the project whose stacks are named
 * @throws InputError `results-unreadable`, `results-none`, `record-version`, `record-invalid`, `run-version`, `run-invalid`, `stack-unknown`, `state-unreadable`
 */
export function recordsIn(paths: readonly string[], project: string): Found {
  const found = paths.map((path) => {
    const here = foundAt(path, project);
    if (here.records.length + here.recordless.length > 0) return here;
    throw new InputError({
      code: "results-none",
      problem: `${path} holds no record`,
      expected: `what \`pulumi stack export\` writes of a stack with benchmarks, or records (${RecordVersion})`,
    });
  });
  return {
    records: found.flatMap(({ records }) => records),
    recordless: found.flatMap(({ recordless }) => recordless),
  };
}

function foundAt(path: string, project: string): Found {
  const stack = STACK.exec(path)?.[1];
  if (stack !== undefined) return only(recordsOf(JSON.parse(exportedState(stack, project)), path));
  if (!statOf(path).isDirectory()) {
    const folder = dirname(path);
    return basename(path) === RECORD && isRun(folder) ? foundInRun(folder) : only(recordsOfFile(path, true));
  }
  return foundInFolder(path);
}

function foundInFolder(folder: string): Found {
  if (isRun(folder)) return foundInRun(folder);
  const parts = readdirSync(folder)
    .sort()
    .map((name): Found => {
      const path = join(folder, name);
      if (statOf(path).isDirectory()) return name === "node_modules" ? NOTHING : foundInFolder(path);
      return name.endsWith(".json") ? only(recordsOfFile(path, false)) : NOTHING;
    });
  return {
    records: parts.flatMap(({ records }) => records),
    recordless: parts.flatMap(({ recordless }) => recordless),
  };
}

const NOTHING: Found = { records: [], recordless: [] };

function only(records: readonly NamedRecord[]): Found {
  return { records, recordless: [] };
}

function foundInRun(folder: string): Found {
  const { manifest, altered, record } = runFolder(folder);
  const { name } = manifest;
  const run = { folder, altered };
  const isAltered = altered.some((sentence) => sentence.startsWith(`${RECORD} `));
  // What somebody else wrote is told to be altered, and not that it is no record.
  if (!isRecord(record) || (isAltered && !ResultRecord.safeParse(record).success))
    return { records: [], recordless: [{ name, manifest, run }] };
  return only([{ name, file: join(folder, RECORD), record: parsed(record, folder, name), run }]);
}

/** Of a record in a state: its run's folder, where that is on this machine. */
function keptRunOf({ kept }: ResultRecord): KeptRun | undefined {
  if (kept === undefined) return undefined;
  const { folder, sha256 } = kept;
  return { folder, altered: isRun(folder) ? runFolder(folder, sha256).altered : undefined };
}

function recordsOfFile(file: string, isNamed: boolean): NamedRecord[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    if (!isNamed && cause instanceof SyntaxError) return [];
    throw unreadable(file, cause);
  }
  return recordsOf(content, file);
}

function recordsOf(content: unknown, file: string): NamedRecord[] {
  const stem = basename(file).replace(/\.json$/, "");
  const list = Array.isArray(content) ? content : [content];
  const record = (item: Readonly<Record<string, unknown>>, name: string): NamedRecord => {
    const whole = parsed(item, file, name);
    return { name, file, record: whole, run: keptRunOf(whole) };
  };
  return list.flatMap((item: unknown, index) => {
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

function unreadable(path: string, cause: unknown): InputError {
  const code = (cause as { code?: unknown }).code;
  return new InputError({
    code: "results-unreadable",
    problem: `${path} can't be read`,
    observed: cause instanceof SyntaxError ? "no JSON" : String(code ?? cause),
    expected: "a file of records, a stack's state, or a folder of them",
    cause,
  });
}
