import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { RecordVersion, ResultRecord } from "../../schema/record.ts";
import { InputError } from "../../units/errors.ts";
import type { StateResource } from "../state-resource.ts";

/** A record, by what it is called and where it was found. */
export interface NamedRecord {
  readonly name: string;
  readonly file: string;
  readonly record: ResultRecord;
}

/**
 * Records of files and folders. A file holds one record, a list of them (`nfvlab results export --format json`), or a stack's state
 * (`pulumi stack export`); of a folder all `*.json` that hold records are read, those of its folders too.
 *
 * @throws InputError `results-unreadable`, `results-none`, `record-version`, `record-invalid`
 */
export function recordsIn(paths: readonly string[]): NamedRecord[] {
  return paths.flatMap((path) => {
    const records = statOf(path).isDirectory()
      ? jsonFiles(path).flatMap((file) => recordsOf(file, false))
      : recordsOf(path, true);
    if (records.length > 0) return records;
    throw new InputError({
      code: "results-none",
      problem: `${path} holds no record`,
      expected: `what \`pulumi stack export\` writes of a stack with benchmarks, or records (${RecordVersion})`,
    });
  });
}

function recordsOf(file: string, isNamed: boolean): NamedRecord[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    if (!isNamed && cause instanceof SyntaxError) return [];
    throw unreadable(file, cause);
  }
  const stem = basename(file).replace(/\.json$/, "");
  const list = Array.isArray(content) ? content : [content];
  return list.flatMap((item: unknown, index) => {
    if (isRecord(item)) {
      // A list that was exported says what its records are called.
      const name =
        typeof item["name"] === "string" ? item["name"] : list.length === 1 ? stem : `${stem}#${index + 1}`;
      return [{ name, file, record: parsed(item, file, name) }];
    }
    return resourcesOf(item).flatMap(({ type, outputs, delete: isReplaced }) => {
      const record = outputs?.["record"];
      if (isReplaced === true || !type.startsWith("nfvlab:bench:") || !isRecord(record)) return [];
      const name = String(outputs?.["name"] ?? type);
      return [{ name, file, record: parsed(record, file, name) }];
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

function jsonFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json") && !name.split("/").includes("node_modules"))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statOf(path).isFile());
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
