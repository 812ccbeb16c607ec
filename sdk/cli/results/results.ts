import { parseArgs } from "node:util";
import { plain } from "../../report/plain.ts";
import { recordJsonSchema } from "../../schema/record.ts";
import { InputError } from "../../units/errors.ts";
import { compareText } from "./compare.ts";
import { csvText } from "./csv.ts";
import { junitText } from "./junit.ts";
import { listText } from "./list.ts";
import { openMetricsText } from "./openmetrics.ts";
import { type NamedRecord, recordsIn } from "./recorded.ts";
import { showText } from "./show.ts";

export const RESULTS_USAGE =
  "usage: nfvlab results list PATH... | show PATH... [--name NAME] | compare BEFORE AFTER [--name NAME] | export PATH... --format csv|junit|openmetrics|json | export --format schema";

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
 * Records as text: `list` a line each, `show` all of them, `compare` what changed from one to the other, `export` for other programs. Paths are files or
 * folders of records, or states as `pulumi stack export` writes them.
 *
 * @throws InputError `usage`, and those of `recordsIn`
 * @example results(["compare", "before.json", "after.json"])
 */
export function results(args: readonly string[]): string {
  const { task, paths, name, format } = argumentsOf(args);
  const records = (of: readonly string[]) => named(recordsIn(of), name, of);
  switch (task) {
    case "list":
      return forPeople(listText(records(paths)));
    case "show":
      return forPeople(
        records(paths).flatMap((each, index) => [...(index === 0 ? [] : [""]), ...showText(each)]),
      );
    case "compare": {
      const [before = "", after = ""] = paths;
      return forPeople(compareText(records([before]), records([after])));
    }
    default:
      return format === "schema"
        ? `${JSON.stringify(recordJsonSchema(), null, 2)}\n`
        : lines(FORMATS[format]?.(records(paths)) ?? []);
  }
}

function argumentsOf(args: readonly string[]) {
  const refuse = (problem: string, cause?: unknown) =>
    new InputError({ code: "usage", problem, hint: RESULTS_USAGE, cause });
  let parsed: { values: { name?: string; format?: string }; positionals: string[] };
  try {
    const options = { name: { type: "string" }, format: { type: "string" } } as const;
    parsed = parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw refuse(cause.message.split(/[.\n]/)[0] ?? "", cause);
  }
  const [task = "", ...paths] = parsed.positionals;
  const { name, format = "" } = parsed.values;
  if (!["list", "show", "compare", "export"].includes(task))
    throw refuse(task === "" ? "nothing is asked of the results" : `results can't be asked to ${task}`);
  if (task === "export" && format !== "schema" && !(format in FORMATS))
    throw refuse(format === "" ? "no format is named" : `${format} is no format`);
  if (task === "compare" && paths.length !== 2)
    throw refuse("two things are compared: one before, one after");
  if (paths.length === 0 && format !== "schema") throw refuse("no file or folder is named");
  return { task, paths, name, format };
}

function named(
  records: readonly NamedRecord[],
  name: string | undefined,
  paths: readonly string[],
): readonly NamedRecord[] {
  const of = name === undefined ? records : records.filter((each) => each.name === name);
  if (of.length > 0) return of;
  throw new InputError({
    code: "results-none",
    problem: `${paths.join(", ")} holds no record of that name`,
    observed: [...new Set(records.map((each) => each.name))].join(", "),
    expected: name ?? "",
  });
}

function forPeople(text: readonly string[]): string {
  return lines(text.map(plain));
}

function lines(text: readonly string[]): string {
  return text.map((line) => `${line}\n`).join("");
}
