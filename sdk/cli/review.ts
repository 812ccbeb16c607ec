import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { drawCpuMaps } from "../report/cpu-picture.ts";
import { plain } from "../report/plain.ts";
import { blocking, type Review } from "../report/review.ts";
import { renderReviewJunit } from "../report/review-junit.ts";
import { renderReviewMarkdown } from "../report/review-markdown.ts";
import { renderReviewSarif } from "../report/review-sarif.ts";
import { outcomeOf } from "../report/review-words.ts";
import { InputError } from "../units/errors.ts";
import { whyRefused } from "./file-failure.ts";
import { readPreview } from "./preview.ts";
import { importedBy, type ProgramFiles } from "./program.ts";
import { type CataloguedPolicy, reviewOf } from "./review-of.ts";

const USAGE =
  "usage: nfvlab review [--stack STACK] [--out FOLDER] [--policy-pack PATH]... [--policy-pack-config FILE]... [--catalogue POLICIES.json]";

export const REVIEW_HELP = `${USAGE}

Previews a stack of the project in this folder under policies, touches no machine, and writes review.md, review.sarif,
review.junit.xml and cpu-map.svg.

  --stack, -s            the stack; else PULUMI_STACK, and in a clone of nfvlab NFVLAB_STACK, or dev
  --out                  where the files go; else .nfvlab/review/STACK
  --policy-pack          a pack, in place of nfvlab's own; may be given again
  --policy-pack-config   its configuration, in the order of the packs
  --catalogue            what such packs say of their policies, as JSON

Exit code: 0 nothing blocks, 1 a mandatory policy is violated, 2 the preview failed.
More: docs/review/README.md
`;

/** Exit codes of a review by its outcome. */
const CODES = { passes: 0, blocked: 1, failed: 2 } as const satisfies Record<Review["outcome"], number>;

/** Files of the program that are looked through for where things are declared. */
const MOST_FILES = 500;

/**
 * Reviews what the program of `folder` would make of a stack: previews it under policy packs, changes nothing, and writes `review.md`, `review.sarif`,
 * `review.junit.xml` and `cpu-map.svg` into `.nfvlab/review/STACK`, or where `--out` says. Returns a text for the terminal, and the exit code: 0 where
 * nothing blocks, 1 where a mandatory policy is violated, 2 where the preview failed.
 *
 * `--catalogue` takes what packs say of their policies and the engine does not pass on.
 *
 * @param from the project's folder, or one in it
 * @throws InputError `usage`, `project-missing`, `stack-unknown`, `catalogue-unreadable`, `review-unwritable`
 */
export function review(
  args: readonly string[],
  from: string,
): { readonly said: string; readonly code: number } {
  const options = argumentsOf(args);
  const folder = projectFolder(from);
  // The engine would look for them from the folder of the program's main file.
  const absolute = (paths: readonly string[] = []) => paths.map((path) => resolve(from, path));
  const stack = options.stack;
  const catalogue = catalogueIn(options.catalogue);
  const packs = absolute(options["policy-pack"]);
  const engine = previewed(stack, packs, absolute(options["policy-pack-config"]), folder);
  const preview = readPreview(engine.eventLog, engine.digest);
  // A policy that blocks ends the engine as an error does; one on single resources before the stack is judged as a whole.
  const isBlocked = preview.findings.some(({ level }) => level === "mandatory");
  const isCutShort = !isBlocked && (engine.code !== 0 || (packs.length > 0 && !preview.isJudged));
  // With a backend of several projects a stack is named organization/project/stack.
  const name = stack.split("/").at(-1) ?? stack;
  const made = reviewOf({
    project: projectOf(folder).name,
    stack: name,
    preview,
    ...(isCutShort && { failure: engine.said || `the engine ended with exit code ${engine.code}` }),
    catalogue,
    program: programIn(folder),
  });
  const out = options.out ?? join(folder, ".nfvlab", "review", name);
  const files = {
    "review.md": renderReviewMarkdown(made, "cpu-map.svg"),
    "review.sarif": renderReviewSarif(made, version()),
    "review.junit.xml": renderReviewJunit(made),
    "cpu-map.svg": drawCpuMaps(made),
  };
  write(out, files);
  return { said: saidOf(made, out), code: CODES[made.outcome] };
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  } catch (cause) {
    throw new InputError({
      code: "review-unwritable",
      problem: `the review can't be written into ${folder}`,
      observed: whyRefused(cause),
      expected: "a folder, which is made where it is not there",
      cause,
    });
  }
}

/** The nearest folder upwards that has a project: the engine takes the same. */
function projectFolder(from: string): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"].some((name) => existsSync(join(folder, name))))
      return folder;
    if (folder === dirname(folder)) break;
  }
  throw new InputError({
    code: "project-missing",
    problem: `there is no project to review in ${from}`,
    observed: "no Pulumi.yaml there or above",
    hint: "run it in the project's folder",
  });
}

function saidOf(made: Review, out: string): string {
  const lines = [
    `review of ${made.project}/${made.stack}: ${outcomeOf(made)}`,
    ...made.errors.map((error) => `  ${error.split("\n")[0]}`),
    ...blocking(made).map(({ policy, found }) => `  ${policy}: ${found}`),
    `written to ${out}`,
  ];
  return lines.map((line) => `${plain(line)}\n`).join("");
}

function argumentsOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        stack: { type: "string", short: "s" },
        out: { type: "string" },
        "policy-pack": { type: "string", multiple: true },
        "policy-pack-config": { type: "string", multiple: true },
        catalogue: { type: "string" },
      },
    });
    const stack = values.stack ?? process.env["PULUMI_STACK"] ?? "";
    if (stack === "") throw new TypeError("no stack is named");
    return { ...values, stack };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const [problem = ""] = cause.message.split("\n");
    throw new InputError({ code: "usage", problem: problem.replace(/\.$/, ""), hint: USAGE, cause });
  }
}

interface Previewed {
  readonly code: number;
  readonly eventLog: string;
  readonly digest: string;
  /** The last words on standard error. */
  readonly said: string;
}

/** The log has every property in it, and secrets as they are among its debug messages: nobody else may read it, and it is not kept. */
function previewed(
  stack: string,
  packs: readonly string[],
  levels: readonly string[],
  folder: string,
): Previewed {
  const kept = mkdtempSync(join(tmpdir(), "nfvlab-review-"));
  const log = join(kept, "events.json");
  try {
    const { status, stdout, stderr, error } = spawnSync(
      "pulumi",
      [
        ...[
          "preview",
          "--json",
          "--event-log",
          log,
          "--stack",
          stack,
          "--non-interactive",
          "--color",
          "never",
        ],
        ...packs.flatMap((pack) => ["--policy-pack", pack]),
        ...levels.flatMap((file) => ["--policy-pack-config", file]),
      ],
      {
        cwd: folder,
        encoding: "utf8",
        maxBuffer: 2 ** 30,
        stdio: ["ignore", "pipe", "pipe"],
        // The engine takes --event-log only then.
        env: { ...process.env, PULUMI_DEBUG_COMMANDS: "true" },
      },
    );
    const said = (error?.message ?? stderr).trim().replace(/^error: /, "");
    if (said.includes("no stack named")) {
      throw new InputError({
        code: "stack-unknown",
        problem: `there is no stack ${stack}`,
        hint: `make it: npm run pulumi -- stack init ${stack}`,
      });
    }
    return {
      code: status ?? 1,
      eventLog: existsSync(log) ? readFileSync(log, "utf8") : "",
      digest: stdout ?? "",
      said,
    };
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}

function catalogueIn(file: string | undefined): CataloguedPolicy[] {
  if (file === undefined) return [];
  try {
    return JSON.parse(readFileSync(file, "utf8")) as CataloguedPolicy[];
  } catch (cause) {
    throw new InputError({
      code: "catalogue-unreadable",
      problem: `${file} holds no catalogue of policies`,
      cause,
    });
  }
}

/** Name and main file of the project; the engine says what is wrong with it. */
function projectOf(folder: string): { name: string; main: string } {
  const file = join(folder, "Pulumi.yaml");
  if (!existsSync(file)) return { name: "", main: "index.ts" };
  const { name = "", main = "" } = (parse(readFileSync(file, "utf8")) ?? {}) as {
    name?: string;
    main?: string;
  };
  const [found] = [main, join(main, "index.ts"), join(main, "index.js")].filter(
    (path) => /\.[cm]?[jt]s$/.test(path) && existsSync(join(folder, path)),
  );
  return { name, main: found ?? "index.ts" };
}

/** The program's main file and what that imports, within the project's folder. */
function programIn(folder: string): ProgramFiles {
  const files = new Map<string, string>();
  const open = [projectOf(folder).main];
  for (let file = open.shift(); file !== undefined && files.size < MOST_FILES; file = open.shift()) {
    const isOutside = relative(folder, join(folder, file)).startsWith("..");
    if (files.has(file) || isOutside || file.includes("node_modules") || !existsSync(join(folder, file)))
      continue;
    const text = readFileSync(join(folder, file), "utf8");
    files.set(file, text);
    open.push(...importedBy(file, text));
  }
  return files;
}

function version(): string {
  const file = join(import.meta.dirname, "../../package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
