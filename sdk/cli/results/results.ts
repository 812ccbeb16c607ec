import { parseArgs } from "node:util";
import { plain } from "../../report/plain.ts";
import { recordJsonSchema } from "../../schema/record.ts";
import { runJsonSchema } from "../../schema/run.ts";
import { InputError } from "../../units/errors.ts";
import { compareText, pairsOf } from "./compare.ts";
import { csvText } from "./csv.ts";
import { junitText } from "./junit.ts";
import { listText } from "./list.ts";
import { openMetricsText } from "./openmetrics.ts";
import { type Found, type NamedRecord, recordsIn, soundRecords } from "./recorded.ts";
import { seriesText } from "./series.ts";
import { showRunText, showText } from "./show.ts";

const TASKS = ["list", "show", "compare", "export"];

/** How each task is written. */
const USAGES: Readonly<Record<string, string>> = {
  list: "nfvlab results list PATH... [--name NAME]",
  show: "nfvlab results show PATH... [--name NAME]",
  compare: "nfvlab results compare BEFORE AFTER [--name NAME]",
  series: "nfvlab results compare --series PATH... [--name NAME]",
  export: "nfvlab results export PATH... --format csv|junit|openmetrics|json [--name NAME]",
};

export const RESULTS_HELP = `usage: ${Object.values(USAGES).join("\n       ")}
       nfvlab results export --format schema|manifest-schema

  list      a line for each record, and for each run that left none
  show      all of each
  compare   what changed from one to the other, by pairs of one name and benchmark; two single records are a pair whatever
            their names; several runs of one name are paired in the order of their start
            --series: where figures and conditions changed in the records of each name and benchmark, by their time
  export    for other programs; schema is that of a record as JSON Schema, manifest-schema that of a run's manifest

A PATH, as BEFORE and AFTER are, is one of
  a folder              records in it and in its folders, results folders among them
  a file                a record, a list of them, or what "pulumi stack export" wrote
  stack:NAME            a stack of the project in this folder
  s3://BUCKET/PREFIX    a place in an object store, with ?endpoint=URL&region=REGION where it is not Amazon's

Exit code: 1 records can't be read or are not what was written, 2 the command line is wrong.
More: docs/results.md
`;

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
 * @throws InputError `usage`, `results-altered`, `results-unpaired`, and those of `recordsIn`
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
      const [one = "", other = ""] = paths;
      const [before, after] = [await sound([one]), await sound([other])];
      if (pairsOf(before, after).length === 0) throw unpaired(before, after);
      return forPeople(compareText(before, after));
    }
    default: {
      const schema = SCHEMAS[format];
      return schema === undefined
        ? lines(FORMATS[format]?.(await sound(paths)) ?? [])
        : `${JSON.stringify(schema(), null, 2)}\n`;
    }
  }
}

function unpaired(before: readonly NamedRecord[], after: readonly NamedRecord[]): InputError {
  const named = (records: readonly NamedRecord[]) =>
    [...new Set(records.map(({ name, record }) => `${name} (${record.kind})`))].join(", ");
  return new InputError({
    code: "results-unpaired",
    problem: "no record before has the name and the benchmark of one after",
    observed: `${named(before)} before, ${named(after)} after`,
    hint: "compare two single records, whatever their names: nfvlab results list says in which file each is",
  });
}

function argumentsOf(args: readonly string[]) {
  const refuse = (problem: string, { task = "", cause }: { task?: string; cause?: unknown } = {}) =>
    new InputError({
      code: "usage",
      problem,
      hint: `usage: ${USAGES[task] ?? `nfvlab results ${TASKS.join("|")} ...`}; more by nfvlab results --help`,
      cause,
    });
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
    throw refuse(cause.message.split(/[.\n]/)[0] ?? "", { cause });
  }
  const [task = "", ...paths] = parsed.positionals;
  const { name, format = "", series = false } = parsed.values;
  if (!TASKS.includes(task))
    throw refuse(task === "" ? "nothing is asked of the results" : `results can't be asked to ${task}`);
  const isSchema = task === "export" && Object.hasOwn(SCHEMAS, format);
  if (task !== "export" && format !== "") throw refuse(`${task} has no format`, { task });
  if (task === "export" && !isSchema && !Object.hasOwn(FORMATS, format))
    throw refuse(format === "" ? "no format is named" : `${format} is no format`, { task });
  if (isSchema && paths.length > 0)
    throw refuse(`${format} is of no records, so no path belongs to it`, { task });
  if (series && task !== "compare") throw refuse("only records that are compared are a series", { task });
  if (task === "compare" && !series && paths.length !== 2)
    throw refuse("two things are compared: one before, one after", { task });
  if (paths.length === 0 && !isSchema)
    throw refuse("no file or folder is named", { task: series ? "series" : task });
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
