import { parseArgs } from "node:util";
import { plain } from "../../report/plain.ts";
import { recordJsonSchema } from "../../schema/record.ts";
import { runJsonSchema } from "../../schema/run.ts";
import { InputError } from "../../units/errors.ts";
import { compareText } from "./compare.ts";
import { csvText } from "./csv.ts";
import { junitText } from "./junit.ts";
import { listText } from "./list.ts";
import { openMetricsText } from "./openmetrics.ts";
import { type Found, type NamedRecord, recordsIn } from "./recorded.ts";
import { seriesText } from "./series.ts";
import { showRunText, showText } from "./show.ts";

export const RESULTS_USAGE =
  "usage: nfvlab results list PATH... | show PATH... [--name NAME] | compare BEFORE AFTER [--name NAME] | compare --series PATH... [--name NAME] | export PATH... --format csv|junit|openmetrics|json | export --format schema|manifest-schema; a PATH is a folder, a file, s3://BUCKET/PREFIX, or stack:NAME";

const SCHEMAS: Readonly<Record<string, () => object>> = {
  schema: recordJsonSchema,
  "manifest-schema": runJsonSchema,
};

const FORMATS: Readonly<Record<string, (records: readonly NamedRecord[]) => readonly string[]>> = {
  csv: csvText,
  junit: junitText,
  openmetrics: openMetricsText,
  json: (records) => [
    JSON.stringify(
      records.map(({ name, record }) => ({ name, ...record })),
      null,
      2,
    ),
  ],
};

/**
 * Records as text: `list` a line each, `show` all of them, `compare` what changed from one to the other, or with `--series` from record to record of each benchmark, `export` for other programs. Paths are files or
 * folders of records, results folders among them, places in object stores (`s3://BUCKET/PREFIX?endpoint=URL&region=REGION`), states as `pulumi stack export` writes them, or stacks: `stack:dev`. Of what a run kept each file is held against its hash: `list` and `show` say which
 * one was altered, `compare` and `export` refuse it.
 *
 * @param project folder of the project whose stacks are named
 * @throws InputError `usage`, `results-altered`, and those of `recordsIn`
 * @example results(["compare", "before.json", "results/lab/rack"], process.cwd())
 */
export async function results(args: readonly string[], project: string): Promise<string> {
  const { task, paths, name, format, series } = argumentsOf(args);
  const found = async (of: readonly string[]) => named(await recordsIn(of, project), name, of);
  const sound = async (of: readonly string[]) => soundRecords(await found(of), of);
  switch (task) {
    case "list":
      return forPeople(listText(await found(paths)));
    case "show": {
      const { records, recordless } = await found(paths);
      const parts = [...records.map(showText), ...recordless.map(showRunText)];
      return forPeople(parts.flatMap((part, index) => [...(index === 0 ? [] : [""]), ...part]));
    }
    case "compare": {
      if (series) return forPeople(seriesText(await sound(paths)));
      const [before = "", after = ""] = paths;
      return forPeople(compareText(await sound([before]), await sound([after])));
    }
    default: {
      const schema = SCHEMAS[format];
      return schema === undefined
        ? lines(FORMATS[format]?.(await sound(paths)) ?? [])
        : `${JSON.stringify(schema(), null, 2)}\n`;
    }
  }
}

/** Numbers that somebody else may have written are no numbers. */
function soundRecords(found: Found, paths: readonly string[]): readonly NamedRecord[] {
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

function argumentsOf(args: readonly string[]) {
  const refuse = (problem: string, cause?: unknown) =>
    new InputError({ code: "usage", problem, hint: RESULTS_USAGE, cause });
  let parsed: { values: { name?: string; format?: string; series?: boolean }; positionals: string[] };
  try {
    const options = {
      name: { type: "string" },
      format: { type: "string" },
      series: { type: "boolean" },
    } as const;
    parsed = parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw refuse(cause.message.split(/[.\n]/)[0] ?? "", cause);
  }
  const [task = "", ...paths] = parsed.positionals;
  const { name, format = "", series = false } = parsed.values;
  if (!["list", "show", "compare", "export"].includes(task))
    throw refuse(task === "" ? "nothing is asked of the results" : `results can't be asked to ${task}`);
  const isSchema = format in SCHEMAS;
  if (task === "export" && !isSchema && !(format in FORMATS))
    throw refuse(format === "" ? "no format is named" : `${format} is no format`);
  if (series && task !== "compare") throw refuse("only records that are compared are a series");
  if (task === "compare" && !series && paths.length !== 2)
    throw refuse("two things are compared: one before, one after");
  if (paths.length === 0 && !(task === "export" && isSchema)) throw refuse("no file or folder is named");
  return { task, paths, name, format, series };
}

function named(found: Found, name: string | undefined, paths: readonly string[]): Found {
  const { records, recordless } = found;
  const of: Found =
    name === undefined
      ? found
      : {
          records: records.filter((each) => each.name === name),
          recordless: recordless.filter((each) => each.name === name),
        };
  if (of.records.length + of.recordless.length > 0) return of;
  throw new InputError({
    code: "results-none",
    problem: `${paths.join(", ")} holds no record of that name`,
    observed: [...new Set([...records, ...recordless].map((each) => each.name))].join(", "),
    expected: name ?? "",
  });
}

function forPeople(text: readonly string[]): string {
  return lines(text.map(plain));
}

function lines(text: readonly string[]): string {
  return text.map((line) => `${line}\n`).join("");
}
